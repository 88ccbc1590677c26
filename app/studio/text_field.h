#pragma once

#include <QString>
#include <QWidget>

class QLineEdit;

namespace halftone {

/// A line for a text file: path, "Browse…", and the sample text that comes along.
class TextField : public QWidget {
    Q_OBJECT
public:
    /// @param sample path of the sample text; empty hides its button
    TextField(const QString& name, const QString& sample, QWidget* parent = nullptr);

    QString file() const;
    void setFile(const QString& file);
    /// Why the file cannot be used, as a sentence; empty when it can.
    QString problem() const;
    QLineEdit* edit() const { return m_edit; }

Q_SIGNALS:
    void changed();

private:
    QLineEdit* m_edit = nullptr;
};

} // namespace halftone
