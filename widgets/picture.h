#pragma once

#include <QByteArray>
#include <QImage>
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

/// A picture under its title, drawn and ready to be written.
struct PictureFile {
    QString file;
    QImage image;       ///< of a .png: encoding it takes long enough to be another thread's work
    QByteArray bytes;   ///< of every other format
};

/// Draws `picture` under its title, in the format of the file's ending: png, svg, pdf, csv. On the GUI thread.
/// @param size of the picture without its title; an empty size takes the picture's own.
/// @param scale pixels of a .png for one of the screen, 1…8
/// @throws Error{InvalidArgument} for another ending or scale.
PictureFile drawPicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& size = {}, int scale = 2);
/// Encodes and writes it, atomically; on any thread. @throws Error{Io} when the file cannot be written.
void writePicture(const PictureFile& drawn);

/// Both at once.
void savePicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& size = {}, int scale = 2);
void copyPicture(Picture& picture, const QString& title, const QString& subtitle);
/// The numbers behind it, as CSV text.
void copyNumbers(const Picture& picture);

} // namespace halftone
