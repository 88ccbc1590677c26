#pragma once

#include <QString>
#include <QStringList>
#include <QWidget>

class QVBoxLayout;

namespace halftone {

/// Something a person should know, in place, without a dialog.
struct Message {
    enum class Kind { Notice, Warning, Error };
    Kind kind = Kind::Notice;
    QString id;              ///< a second message with the same id replaces the first
    QString sentence;        ///< what happened; may hold text from files (shown as plain text)
    QString nextStep;        ///< what is likely to help; may be empty
    QString action;          ///< text of a button; empty: none
    QString details;         ///< for "copy details"; empty: none
    QStringList moreActions = {};   ///< further buttons after `action`
};

/// Messages under the tool row, one below the other; hidden when there is none.
class MessageBanner : public QWidget {
    Q_OBJECT

public:
    explicit MessageBanner(QWidget* parent = nullptr);
    void showMessage(const Message& message);
    void dismiss(const QString& id);
    void clear();
    int count() const;
    bool contains(const QString& id) const;

Q_SIGNALS:
    void actionRequested(const QString& id, int index);   ///< 0: `action`, then `moreActions`
    void dismissed(const QString& id);

private:
    QVBoxLayout* m_layout = nullptr;
};

} // namespace halftone
