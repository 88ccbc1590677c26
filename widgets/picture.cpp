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

QImage image(Picture& picture, const QString& title, const QString& subtitle, const QSize& size)
{
    QImage result(size * 2, QImage::Format_RGB32);
    result.setDevicePixelRatio(2);
    QPainter painter(&result);
    drawSheet(picture, title, subtitle, painter, size);
    return result;
}

[[noreturn]] void cannotWrite(const QString& file, const QString& why)
{
    throw Error(ErrorKind::Io, (file + u": cannot be written: "_s + why).toStdString(), file.toStdString());
}

} // namespace

void savePicture(Picture& picture, const QString& title, const QString& subtitle, const QString& file, const QSize& wanted)
{
    const QString ending = QFileInfo(file).suffix().toLower();
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    const QSize size = sheetSize(picture, wanted);
    if (ending == u"png"_s) {
        if (!image(picture, title, subtitle, size).save(&buffer, "PNG"))
            cannotWrite(file, u"the picture is too large for PNG"_s);
    } else if (ending == u"svg"_s) {
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
        bytes = picture.csv().toUtf8();
    } else {
        throw Error(ErrorKind::InvalidArgument, (file + u": pictures are saved as .png, .svg, .pdf, numbers as .csv; not as \"."_s + ending + u'"').toStdString(),
            file.toStdString());
    }
    QSaveFile out(file);
    if (!out.open(QIODevice::WriteOnly) || out.write(bytes) != bytes.size() || !out.commit())
        cannotWrite(file, out.errorString());
}

void copyPicture(Picture& picture, const QString& title, const QString& subtitle)
{
    QApplication::clipboard()->setImage(image(picture, title, subtitle, sheetSize(picture, {})));
}

} // namespace halftone
