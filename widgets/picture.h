#pragma once

#include <QSize>
#include <QString>

class QPainter;
class QRect;

namespace halftone {

/// What a view can give away: a picture at any size (screen, PNG, SVG, PDF) and the numbers behind it.
class Picture {
public:
    virtual ~Picture() = default;
    virtual QSize pictureSize() const = 0;
    virtual void drawPicture(QPainter& painter, const QRect& area) = 0;
    /// With a header line; RFC 4180, point as decimal sign, 9 significant digits (float32 round-trips).
    virtual QString csv() const = 0;
};

/// Writes `picture` under its title, in the format of the file's ending: png (2×), svg, pdf, csv. Atomic.
/// @throws Error{InvalidArgument} for another ending, Error{Io} when the file cannot be written.
/// @param size of the picture without its title; an empty size takes the picture's own.
void savePicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& size = {});
void copyPicture(Picture& picture, const QString& title, const QString& subtitle);

} // namespace halftone
