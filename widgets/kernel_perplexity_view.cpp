#include "widgets/kernel_perplexity_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/segmented_control.h"
#include "widgets/study_model.h"

#include <QHBoxLayout>
#include <QMouseEvent>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

QString toText(const std::string& value)
{
    return QString::fromUtf8(value.data(), static_cast<qsizetype>(value.size()));
}

/// What a line joins: all but the bits of the activations.
QString seriesOf(const StudyMemberResult& member)
{
    const QString activations = toText(member.activations);
    const qsizetype space = activations.indexOf(u' ');
    const QString grid = space < 0 ? activations : activations.mid(space + 1);
    QStringList parts;
    if (!member.method.empty())
        parts << toText(member.method);
    if (member.weights != "W16")
        parts << toText(member.weights);
    return (parts << grid).join(u' ');
}

class PercentTicker final : public QCPAxisTicker {
protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int) override { return formatShare(tick); }
};

} // namespace

class KernelPerplexityView::KernelPerplexityPicture final : public Picture {
public:
    explicit KernelPerplexityPicture(KernelPerplexityView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_plot->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override { drawPlot(*m_view.m_plot, painter, area); }
    QString csv() const override
    {
        QString out = u"setting,series,kernel,lost,perplexity,float_perplexity\r\n"_s;
        const auto number = [](double value) { return QString::number(value, 'g', 9); };
        const auto quoted = [](QString text) { return u'"' + text.replace(u'"', u"\"\""_s) + u'"'; };
        for (const Point& p : m_view.m_points)
            out += QStringList{quoted(p.name), quoted(p.series), number(p.kernel), number(p.lost), number(p.perplexity), number(m_view.m_reference)}.join(u',') + u"\r\n"_s;
        return out;
    }

private:
    KernelPerplexityView& m_view;
};

KernelPerplexityView::KernelPerplexityView(QWidget* parent)
    : ViewFrame(u"kernel-perplexity"_s, tr("Perplexity against kernel"), parent), m_picture(std::make_unique<KernelPerplexityPicture>(*this))
{
    m_figure = new SegmentedControl(this);
    m_figure->setObjectName(u"kernelPerplexityFigure"_s);
    m_figure->setAccessibleName(tr("Share on the horizontal axis"));
    m_figure->setSegments({tr("kernel"), tr("lost")}, {tr("Share of elements rounded to zero"), tr("The same without those that were zero already")});
    controls()->addWidget(m_figure);
    controls()->addStretch();
    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(u"kernelPerplexityPlot"_s);
    m_plot->setAccessibleName(tr("Perplexity against the share rounded to zero"));
    m_plot->setMinimumSize(240, 140);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    m_plot->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new PercentTicker));
    m_plot->legend->setVisible(true);
    m_plot->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignLeft | Qt::AlignTop);
    m_plot->axisRect()->insetLayout()->setMargins(QMargins(0, 2 * QFontMetrics(tabularFont(font(), false, 1)).height() + 4, 0, 0));   // below the names of the marks
    fitLegend(*m_plot, LegendPlace::Clear);
    setContent(m_plot, m_picture.get());
    setFocusProxy(m_plot);
    connect(m_figure, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        if (const int index = pointAt(event->pos()); index >= 0 && event->button() == Qt::LeftButton)
            Q_EMIT memberChosen(m_points[static_cast<std::size_t>(index)].member);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const int index = pointAt(event->pos());
        m_plot->setCursor(index >= 0 ? Qt::PointingHandCursor : Qt::ArrowCursor);
        if (index < 0)
            return;
        const Point& p = m_points[static_cast<std::size_t>(index)];
        QToolTip::showText(event->globalPosition().toPoint(),
                           tr("%1\nkernel %2, lost %3\nperplexity %4, float %5").arg(p.name, formatShare(p.kernel), formatShare(p.lost), formatValue(p.perplexity, 5), formatValue(m_reference, 5)), m_plot);
    });
    setEmptyState(tr("Settings of a study that round activations become points here: what rounds to zero against what it costs."), {});
    setHasData(false);
}

KernelPerplexityView::~KernelPerplexityView() = default;

bool KernelPerplexityView::lost() const { return m_figure->current() == 1; }

void KernelPerplexityView::setLost(bool lost)
{
    m_figure->setCurrent(lost ? 1 : 0);
    refresh();
}

void KernelPerplexityView::setResult(const StudyResult& result)
{
    m_reference = floatPerplexity(result);
    m_points.clear();
    for (std::size_t i = 0; i < result.members.size(); ++i) {
        const StudyFigures f = figuresOf(result, result.members[i], result.study.limits);
        if (std::isnan(f.kernel) || !std::isfinite(f.perplexity))
            continue;
        m_points.push_back({static_cast<int>(i), toText(result.members[i].name), seriesOf(result.members[i]), f.kernel, f.lost, f.perplexity, toText(result.members[i].run)});
    }
    QStringList order;
    for (const Point& p : m_points)
        if (!order.contains(p.series))
            order << p.series;
    std::stable_sort(m_points.begin(), m_points.end(), [&](const Point& a, const Point& b) { return order.indexOf(a.series) < order.indexOf(b.series); });
    setSubtitle(studySubtitle(result, false));
    refresh();
}

void KernelPerplexityView::setChosen(int member)
{
    if (member == m_chosen)
        return;
    m_chosen = member;
    refresh();
}

