#include "widgets/memory_plot.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"

#include <QEvent>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

MemoryPlot::MemoryPlot(QWidget* parent) : QCustomPlot(parent)
{
    setObjectName(u"runMemory"_s);
    setAccessibleName(tr("Memory over time"));
    addGraph();
    addGraph();
    m_planLabel = new QCPItemText(this);
    m_planLabel->setPositionAlignment(Qt::AlignRight | Qt::AlignTop);
    m_planLabel->position->setType(QCPItemPosition::ptAxisRectRatio);   // above all that is drawn
    m_planLabel->position->setCoords(1, 0);
    m_planLabel->setPadding(QMargins(4, 1, 4, 1));
    xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Duration)));
    yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Bytes)));
    xAxis->ticker()->setTickCount(3);
    yAxis->ticker()->setTickCount(3);
    xAxis->setSubTicks(false);
    yAxis->setSubTicks(false);
    setMinimumWidth(120);
    axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    connect(this, &QCustomPlot::beforeReplot, this, [this] { xAxis->ticker()->setTickCount(std::clamp(axisRect()->width() / 56, 2, 4)); });   // tick texts must not touch
    restyle();
}

void MemoryPlot::setMemory(const std::vector<MemorySample>& samples, std::uint64_t plan, bool steps)
{
    QVector<double> xs, ys;
    m_peak = 0;
    for (const MemorySample& sample : samples) {
        xs << sample.seconds;
        ys << static_cast<double>(sample.bytes);
        m_peak = std::max(m_peak, sample.bytes);
    }
    graph(0)->setLineStyle(steps ? QCPGraph::lsStepRight : QCPGraph::lsLine);
    graph(0)->setData(xs, ys, true);
    const double end = xs.isEmpty() ? 1 : std::max(1.0, xs.back());
    graph(1)->setData(plan > 0 ? QVector<double>{0, end} : QVector<double>{}, plan > 0 ? QVector<double>{double(plan), double(plan)} : QVector<double>{}, true);
    m_planLabel->setVisible(plan > 0);
    m_planLabel->setText(tr("plan %1").arg(formatBytes(plan)));
    xAxis->setRange(0, end);
    yAxis->setRange(0, std::max<double>(1, static_cast<double>(std::max(m_peak, plan))) * 1.22);
    replot(rpQueuedReplot);
}

void MemoryPlot::restyle()
{
    stylePlot(*this);
    const Colours& c = colours();
    graph(0)->setPen(QPen(c.accent, 1.5));
    QColor under = c.accent;
    under.setAlpha(40);
    graph(0)->setBrush(under);
    graph(1)->setPen(QPen(c.warning, 1.5, Qt::DashLine));
    m_planLabel->setColor(c.warning);
    m_planLabel->setFont(tabularFont(font(), false, 1));
    replot(rpQueuedReplot);
}

void MemoryPlot::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_planLabel)
        restyle();
    QCustomPlot::changeEvent(event);
}

} // namespace halftone
