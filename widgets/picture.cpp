#include "widgets/picture.h"

#include "core/base/error.h"
#include "widgets/palette.h"

#include <QApplication>
#include <QBuffer>
#include <QClipboard>
#include <QFileInfo>
#include <QImage>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kMargin = 12;
constexpr int kHead = 28;

QSize sheetSize(const Picture& picture, const QSize& wanted)
{
    const QSize size = (wanted.isEmpty() ? picture.pictureSize() : wanted).expandedTo(QSize(320, 160));
    return {size.width() + 2 * kMargin, size.height() + 2 * kMargin + kHead};
}

void drawSheet(Picture& picture, const QString& title, const QString& subtitle, QPainter& painter, const QSize& size)
{
    painter.fillRect(QRect(QPoint(0, 0), size), colours().window);
    painter.setRenderHint(QPainter::Antialiasing);
    QFont bold = QApplication::font();
    bold.setWeight(QFont::DemiBold);
    painter.setFont(bold);
    painter.setPen(colours().text);
    const QRect head(kMargin, kMargin, size.width() - 2 * kMargin, kHead - 8);
    painter.drawText(head, Qt::AlignLeft | Qt::AlignVCenter, title);
    const int indent = QFontMetrics(bold).horizontalAdvance(title) + 16;
    painter.setFont(QApplication::font());
    painter.setPen(colours().faint);
    painter.drawText(head.adjusted(indent, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter,
        QFontMetrics(QApplication::font()).elidedText(subtitle, Qt::ElideRight, std::max(0, head.width() - indent)));
    picture.drawPicture(painter, QRect(kMargin, kMargin + kHead, size.width() - 2 * kMargin, size.height() - 2 * kMargin - kHead));
}

QImage image(Picture& picture, const QString& title, const QString& subtitle, const QSize& size, int scale)
{
    QImage result(size * scale, QImage::Format_RGB32);
    if (result.isNull())
        throw Error(ErrorKind::OutOfMemory, QStringLiteral("a picture of %1 × %2 pixels does not fit in memory").arg(size.width() * scale).arg(size.height() * scale).toStdString());
    result.setDevicePixelRatio(scale);
    QPainter painter(&result);
    drawSheet(picture, title, subtitle, painter, size);
    return result;
}

[[noreturn]] void cannotWrite(const QString& file, const QString& why)
{
    throw Error(ErrorKind::Io, (file + u": cannot be written: "_s + why).toStdString(), file.toStdString());
}

} // namespace

PictureFile drawPicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& wanted, int scale)
{
    if (scale < 1 || scale > 8)
        throw Error(ErrorKind::InvalidArgument, (file + u": a picture is saved at 1 to 8 times its size, not "_s + QString::number(scale)).toStdString(), file.toStdString());
    const QString ending = QFileInfo(file).suffix().toLower();
    PictureFile drawn{file, {}, {}};
    const QSize size = sheetSize(picture, wanted);
    if (ending == u"png"_s) {
        drawn.image = image(picture, title, subtitle, size, scale);
        return drawn;
    }
    QBuffer buffer(&drawn.bytes);
    buffer.open(QIODevice::WriteOnly);
    if (ending == u"svg"_s) {
        QSvgGenerator generator;
        generator.setOutputDevice(&buffer);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(0, 0), size));
        generator.setTitle(title);
        generator.setDescription(subtitle);
        QPainter painter(&generator);
        drawSheet(picture, title, subtitle, painter, size);
    } else if (ending == u"pdf"_s) {
        QPdfWriter writer(&buffer);
        writer.setTitle(title);
        writer.setCreator(u"Halftone"_s);
        writer.setResolution(96);
        writer.setPageMargins(QMarginsF());
        writer.setPageSize(QPageSize(QSizeF(size) * 72 / 96, QPageSize::Point, QString(), QPageSize::ExactMatch));
        QPainter painter(&writer);
        drawSheet(picture, title, subtitle, painter, size);
    } else if (ending == u"csv"_s) {
        buffer.close();
        drawn.bytes = picture.csv().toUtf8();
    } else {
        throw Error(ErrorKind::InvalidArgument, (file + u": pictures are saved as .png, .svg, .pdf, numbers as .csv; not as \"."_s + ending + u'"').toStdString(),
            file.toStdString());
    }
    return drawn;
}

void writePicture(const PictureFile& drawn)
{
    QByteArray bytes = drawn.bytes;
    if (!drawn.image.isNull()) {
        QBuffer buffer(&bytes);
        buffer.open(QIODevice::WriteOnly);
        if (!drawn.image.save(&buffer, "PNG"))
            cannotWrite(drawn.file, u"the picture is too large for PNG"_s);
    }
    QSaveFile out(drawn.file);
    if (!out.open(QIODevice::WriteOnly) || out.write(bytes) != bytes.size() || !out.commit())
        cannotWrite(drawn.file, out.errorString());
}

void savePicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& size, int scale)
{
    writePicture(drawPicture(picture, title, subtitle, file, size, scale));
}

void copyPicture(Picture& picture, const QString& title, const QString& subtitle)
{
    QApplication::clipboard()->setImage(image(picture, title, subtitle, sheetSize(picture, {}), 2));
}

void copyNumbers(const Picture& picture)
{
    QApplication::clipboard()->setText(picture.csv());
}

} // namespace halftone
