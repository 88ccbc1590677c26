#include "widgets/spectrum_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/part_look.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QSplitter>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

QString kindOf(const std::string& linear)
{
    const auto dot = linear.rfind('.');
    return QString::fromStdString(dot == std::string::npos ? linear : linear.substr(dot + 1));
}

} // namespace

class SpectrumView::SpectrumPicture final : public Picture {
public:
    explicit SpectrumPicture(SpectrumView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_parts->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override
    {
        const int left = area.width() / 2;
        drawPlot(*m_view.m_spectrum, painter, QRect(area.left(), area.top(), left, area.height()));
        drawPlot(*m_view.m_shares, painter, QRect(area.left() + left, area.top(), area.width() - left, area.height()));
    }
    QString csv() const override
    {
        QString out = u"block,linear,compensation,rank,energy_share,index,singular_value\r\n"_s;
        for (const Linear& linear : m_view.m_linears) {
            const LinearResult& r = linear.result;
            for (std::size_t i = 0; i < r.errorSpectrum.size(); ++i)
                out += QStringList{QString::number(linear.block), QString::fromStdString(r.linear), QString::fromStdString(r.compensation), QString::number(r.rank),
                                   QString::number(r.compensated, 'g', 9), QString::number(i + 1), QString::number(static_cast<double>(r.errorSpectrum[i]), 'g', 9)}
                           .join(u',')
                    + u"\r\n"_s;
        }
        return out;
    }

private:
    SpectrumView& m_view;
};

SpectrumView::SpectrumView(QWidget* parent) : ViewFrame(u"spectrum"_s, tr("Error spectrum"), parent), m_picture(std::make_unique<SpectrumPicture>(*this))
{
    m_parts = new QSplitter(Qt::Horizontal, this);
    m_parts->setChildrenCollapsible(false);
    m_spectrum = new QCustomPlot(m_parts);
    m_spectrum->setObjectName(u"spectrumPlot"_s);
    m_spectrum->setAccessibleName(tr("Singular values of the rounding error"));
    m_spectrum->xAxis->setLabel(tr("direction"));
    m_spectrum->yAxis->setLabel(tr("singular value (log)"));
    m_spectrum->yAxis->setScaleType(QCPAxis::stLogarithmic);
    m_spectrum->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new LogValueTicker));
    m_spectrum->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
    m_shares = new QCustomPlot(m_parts);
    m_shares->setObjectName(u"spectrumShares"_s);
    m_shares->setAccessibleName(tr("Share of the rounding error in the factors, by block"));
    m_shares->setAccessibleDescription(tr("Left and right choose the block before and after."));
    m_shares->xAxis->setLabel(tr("block"));
    const QSharedPointer<QCPAxisTickerFixed> whole(new QCPAxisTickerFixed);
    whole->setTickStep(1);
    whole->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    m_shares->xAxis->setTicker(whole);
    m_shares->xAxis->setSubTicks(false);
    m_shares->yAxis->setLabel(tr("share held ↑"));
    m_shares->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_shares->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
    for (QCustomPlot* plot : {m_spectrum, m_shares}) {
        plot->setMinimumSize(150, 110);
        plot->setFocusPolicy(Qt::StrongFocus);
        plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
        plot->legend->setFillOrder(QCPLegend::foColumnsFirst);
        fitLegend(*plot);
        m_parts->addWidget(plot);
    }
    m_parts->setStretchFactor(0, 1);
    m_parts->setStretchFactor(1, 1);
    setContent(m_parts, m_picture.get());
    setFocusProxy(m_shares);
    connect(m_spectrum, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const Linear* linear = chosen();
        const auto at = std::lround(m_spectrum->xAxis->pixelToCoord(event->pos().x()));
        if (!linear || at < 1 || at > static_cast<long>(linear->result.errorSpectrum.size()) || !m_spectrum->axisRect()->rect().contains(event->pos()))
            return;
        QStringList lines{tr("direction %1: singular value %2").arg(at).arg(formatValue(static_cast<double>(linear->result.errorSpectrum[static_cast<std::size_t>(at - 1)]), 3))};
        if (linear->result.rank > 0)
            lines << (at <= linear->result.rank ? tr("kept in the factors") : tr("beyond the rank, lost"));
        QToolTip::showText(event->globalPosition().toPoint(), lines.join(u'\n'), m_spectrum);
    });
    connect(m_shares, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const int at = static_cast<int>(std::lround(m_shares->xAxis->pixelToCoord(event->pos().x())));
        QStringList lines;
        for (const Linear& linear : m_linears)
            if (linear.block == at)
                lines << u"%1: %2"_s.arg(linear.kind, formatShare(linear.result.compensated));
        if (!lines.isEmpty() && m_shares->axisRect()->rect().contains(event->pos()))
            QToolTip::showText(event->globalPosition().toPoint(), tr("block %1").arg(at) + u'\n' + lines.join(u'\n'), m_shares);
    });
    connect(m_shares, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        const Linear* now = chosen();
        if (!now || event->button() != Qt::LeftButton || !m_shares->axisRect()->rect().contains(event->pos()))
            return;
        const int at = static_cast<int>(std::lround(m_shares->xAxis->pixelToCoord(event->pos().x())));
        for (const Linear& linear : m_linears)
            if (linear.block == at && linear.kind == now->kind)
                select(linear);
    });
    clear(tr("Open a model first."));
}