int KernelPerplexityView::pointAt(const QPoint& position) const
{
    int best = -1;
    double nearest = 12;
    for (std::size_t i = 0; i < m_points.size(); ++i) {
        const double distance = std::hypot(m_plot->xAxis->coordToPixel(share(m_points[i])) - position.x(), m_plot->yAxis->coordToPixel(m_points[i].perplexity) - position.y());
        if (distance < nearest) {
            nearest = distance;
            best = static_cast<int>(i);
        }
    }
    return best;
}

void KernelPerplexityView::refresh()
{
    const Colours& c = colours();
    m_plot->clearPlottables();   // graphs among them
    m_plot->clearItems();
    double low = std::isfinite(m_reference) && m_reference > 0 ? m_reference : std::numeric_limits<double>::infinity();
    double high = std::isfinite(low) ? low : -std::numeric_limits<double>::infinity(), right = 0.02;
    for (const Point& p : m_points) {
        low = std::min(low, p.perplexity);
        high = std::max(high, p.perplexity);
        right = std::max(right, share(p));
    }
    const bool any = !m_points.empty() && low > 0;
    const bool logarithmic = any && high / low > 4;
    m_plot->yAxis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_plot->yAxis->setTicker(logarithmic ? QSharedPointer<QCPAxisTicker>(new LogValueTicker) : QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->yAxis->ticker()->setTickCount(4);
    m_plot->xAxis->ticker()->setTickCount(5);
    m_plot->xAxis->setLabel(lost() ? tr("lost: share rounded to zero that was not zero") : tr("kernel: share rounded to zero"));
    m_plot->yAxis->setLabel(logarithmic ? tr("perplexity, logarithmic ↓") : tr("perplexity ↓"));
    if (any) {
        m_plot->xAxis->setRange(0, right * 1.08);
        const double room = std::max(high - low, 0.02 * high);
        if (logarithmic)
            m_plot->yAxis->setRange(low / std::pow(high / low, 0.06), high * std::pow(high / low, 0.2));
        else
            m_plot->yAxis->setRange(low - 0.1 * room, high + 0.25 * room);
    }

    const QFont small = tabularFont(font(), false, 1);
    const auto mark = [&](double x, const QString& text, int line) {
        if (x > right * 1.08)
            return;
        auto* upright = new QCPItemStraightLine(m_plot);
        upright->point1->setCoords(x, 1);
        upright->point2->setCoords(x, 2);
        upright->setPen(QPen(c.faint, 1, Qt::DashLine));
        auto* name = new QCPItemText(m_plot);
        name->position->setTypeX(QCPItemPosition::ptPlotCoords);
        name->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        name->position->setCoords(x, 0);
        name->setPositionAlignment((x > right * 0.75 ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignTop);
        name->setPadding(QMargins(4, 2 + line * QFontMetrics(small).height(), 4, 2));   // on a line of its own: they may be close
        name->setText(text);
        name->setColor(c.faint);
        name->setFont(small);
    };
    if (any) {   // CrossQuant (arXiv 2410.07505): below these its authors found the two families to keep their accuracy
        mark(0.01, tr("1 %: the paper's, LLaMA"), 1);
        mark(0.19, tr("19 %: the paper's, OPT"), 0);
    }
    if (any && std::isfinite(m_reference)) {
        auto* line = new QCPItemStraightLine(m_plot);
        line->point1->setCoords(0, m_reference);
        line->point2->setCoords(1, m_reference);
        line->setPen(QPen(c.faint, 1, Qt::SolidLine));
        auto* name = new QCPItemText(m_plot);
        name->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
        name->position->setTypeY(QCPItemPosition::ptPlotCoords);
        name->position->setCoords(1, m_reference);
        name->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
        name->setPadding(QMargins(4, 1, 4, 1));
        name->setText(tr("float"));
        name->setColor(c.faint);
        name->setFont(small);
    }
    int series = 0;
    for (std::size_t first = 0; first < m_points.size(); ++series) {
        std::size_t end = first;
        QVector<double> x, y;
        for (; end < m_points.size() && m_points[end].series == m_points[first].series; ++end) {
            x << share(m_points[end]);
            y << m_points[end].perplexity;
        }
        const SeriesLook look = seriesLook(series);
        auto* line = new QCPCurve(m_plot->xAxis, m_plot->yAxis);   // in the study's order, whatever x does
        line->setData(x, y);
        line->setPen(QPen(look.colour, 1, look.dash));
        line->setScatterStyle(QCPScatterStyle(look.marker, QPen(look.colour, 1), QBrush(look.colour), 8));
        line->setName(m_points[first].series);
        first = end;
    }
    for (const Point& p : m_points) {   // of a setting that a run quantized, over its series' marker
        if (p.run.isEmpty())
            continue;
        const SeriesLook look = runLook(p.run);
        QCPGraph* own = m_plot->addGraph();
        own->removeFromLegend();
        own->setName(p.run);
        own->setLineStyle(QCPGraph::lsNone);
        own->setScatterStyle(QCPScatterStyle(look.marker, QPen(look.colour, 1), QBrush(look.colour), 9));
        own->setData(QVector<double>{share(p)}, QVector<double>{p.perplexity});
    }
    for (const Point& p : m_points)
        if (p.member == m_chosen) {
            QCPGraph* ring = m_plot->addGraph();
            ring->removeFromLegend();
            ring->setLineStyle(QCPGraph::lsNone);
            ring->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(c.text, 2), Qt::NoBrush, 14));
            ring->setData(QVector<double>{share(p)}, QVector<double>{p.perplexity});
        }
    stylePlot(*m_plot);
    m_plot->legend->setVisible(series > 1 && series <= 12);
    setHasData(any);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void KernelPerplexityView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refresh();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
