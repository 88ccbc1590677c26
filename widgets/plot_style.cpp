#include "widgets/plot_style.h"

#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"

#include <QPainter>
#include <QPicture>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace halftone {

namespace {

/// The colour, as much darker or lighter as it takes to be seen on the ground of the theme in force (3 : 1, as marks need).
QColor seenOnGround(QColor colour)
{
    const QColor ground = colours().window;
    const bool dark = ground.lightness() < 128;
    for (int step = 0; step < 40 && contrast(colour, ground) < 3; ++step)
        colour = dark ? colour.lighter(106) : colour.darker(106);
    return colour;
}

} // namespace

SeriesLook seriesLook(int index)
{
    // Okabe & Ito (2008), without black and yellow, which vanish on one of the two grounds.
    static const std::array<QColor, 6> okabe{QColor(0x56, 0xb4, 0xe9), QColor(0xe6, 0x9f, 0x00), QColor(0x00, 0x9e, 0x73),
                                               QColor(0xcc, 0x79, 0xa7), QColor(0xd5, 0x5e, 0x00), QColor(0x00, 0x72, 0xb2)};
    static constexpr std::array markers{QCPScatterStyle::ssDisc, QCPScatterStyle::ssSquare, QCPScatterStyle::ssTriangle, QCPScatterStyle::ssDiamond, QCPScatterStyle::ssCross};
    static constexpr std::array dashes{Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
    const auto i = static_cast<std::size_t>(index);
    return {seenOnGround(okabe[i % okabe.size()]), markers[i % markers.size()], dashes[i % dashes.size()]};
}

SeriesLook runLook(const QString& run)
{
    if (run.isEmpty())
        return {colours().text, QCPScatterStyle::ssCircle, Qt::SolidLine};
    qsizetype digits = run.size();
    while (digits > 0 && run[digits - 1].isDigit())
        --digits;
    bool numbered = false;
    const int number = run.mid(digits).toInt(&numbered);
    if (numbered && number > 0)
        return seriesLook(number - 1);
    int sum = 0;
    for (const QChar letter : run)
        sum = (31 * sum + letter.unicode()) % 30;   // colours and markers repeat after 30
    return seriesLook(sum);
}

QPixmap runMark(const QString& run, qreal pixelRatio)
{
    if (run.isEmpty())
        return {};
    constexpr int kSize = 12;
    QPixmap picture(QSize(kSize, kSize) * pixelRatio);
    picture.setDevicePixelRatio(pixelRatio);
    picture.fill(Qt::transparent);
    const SeriesLook look = runLook(run);
    QCPPainter painter(&picture);
    painter.setAntialiasing(true);
    const QCPScatterStyle style(look.marker, QPen(look.colour, look.marker == QCPScatterStyle::ssCross ? 2 : 1), QBrush(look.colour), 8);
    style.applyTo(&painter, QPen(look.colour));
    style.drawShape(&painter, QPointF(kSize / 2.0, kSize / 2.0));
    return picture;
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
    QColor ground = c.window;
    ground.setAlpha(210);   // lines of the grid do not strike its words out
    plot.legend->setBrush(ground);
}

namespace {

/// How many points of the curves lie below a place of the plot, in pixels; those between two of them count too.
int pointsWithin(QCustomPlot& plot, const QRectF& place)
{
    int count = 0;
    bool begun = false;
    QPointF before;
    const auto look = [&](double key, double value) {
        const QPointF here(plot.xAxis->coordToPixel(key), plot.yAxis->coordToPixel(value));
        constexpr int kBetween = 16;
        if (!begun)
            before = here;
        begun = true;
        for (int i = 1; i <= kBetween; ++i)
            count += place.contains(before + (here - before) * i / kBetween);
        before = here;
    };
    for (int i = 0; i < plot.plottableCount(); ++i) {
        begun = false;
        if (const auto* graph = qobject_cast<const QCPGraph*>(plot.plottable(i)))
            for (const QCPGraphData& point : *graph->data())
                look(point.key, point.value);
        else if (const auto* curve = qobject_cast<const QCPCurve*>(plot.plottable(i)))
            for (const QCPCurveData& point : *curve->data())
                look(point.key, point.value);
    }
    return count;
}

} // namespace

void fitLegend(QCustomPlot& plot, LegendPlace place)
{
    QObject::connect(&plot, &QCustomPlot::afterLayout, &plot, [&plot, place] {
        QCPLegend* legend = plot.legend;
        const QRect room = plot.axisRect()->rect();
        if (legend->itemCount() == 0 || room.isEmpty())
            return;
        // As few rows as there is width for; none where even a column would cover the plot.
        QSize size;
        for (int columns = place == LegendPlace::Clear ? 1 : legend->itemCount(); columns >= 1; --columns) {
            legend->setWrap(columns);
            legend->setFillOrder(QCPLegend::foColumnsFirst, true);
            size = legend->minimumOuterSizeHint();
            if (size.width() <= room.width() - 16)
                break;
        }
        const bool fits = size.width() <= room.width() - 16 && size.height() <= room.height() * 0.55;
        for (int i = 0; i < legend->elementCount(); ++i)
            if (legend->elementAt(i))
                static_cast<QCPLayerable*>(legend->elementAt(i))->setVisible(fits);
        if (!fits)
            legend->setBrush(Qt::NoBrush);
        if (place == LegendPlace::Clear) {
            const QMargins inset = plot.axisRect()->insetLayout()->margins();
            const QRect inner = room.marginsRemoved(inset).adjusted(8, 8, -8, -8);
            int fewest = std::numeric_limits<int>::max();
            for (const Qt::Alignment corner : {Qt::AlignLeft | Qt::AlignTop, Qt::AlignRight | Qt::AlignTop, Qt::AlignRight | Qt::AlignBottom, Qt::AlignLeft | Qt::AlignBottom}) {
                const QRect here(QPoint(corner & Qt::AlignLeft ? inner.left() : inner.right() - size.width(), corner & Qt::AlignTop ? inner.top() : inner.bottom() - size.height()), size);
                if (const int covered = pointsWithin(plot, here); covered < fewest) {
                    fewest = covered;
                    plot.axisRect()->insetLayout()->setInsetAlignment(0, corner);
                }
            }
        }
        plot.axisRect()->insetLayout()->update(QCPLayoutElement::upLayout);
    });
}

QString ValueTicker::getTickLabel(double tick, const QLocale&, QChar, int)
{
    if (m_unit == Unit::Bytes)
        return tick < 0 ? QString() : formatBytes(static_cast<std::uint64_t>(tick));
    if (m_unit == Unit::Duration)
        return tick < 0 ? QString() : tick < 10 ? formatValue(tick, 2) + QStringLiteral(" s") : formatDuration(tick);
    return formatValue(tick, 4);
}

QVector<double> LogValueTicker::createTickVector(double step, const QCPRange& range)
{
    constexpr double kFewDecades = 2.6;
    const double decades = range.lower > 0 ? std::log10(range.upper / range.lower) : kFewDecades;
    if (decades >= kFewDecades)
        return QCPAxisTickerLog::createTickVector(step, range);
    if (decades < 0.3) {   // as good as linear
        const double rough = (range.upper - range.lower) / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
        const double width = power * (rough < 2 * power ? 2 : rough < 5 * power ? 5 : 10);
        QVector<double> ticks;
        for (double tick = std::ceil(range.lower / width) * width; tick <= range.upper; tick += width)
            ticks << tick;
        return ticks;
    }
    static const std::vector<double> kRound{1, 2, 5}, kFine{1, 1.5, 2, 3, 4, 5, 6, 8};
    const std::vector<double>& digits = decades < 0.75 ? kFine : kRound;
    QVector<double> ticks;
    const auto first = static_cast<int>(std::floor(std::log10(range.lower))), last = static_cast<int>(std::ceil(std::log10(range.upper)));
    for (int power = first; power <= last; ++power)
        for (const double digit : digits)
            ticks << digit * std::pow(10.0, power);   // those out of sight are trimmed
    return ticks;
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