SpectrumView::~SpectrumView() = default;

void SpectrumView::clear(const QString& sentence, const QString& button)
{
    m_run.clear();
    m_linears.clear();
    setEmptyState(sentence, button);
    setSubtitle({});
    setHasData(false);
}

void SpectrumView::keep(const BlockResult& block)
{
    for (const LinearResult& result : block.linears)
        if (!result.compensation.empty() && !result.errorSpectrum.empty())
            m_linears.push_back({block.block, kindOf(result.linear), result});
}

void SpectrumView::setResults(const QString& name, const std::vector<BlockResult>& results)
{
    m_run = name;
    m_linears.clear();
    for (const BlockResult& block : results)
        keep(block);
    refresh();
}

void SpectrumView::addBlock(const BlockResult& block)
{
    std::erase_if(m_linears, [&](const Linear& linear) { return linear.block == block.block; });
    keep(block);
    std::stable_sort(m_linears.begin(), m_linears.end(), [](const Linear& a, const Linear& b) { return a.block < b.block; });
    refresh();
}

void SpectrumView::setSelection(const Selection& selection)
{
    const bool same = m_selection.linear == selection.linear && m_selection.block == selection.block;
    m_selection = selection;
    if (!same)
        refresh();
}

const SpectrumView::Linear* SpectrumView::chosen() const
{
    const Linear* best = nullptr;
    for (const Linear& linear : m_linears) {
        if (linear.result.linear == m_selection.linear)
            return &linear;
        if (!best || (linear.block == m_selection.block && best->block != m_selection.block))
            best = &linear;
    }
    return best;
}

const LinearResult* SpectrumView::shown() const
{
    const Linear* linear = chosen();
    return linear ? &linear->result : nullptr;
}

void SpectrumView::refresh()
{
    const Linear* linear = chosen();
    if (!linear) {
        if (!m_run.isEmpty() || !m_linears.empty())
            setSubtitle({});
        setHasData(false);
        return;
    }
    drawSpectrum(*linear);
    drawShares(*linear);
    setRunMark(m_run);
    QStringList parts{m_run.isEmpty() ? tr("the run at work") : m_run, tr("block %1 · %2").arg(linear->block).arg(linear->kind)};
    parts << (linear->result.rank > 0 ? tr("rank %1 holds %2 of the rounding error's energy").arg(linear->result.rank).arg(formatShare(linear->result.compensated))
                                      : tr("the factors hold %1 of the rounding error's energy").arg(formatShare(linear->result.compensated)));
    if (linear->result.linear != m_selection.linear && !m_selection.linear.empty())
        parts << tr("%1 was not compensated").arg(kindOf(m_selection.linear));
    setSubtitle(parts.join(u" · "_s));
    setHasData(true);
}

