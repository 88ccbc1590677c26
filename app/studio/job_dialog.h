#pragma once

#include <QDialog>
#include <QString>

#include <functional>

class QDialogButtonBox;
class QFormLayout;
class QLabel;
class QPushButton;
class QEvent;
class QVBoxLayout;

namespace halftone {

/// What the four job dialogs share: a sentence on top, a form, a note that says what it costs or why it cannot start, and Start / Cancel.
/// Opened with open(): nothing blocks.
class JobDialog : public QDialog {
    Q_OBJECT
public:
    JobDialog(const QString& name, const QString& title, const QString& explanation, const QString& start, QWidget* parent);

    void setVisible(bool visible) override;

Q_SIGNALS:
    void started();

protected:
    bool event(QEvent* event) override;
    /// That all lines and wrapped sentences need at this width.
    int wantedHeight() const;
    bool focusNextPrevChild(bool next) override;
    QFormLayout* form() const { return m_form; }
    QVBoxLayout* body() const { return m_body; }
    /// Says `note`; with a `problem` that is said instead and Start is disabled.
    void setNote(const QString& note, const QString& problem);
    QPushButton* startButton() const { return m_start; }
    /// "Copy the command": what `command` gives when it is pressed goes on the clipboard.
    void offerCommand(std::function<QString()> command);

private:
    void orderTabs();

    QVBoxLayout* m_body = nullptr;
    QFormLayout* m_form = nullptr;
    QLabel* m_note = nullptr;
    QPushButton* m_start = nullptr;
    QDialogButtonBox* m_buttons = nullptr;
};

} // namespace halftone
