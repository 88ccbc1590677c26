#include "widgets/training_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/part_look.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kMeans = 48;       ///< points of a smoothed curve
constexpr int kRaw = 2000;       ///< mini-batches drawn of the curve in front
constexpr double kDiverged = 1000;   ///< times the start: where training goes back
constexpr double kNear = 14;     ///< pixels

QString text(const std::string& s) { return QString::fromStdString(s); }

bool goodLoss(double value) { return std::isfinite(value) && value > 0; }

/// "q_proj" of "model.layers.3.self_attn.q_proj"; "block 3, transform" stays.
QString shortName(const std::string& what)
{
    const auto dot = what.rfind('.');
    return text(dot == std::string::npos ? what : what.substr(dot + 1));
}

/// The step where the curve's loss was no number, or a thousand times its start.
bool wentBack(const LossCurve& curve, std::size_t step)
{
    const double value = curve.losses[step];
    return !std::isfinite(value) || (curve.start > 0 && value > kDiverged * curve.start);
}

} // namespace

class TrainingView::TrainingPicture final : public Picture {
public:
    explicit TrainingPicture(TrainingView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_plot->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override { drawPlot(*m_view.m_plot, painter, area); }
    QString csv() const override
    {
        QString out = u"block,training,step,loss,judged_start,judged_end,best_step,rollbacks\r\n"_s;
        const auto number = [](double value) { return std::isfinite(value) ? QString::number(value, 'g', 9) : QString(); };
        for (const auto& [block, curves] : m_view.m_blocks)
            for (const Curve& curve : curves)
                for (std::size_t i = 0; i < curve.loss.losses.size(); ++i) {
                    QStringList cells{QString::number(block), u'"' + text(curve.loss.what) + u'"', QString::number(i), number(static_cast<double>(curve.loss.losses[i]))};
                    if (curve.live)
                        cells << QString() << QString() << QString() << QString();
                    else
                        cells << number(curve.loss.start) << number(curve.loss.end) << QString::number(curve.loss.bestStep) << QString::number(curve.loss.rollbacks);
                    out += cells.join(u',') + u"\r\n"_s;
                }
        return out;
    }

private:
    TrainingView& m_view;
};

TrainingView::TrainingView(QWidget* parent) : ViewFrame(u"training"_s, tr("Training"), parent), m_picture(std::make_unique<TrainingPicture>(*this))
{
    m_figure = new SegmentedControl(this);
    m_figure->setObjectName(u"trainingFigure"_s);
    m_figure->setAccessibleName(tr("Figure of the training"));
    m_figure->setSegments({tr("loss"), tr("relative")},
                          {tr("Mean squared error of the block's output against the float model's"), tr("The loss as a share of what it was judged before training: blocks become comparable")});
    controls()->addWidget(m_figure);
    controls()->addStretch();
    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(u"trainingPlot"_s);
    m_plot->setAccessibleName(tr("Loss of the trainings by step"));
    m_plot->setAccessibleDescription(tr("Left and right choose the block before and after."));
    m_plot->setMinimumSize(200, 110);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->xAxis->setLabel(tr("step"));
    m_plot->yAxis->setScaleType(QCPAxis::stLogarithmic);
    m_plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new LogValueTicker));
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    m_plot->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
    fitLegend(*m_plot);
    setContent(m_plot, m_picture.get());
    setFocusProxy(m_plot);
    connect(m_figure, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) { hover(event->pos(), event->globalPosition().toPoint()); });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        if (event->button() != Qt::LeftButton || !m_plot->axisRect()->rect().contains(event->pos()))
            return;
        if (const int block = nearestBlock(event->pos(), nullptr); block >= 0) {
            Selection wish;
            wish.block = block;
            wish.site = m_selection.site.value_or(SiteKind::MlpMiddle);
            Q_EMIT selectionRequested(wish);
        }
    });
    clear(tr("Open a model first."));
}

TrainingView::~TrainingView() = default;

void TrainingView::clear(const QString& sentence, const QString& button)
{
    m_blocks.clear();
    m_run.clear();
    m_working = -1;
    setEmptyState(sentence, button);
    setSubtitle({});
    setRunMark({});
    setHasData(false);
}

void TrainingView::setRun(const QString& name)
{
    m_blocks.clear();
    m_working = -1;
    m_run = name;
    refresh();
}

