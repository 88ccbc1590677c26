#pragma once

#include "widgets/qcustomplot_wrapper.h"

#include <QColor>
#include <QPixmap>
#include <QRect>
#include <QString>

class QPainter;

namespace halftone {

/// Okabe–Ito colours with a marker and a dash each, so that lines are told apart without colour.
struct SeriesLook {
    QColor colour;
    QCPScatterStyle::ScatterShape marker;
    Qt::PenStyle dash;
};
SeriesLook seriesLook(int index);
/// The look of a run, the same in every view and for good: it follows from its id ("run-007"). `run` empty: of what is no run.
SeriesLook runLook(const QString& run);
/// That run's colour and marker as a small picture, for tables and headings; null where there is no run.
QPixmap runMark(const QString& run, qreal pixelRatio);

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
