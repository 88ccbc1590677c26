#include "app/studio/level_histogram.h"

#include "core/base/error.h"
#include "widgets/palette.h"

#include <QContextMenuEvent>
#include <QFileDialog>
#include <QMenu>
#include <QPainter>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr double kLeastGap = 4;   // pixels between levels, below which lines would hide the bars

} // namespace

LevelHistogram::LevelHistogram(QWidget* parent) : HistogramPlot(parent)
{
    setObjectName(u"weightHistogram"_s);
    setAccessibleName(tr("Histogram of the weights with the levels of the grid"));
}

void LevelHistogram::paintEvent(QPaintEvent* event)
{
    HistogramPlot::paintEvent(event);
    const QRectF plot = plotRect();
    const Bars& shown = bars();
    if (shown.levels.size() < 2 || shown.high <= shown.low || (shown.levels[1] - shown.levels[0]) / (shown.high - shown.low) * plot.width() < kLeastGap)
        return;
    QPainter painter(this);
    QPen pen(colours().accent, 1, Qt::DashLine);
    pen.setDashPattern({2, 3});
    painter.setPen(pen);
    for (const double level : shown.levels)
        if (level >= shown.low && level <= shown.high) {
            const double x = plot.left() + (level - shown.low) / (shown.high - shown.low) * plot.width();
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()));
        }
}

void LevelHistogram::contextMenuEvent(QContextMenuEvent* event)
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const QString title = tr("Weights and grid levels");
    connect(menu->addAction(icon(u"copy"_s), tr("&Copy picture")), &QAction::triggered, this, [this, title] { copyPicture(*this, title, bars().axis); });
    connect(menu->addAction(tr("Copy &numbers")), &QAction::triggered, this, [this] { copyNumbers(*this); });
    connect(menu->addAction(icon(u"save"_s), tr("&Save picture or numbers…")), &QAction::triggered, this, [this, title] {
        const QString file = QFileDialog::getSaveFileName(this, tr("Save the histogram"), u"weights.png"_s,
            tr("PNG picture (*.png);;SVG drawing (*.svg);;PDF page (*.pdf);;Numbers (*.csv)"));
        if (file.isEmpty())
            return;
        try {
            savePicture(*this, title, bars().axis, file, {480, 240});
        } catch (const Error& error) {
            Q_EMIT saveFailed(QString::fromUtf8(error.what()));
        }
    });
    menu->popup(event->globalPos());
}

} // namespace halftone
