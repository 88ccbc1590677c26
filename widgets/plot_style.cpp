#include "widgets/plot_style.h"

#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"

#include <QPainter>
#include <QPicture>

#include <array>

namespace halftone {

SeriesLook seriesLook(int index)
{
    // Okabe & Ito (2008), without black and yellow, which vanish on one of the two grounds.
    static const std::array<QColor, 6> colours{QColor(0x56, 0xb4, 0xe9), QColor(0xe6, 0x9f, 0x00), QColor(0x00, 0x9e, 0x73),
                                               QColor(0xcc, 0x79, 0xa7), QColor(0xd5, 0x5e, 0x00), QColor(0x00, 0x72, 0xb2)};
    static constexpr std::array markers{QCPScatterStyle::ssDisc, QCPScatterStyle::ssSquare, QCPScatterStyle::ssTriangle, QCPScatterStyle::ssDiamond, QCPScatterStyle::ssCross};
    static constexpr std::array dashes{Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
    const auto i = static_cast<std::size_t>(index);
    return {colours[i % colours.size()], markers[i % markers.size()], dashes[i % dashes.size()]};
}

void stylePlot(QCustomPlot& plot)
{
    const Colours& c = colours();
    plot.setBackground(QBrush(c.window));
    const QFont small = tabularFont(plot.font(), false, 1);
    for (QCPAxis* axis : {plot.xAxis, plot.yAxis}) {
        axis->setBasePen(QPen(c.line));
        axis->setTickPen(QPen(c.line));
        axis->setSubTickPen(QPen(c.line));
        axis->setNumberFormat(QStringLiteral("g"));   // the tickers' texts stand as they are
        axis->setTickLabelColor(c.faint);
        axis->setLabelColor(c.faint);
        axis->setTickLabelFont(small);
        axis->setLabelFont(small);
        axis->grid()->setPen(QPen(c.line, 1, Qt::SolidLine));
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    plot.xAxis->grid()->setVisible(false);
    plot.legend->setFont(small);
    plot.legend->setTextColor(c.text);
    plot.legend->setBorderPen(Qt::NoPen);
    plot.legend->setBrush(Qt::NoBrush);
}

QString ValueTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    if (m_unit == Unit::Bytes)
        return tick < 0 ? QString() : formatBytes(static_cast<std::uint64_t>(tick));
    if (m_unit == Unit::Duration)
        return tick < 0 ? QString() : tick < 10 ? formatValue(tick, 2) + QStringLiteral(" s") : formatDuration(tick);
    return formatValue(tick, 4);
}

QString LogValueTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    return formatValue(tick, 3);
}

void drawPlot(QCustomPlot& plot, QPainter& painter, const QRect& area)
{
    QPicture picture;
    {
        QCPPainter recorder(&picture);   // QCustomPlot paints through its own painter only
        recorder.setMode(QCPPainter::pmVectorized);
        plot.toPainter(&recorder, area.width(), area.height());
    }
    painter.save();
    painter.translate(area.topLeft());
    picture.play(&painter);
    painter.restore();
}

} // namespace halftone