void TrainingView::setBlock(int block, std::vector<LossCurve> curves)
{
    auto& mine = m_blocks[block];
    mine.clear();
    for (LossCurve& loss : curves) {
        Curve curve{std::move(loss), 0, false, {}, {}};
        curve.steps = static_cast<int>(curve.loss.losses.size());
        smooth(curve);
        mine.push_back(std::move(curve));
    }
    if (mine.empty())
        m_blocks.erase(block);
    if (m_working == block)
        m_working = -1;
    refresh();
}

void TrainingView::addLosses(int block, const std::string& what, int first, int steps, std::span<const float> losses)
{
    if (first < 0 || losses.empty())
        return;
    auto& mine = m_blocks[block];
    auto curve = std::find_if(mine.begin(), mine.end(), [&](const Curve& c) { return c.live && c.loss.what == what; });
    if (curve == mine.end())
        curve = mine.insert(mine.end(), Curve{{}, steps, true, {}, {}});
    curve->loss.what = what;
    const auto end = static_cast<std::size_t>(first) + losses.size();
    if (curve->loss.losses.size() < end)
        curve->loss.losses.resize(end, std::numeric_limits<float>::quiet_NaN());   // a step that went back was not told
    std::copy(losses.begin(), losses.end(), curve->loss.losses.begin() + first);
    smooth(*curve);
    m_working = block;
    refresh();
}

void TrainingView::setIdle()
{
    m_working = -1;
    describe();
}

void TrainingView::setSelection(const Selection& selection)
{
    const bool same = m_selection.block == selection.block && m_selection.linear == selection.linear;
    m_selection = selection;
    if (!same)
        refresh();
}

void TrainingView::setFigure(Figure figure)
{
    m_figure->setCurrent(static_cast<int>(figure));
    refresh();
}

TrainingView::Figure TrainingView::figure() const
{
    return static_cast<Figure>(std::max(0, m_figure->current()));
}

std::vector<LossCurve> TrainingView::curves(int block) const
{
    std::vector<LossCurve> list;
    if (const auto found = m_blocks.find(block); found != m_blocks.end())
        for (const Curve& curve : found->second)
            list.push_back(curve.loss);
    return list;
}

int TrainingView::front() const
{
    if (m_blocks.contains(m_selection.block))
        return m_selection.block;
    if (m_working >= 0)
        return m_working;
    return m_blocks.empty() ? -1 : m_blocks.rbegin()->first;
}

/// Means of runs of neighbouring steps: single mini-batches jump too much to be compared.
void TrainingView::smooth(Curve& curve)
{
    curve.xs.clear();
    curve.ys.clear();
    const auto& losses = curve.loss.losses;
    const std::size_t planned = std::max(losses.size(), static_cast<std::size_t>(std::max(0, curve.steps)));
    const std::size_t run = std::max<std::size_t>(1, planned / kMeans);
    for (std::size_t first = 0; first < losses.size(); first += run) {
        double sum = 0, steps = 0, count = 0;
        for (std::size_t i = first; i < std::min(first + run, losses.size()); ++i)
            if (goodLoss(losses[i]) && !wentBack(curve.loss, i)) {
                sum += losses[i];
                steps += static_cast<double>(i);
                ++count;
            }
        if (count > 0) {
            curve.xs << steps / count;
            curve.ys << sum / count;
        }
    }
}

/// A loss as it is drawn: itself, or its share of the start. A training at work has not told its start: its first mean stands in.
double TrainingView::drawn(const Curve& curve, double loss) const
{
    if (figure() == Figure::Loss)
        return loss;
    const double start = curve.loss.start > 0 ? curve.loss.start : curve.ys.isEmpty() ? 0 : curve.ys.front();
    return start > 0 ? loss / start : std::numeric_limits<double>::quiet_NaN();
}

