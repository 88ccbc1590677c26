#pragma once

#include "widgets/qcustomplot_wrapper.h"

#include <QColor>
#include <QRect>

class QPainter;

namespace halftone {

/// Okabe–Ito colours with a marker and a dash each, so that lines are told apart without colour.
struct SeriesLook {
    QColor colour;
    QCPScatterStyle::ScatterShape marker;
    Qt::PenStyle dash;
};
SeriesLook seriesLook(int index);

/// Axes, grid and ground after the theme in force.
void stylePlot(QCustomPlot& plot);

/// Where a legend stands: where it was put, or in the corner where it covers the least of the curves.
enum class LegendPlace { Kept, Clear };
/// Keeps the legend inside its plot, whatever size that has: as wide as there is room for, none at all where it would cover the plot.
void fitLegend(QCustomPlot& plot, LegendPlace place = LegendPlace::Kept);

/// Ticks in the program's own digits: "1.3e-4", "24 MB".
class ValueTicker final : public QCPAxisTicker {
public:
    enum class Unit { Number, Bytes, Duration };
    explicit ValueTicker(Unit unit) : m_unit(unit) {}

protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;

private:
    Unit m_unit;
};
/// The decades; 1, 2 and 5 of each where few decades are in sight.
class LogValueTicker final : public QCPAxisTickerLog {
protected:
    QVector<double> createTickVector(double step, const QCPRange& range) override;
    QString getTickLabel(double tick, const QLocale& locale, QChar formatChar, int precision) override;
};

/// Draws a plot into any painter as drawing commands, so that SVG and PDF stay sharp.
void drawPlot(QCustomPlot& plot, QPainter& painter, const QRect& area);

} // namespace halftone
