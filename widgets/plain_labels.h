#pragma once

#include <QObject>
#include <QString>

#include <cstddef>

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

/// Text of a file as a cell or a label shows it: without control characters and those that turn or hide text (shownText()), elided.
QString plainText(const QString& text, std::size_t most = 256);

/// The same in full, with its lines: for sentences.
QString plainLines(const QString& text);

/// A tool tip that says just `text`, which may come from a file: plainLines(), escaped where Qt would take it for HTML.
QString plainTip(const QString& text);

} // namespace halftone