void SpectrumView::drawSpectrum(const Linear& linear)
{
    m_spectrum->clearPlottables();
    m_spectrum->clearItems();
    const Colours& c = colours();
    double low = std::numeric_limits<double>::infinity(), high = 0;
    std::size_t longest = 1;
    const auto add = [&](const LinearResult& result) {
        QVector<double> xs, ys;
        for (std::size_t i = 0; i < result.errorSpectrum.size(); ++i) {
            const double value = result.errorSpectrum[i];
            if (!(value > 0) || !std::isfinite(value))
                continue;
            xs << static_cast<double>(i + 1);
            ys << value;
            low = std::min(low, value);
            high = std::max(high, value);
        }
        longest = std::max(longest, result.errorSpectrum.size());
        QCPGraph* graph = m_spectrum->addGraph();
        graph->setData(xs, ys, true);
        return graph;
    };
    bool others = false;
    for (const Linear& other : m_linears) {
        if (other.kind != linear.kind || &other == &linear)
            continue;
        QCPGraph* graph = add(other.result);
        QColor grey = c.faint;
        grey.setAlpha(190);
        graph->setPen(QPen(grey, 1));
        graph->setName(tr("%1 of other blocks").arg(linear.kind));
        if (others)
            graph->removeFromLegend();
        others = true;
    }
    const SeriesLook look = partLook(m_run, 0);
    QCPGraph* graph = add(linear.result);
    graph->setPen(QPen(look.colour, 2));
    graph->setScatterStyle(QCPScatterStyle(look.marker, QPen(look.colour, 1), QBrush(look.colour), 4));
    graph->setName(tr("block %1").arg(linear.block));
    m_spectrum->xAxis->setRange(0.5, static_cast<double>(longest) + 0.5);
    if (low <= high)
        m_spectrum->yAxis->setRange(low / 1.15, high * 1.15 * std::pow(high / low, 0.2));
    if (linear.result.rank > 0) {
        auto* cut = new QCPItemStraightLine(m_spectrum);
        const double at = static_cast<double>(linear.result.rank) + 0.5;
        cut->point1->setCoords(at, 1);
        cut->point2->setCoords(at, 2);
        cut->setPen(QPen(c.warning, 1.5, Qt::DashLine));
        auto* name = new QCPItemText(m_spectrum);
        name->setText(tr("rank %1").arg(linear.result.rank));
        name->setColor(c.warning);
        const bool left = at > 0.7 * static_cast<double>(longest);
        name->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignBottom);
        name->position->setTypeX(QCPItemPosition::ptPlotCoords);
        name->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        name->position->setAxisRect(m_spectrum->axisRect());
        name->position->setCoords(at, 0.98);
        name->setPadding(QMargins(4, 0, 4, 2));
        name->setFont(tabularFont(font(), false, 1));
    }
    stylePlot(*m_spectrum);
    m_spectrum->legend->setVisible(others);
    m_spectrum->replot(QCustomPlot::rpQueuedReplot);
}

void SpectrumView::drawShares(const Linear& linear)
{
    m_shares->clearPlottables();
    const Colours& c = colours();
    QStringList kinds;
    int last = 0;
    double high = 0;
    for (const Linear& one : m_linears) {
        if (!kinds.contains(one.kind))
            kinds << one.kind;
        last = std::max(last, one.block);
        if (std::isfinite(one.result.compensated))
            high = std::max(high, one.result.compensated);
    }
    const SeriesLook look = partLook(m_run, 0);
    auto* bars = new QCPBars(m_shares->xAxis, m_shares->yAxis);
    auto* here = new QCPBars(m_shares->xAxis, m_shares->yAxis);
    QColor pale = look.colour;
    pale.setAlpha(110);
    for (const Linear& one : m_linears)
        if (one.kind == linear.kind && std::isfinite(one.result.compensated))
            (one.block == linear.block ? here : bars)->addData(one.block, one.result.compensated);
    for (QCPBars* part : {bars, here}) {
        part->setWidth(0.7);
        part->setPen(QPen(part == here ? c.text : look.colour, 1));   // the pale ones are seen by their edge
        part->setBrush(part == here ? look.colour : pale);
        part->setName(linear.kind);
    }
    here->removeFromLegend();
    int index = 1;
    for (const QString& kind : kinds) {
        if (kind == linear.kind)
            continue;
        QVector<double> xs, ys;
        for (const Linear& one : m_linears)
            if (one.kind == kind && std::isfinite(one.result.compensated)) {
                xs << one.block;
                ys << one.result.compensated;
            }
        const SeriesLook other = partLook(m_run, index++);
        QCPGraph* graph = m_shares->addGraph();
        graph->setData(xs, ys, true);
        graph->setPen(QPen(other.colour, 1, other.dash));
        graph->setScatterStyle(QCPScatterStyle(other.marker, QPen(other.colour, 1), QBrush(other.colour), 4));
        graph->setName(kind);
    }
    m_shares->xAxis->setRange(-0.6, last + std::max(0.6, 0.02 * last));
    m_shares->xAxis->ticker()->setTickCount(std::clamp(last + 1, 2, 8));
    m_shares->yAxis->setRange(0, std::min(1.5, std::max(0.01, high) * (kinds.size() > 2 ? 1.75 : 1.4)));   // the legend lies above
    stylePlot(*m_shares);
    m_shares->legend->setVisible(kinds.size() > 1);
    m_shares->replot(QCustomPlot::rpQueuedReplot);
}

void SpectrumView::select(const Linear& linear)
{
    Selection wish;
    wish.block = linear.block;
    wish.linear = linear.result.linear;
    Q_EMIT selectionRequested(wish);
}

void SpectrumView::keyPressEvent(QKeyEvent* event)
{
    const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    const Linear* now = chosen();
    if (step == 0 || !now) {
        ViewFrame::keyPressEvent(event);
        return;
    }
    const Linear* next = nullptr;
    for (const Linear& linear : m_linears)
        if (linear.kind == now->kind && (step > 0 ? linear.block > now->block && (!next || linear.block < next->block)
                                                  : linear.block < now->block && (!next || linear.block > next->block)))
            next = &linear;
    if (next)
        select(*next);
}

void SpectrumView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_shares)
        refresh();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
