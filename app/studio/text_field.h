#pragma once

#include <QString>
#include <QWidget>

class QLabel;
class QLineEdit;

namespace halftone {

struct TextChoice;

/// A line for texts: path, "Browse…", "Folder…", and the sample text that comes along; where JSON lines may be among them, the field that holds the text.
class TextField : public QWidget {
    Q_OBJECT
public:
    enum class Takes { Several, One };   ///< files or folders
    /// @param sample path of the sample text; empty hides its button
    TextField(const QString& name, const QString& sample, QWidget* parent = nullptr, Takes takes = Takes::Several);

    /// As TextChoice::parse() reads it.
    QString file() const;
    void setFile(const QString& line);
    TextChoice choice() const;
    /// Why the texts cannot be used, as a sentence; empty when they can.
    QString problem() const;
    QLineEdit* edit() const { return m_edit; }

Q_SIGNALS:
    void changed();

private:
    void showField();

    const Takes m_takes;
    QLineEdit* m_edit = nullptr;
    QWidget* m_fieldRow = nullptr;
    QLineEdit* m_field = nullptr;
};

} // namespace halftone