void TrainingView::refresh()
{
    m_plot->clearPlottables();
    const Colours& c = colours();
    const int ahead = front();
    double low = std::numeric_limits<double>::infinity(), high = 0;
    int steps = 1;
    bool others = false;
    for (const auto& [block, curves] : m_blocks)
        for (const Curve& curve : curves) {
            steps = std::max(steps, curve.steps);
            QVector<double> ys;
            for (const double loss : curve.ys) {
                const double value = drawn(curve, loss);
                ys << value;
                if (goodLoss(value)) {
                    low = std::min(low, value);
                    high = std::max(high, value);
                }
            }
            for (const double judged : {curve.loss.start, curve.loss.end})
                if (const double value = drawn(curve, judged); block == ahead && goodLoss(value)) {
                    low = std::min(low, value);
                    high = std::max(high, value);
                }
            if (block == ahead)
                continue;
            QColor grey = c.faint;
            grey.setAlpha(block == m_working ? 255 : 190);
            QCPGraph* graph = m_plot->addGraph();
            graph->setData(curve.xs, ys, true);
            graph->setPen(QPen(grey, 1, block == m_working ? Qt::DashLine : Qt::SolidLine));
            graph->setName(tr("other blocks"));
            if (others)
                graph->removeFromLegend();
            others = true;
        }
    drawFront(ahead);
    m_plot->yAxis->setLabel(figure() == Figure::Loss ? tr("MSE (log) ↓") : tr("of the start (log) ↓"));
    m_plot->xAxis->setRange(-0.01 * steps, 1.02 * steps);
    if (low <= high) {
        const double room = std::pow(high / low, 0.06) * 1.15;
        m_plot->yAxis->setRange(low / room, high * room * std::pow(high / low, 0.16));   // the legend lies above
    }
    stylePlot(*m_plot);
    m_plot->legend->setVisible(true);
    describe();
    if (!m_blocks.empty())
        setHasData(true);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

/// All are of one run, and have its colour.
SeriesLook TrainingView::lookOf(int index) const
{
    return partLook(m_run, index);
}

void TrainingView::drawFront(int block)
{
    const auto found = m_blocks.find(block);
    if (found == m_blocks.end())
        return;
    int index = 0;
    for (const Curve& curve : found->second) {
        const SeriesLook look = lookOf(index++);
        const bool chosen = found->second.size() == 1 || curve.loss.what == m_selection.linear;
        QVector<double> xs, ys, backXs, backYs;
        const std::size_t run = std::max<std::size_t>(1, curve.loss.losses.size() / kRaw);
        for (std::size_t i = 0; i < curve.loss.losses.size(); ++i) {
            if (wentBack(curve.loss, i)) {
                if (!curve.live || i + 1 < curve.loss.losses.size())
                    backXs << static_cast<double>(i);
                continue;
            }
            if (i % run == 0 && goodLoss(curve.loss.losses[i])) {
                xs << static_cast<double>(i);
                ys << drawn(curve, curve.loss.losses[i]);
            }
        }
        QColor light = look.colour;
        light.setAlpha(80);
        if (chosen || found->second.size() <= 2) {
            QCPGraph* raw = m_plot->addGraph();
            raw->setData(xs, ys, true);
            raw->setPen(QPen(light, 1));
            raw->removeFromLegend();
        }
        QVector<double> means;
        for (const double loss : curve.ys)
            means << drawn(curve, loss);
        QCPGraph* mean = m_plot->addGraph();
        mean->setData(curve.xs, means, true);
        mean->setPen(QPen(look.colour, chosen ? 2.5 : 1.5, look.dash));
        mean->setName(curve.live && block == m_working ? tr("%1, at work").arg(shortName(curve.loss.what)) : shortName(curve.loss.what));
        if (!backXs.isEmpty()) {
            const double foot = means.isEmpty() ? 1 : *std::max_element(means.begin(), means.end());
            backYs.fill(foot, backXs.size());
            QCPGraph* back = m_plot->addGraph();
            back->setData(backXs, backYs, true);
            back->setLineStyle(QCPGraph::lsNone);
            back->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCross, QPen(colours().warning, 2), Qt::NoBrush, 9));
            back->setName(tr("went back"));
        }
        if (!curve.live)
            drawJudged(curve, index - 1);
    }
}

