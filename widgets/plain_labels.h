#pragma once

#include <QObject>
#include <QString>

namespace halftone {

/// Labels guess whether their text is HTML, and texts of files (names, paths, reasons) must not be taken for it: installed on the
/// application, it makes each label that still guesses a plain one before it is first shown, those of message boxes included. A label that
/// is meant to be HTML says Qt::RichText itself.
class PlainLabels : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;
    bool eventFilter(QObject* watched, QEvent* event) override;
};

/// A tool tip that says just `text`, which may come from a file: escaped where Qt would take it for HTML.
QString plainTip(const QString& text);

} // namespace halftone