/// What the state was judged by, before training and where it was kept.
void TrainingView::drawJudged(const Curve& curve, int index)
{
    const double start = drawn(curve, curve.loss.start), end = drawn(curve, curve.loss.end);
    QVector<double> xs, ys;
    if (goodLoss(start)) {
        xs << 0;
        ys << start;
    }
    if (goodLoss(end)) {
        xs << curve.loss.bestStep;
        ys << end;
    }
    const SeriesLook look = lookOf(index);
    QCPGraph* judged = m_plot->addGraph();
    judged->setData(xs, ys, false);
    judged->setLineStyle(QCPGraph::lsNone);
    judged->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(colours().text, 1.2), QBrush(look.colour), 9));
    judged->setName(tr("judged: start and kept"));
    if (index > 0)
        judged->removeFromLegend();
}

void TrainingView::describe()
{
    if (m_blocks.empty()) {
        setSubtitle({});
        setRunMark({});
        return;
    }
    setRunMark(m_run);
    QStringList parts{m_run.isEmpty() ? tr("the run at work") : m_run};
    const int block = front();
    parts << tr("block %1").arg(block);
    for (const Curve& curve : m_blocks.at(block)) {
        const bool one = m_blocks.at(block).size() == 1;
        if (!one && curve.loss.what != m_selection.linear && !(curve.live && m_working == block))
            continue;
        const QString name = one ? QString() : shortName(curve.loss.what) + u' ';
        if (curve.live) {
            parts << tr("%1step %2 of %3").arg(name).arg(curve.loss.losses.size()).arg(curve.steps);
            continue;
        }
        QString judged = tr("%1judged %2 → %3").arg(name, formatValue(curve.loss.start, 3), formatValue(curve.loss.end, 3));
        if (curve.loss.start > 0)
            judged += u" (−%1)"_s.arg(formatShare(1 - curve.loss.end / curve.loss.start));
        parts << judged << tr("kept step %1 of %2").arg(curve.loss.bestStep).arg(curve.loss.losses.size());
        if (curve.loss.heldOutStart >= 0)
            parts << tr("other text %1 → %2").arg(formatValue(curve.loss.heldOutStart, 3), formatValue(curve.loss.heldOutEnd, 3));
        if (curve.loss.rollbacks > 0)
            parts << tr("went back %n time(s)", nullptr, curve.loss.rollbacks);
    }
    setSubtitle(parts.join(u" · "_s));
}

int TrainingView::nearestBlock(const QPoint& position, QStringList* lines) const
{
    double least = kNear;
    int best = -1;
    const double x = position.x(), y = position.y();
    for (const auto& [block, curves] : m_blocks)
        for (const Curve& curve : curves)
            for (qsizetype i = 0; i < curve.xs.size(); ++i) {
                const double px = m_plot->xAxis->coordToPixel(curve.xs[i]), py = m_plot->yAxis->coordToPixel(drawn(curve, curve.ys[i]));
                const double distance = std::hypot(px - x, py - y) - (block == front() ? 2 : 0);   // of two at one place the one in front
                if (distance >= least)
                    continue;
                least = distance;
                best = block;
                if (!lines)
                    continue;
                *lines = {tr("block %1 · %2").arg(block).arg(shortName(curve.loss.what)),
                          tr("about step %1: mean loss %2").arg(std::lround(curve.xs[i])).arg(formatValue(curve.ys[i], 3))};
                if (!curve.live)
                    *lines << tr("judged %1 → %2 at step %3").arg(formatValue(curve.loss.start, 3), formatValue(curve.loss.end, 3)).arg(curve.loss.bestStep);
                for (const std::string& note : curve.loss.notes)
                    *lines << text(note);
            }
    return best;
}

void TrainingView::hover(const QPoint& position, const QPoint& global)
{
    QStringList lines;
    if (m_plot->axisRect()->rect().contains(position) && nearestBlock(position, &lines) >= 0)
        QToolTip::showText(global, lines.join(u'\n'), m_plot);
    else
        QToolTip::hideText();
}

void TrainingView::keyPressEvent(QKeyEvent* event)
{
    const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    const auto here = m_blocks.find(front());
    if (step == 0 || here == m_blocks.end()) {
        ViewFrame::keyPressEvent(event);
        return;
    }
    if ((step < 0 && here == m_blocks.begin()) || (step > 0 && std::next(here) == m_blocks.end()))
        return;
    Selection wish;
    wish.block = (step < 0 ? std::prev(here) : std::next(here))->first;
    wish.site = m_selection.site.value_or(SiteKind::MlpMiddle);
    Q_EMIT selectionRequested(wish);
}

void TrainingView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refresh();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
