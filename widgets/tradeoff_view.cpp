#include "widgets/tradeoff_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QMouseEvent>
#include <QToolTip>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

class TradeoffView::TradeoffPicture final : public Picture {
public:
    explicit TradeoffPicture(TradeoffView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_plot->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override { drawPlot(*m_view.m_plot, painter, area); }
    QString csv() const override
    {
        QString out = u"model,bits_per_weight,perplexity,perplexity_stderr,kl_mean,kl_mean_stderr\r\n"_s;
        const auto number = [](double value) { return QString::number(value, 'g', 9); };
        for (const TradeoffPoint& p : m_view.m_points) {
            QString label = p.label;
            label.replace(u'"', u"\"\""_s);
            out += QStringList{u'"' + label + u'"', number(p.bits), number(p.perplexity), number(p.perplexityError), p.kl < 0 ? QString() : number(p.kl),
                               p.kl < 0 ? QString() : number(p.klError)}
                       .join(u',')
                + u"\r\n"_s;
        }
        return out;
    }

private:
    TradeoffView& m_view;
};

TradeoffView::TradeoffView(QWidget* parent) : ViewFrame(u"tradeoff"_s, tr("Quality against size"), parent), m_picture(std::make_unique<TradeoffPicture>(*this))
{
    m_figure = new SegmentedControl(this);
    m_figure->setObjectName(u"tradeoffFigure"_s);
    m_figure->setAccessibleName(tr("Figure of quality"));
    m_figure->setSegments({tr("perplexity"), tr("KL")}, {tr("On the text measured: less is better"), tr("KL(float ‖ this), nats a token: less is better")});
    controls()->addWidget(m_figure);
    controls()->addStretch();
    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(u"tradeoffPlot"_s);
    m_plot->setAccessibleName(tr("Quality against bits a weight"));
    m_plot->setMinimumSize(200, 120);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->xAxis->setLabel(tr("bits a weight"));
    m_plot->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    setContent(m_plot, m_picture.get());
    setFocusProxy(m_plot);
    connect(m_figure, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        if (const int index = pointAt(event->pos()); index >= 0 && event->button() == Qt::LeftButton)
            Q_EMIT pointClicked(m_points[static_cast<std::size_t>(index)].row);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const int index = pointAt(event->pos());
        m_plot->setCursor(index >= 0 ? Qt::PointingHandCursor : Qt::ArrowCursor);
        if (index < 0)
            return;
        const TradeoffPoint& p = m_points[static_cast<std::size_t>(index)];
        QString tip = tr("%1\n%2 bits a weight\nperplexity %3").arg(p.label, formatValue(p.bits, 3), formatWithError(p.perplexity, p.perplexityError));
        if (p.kl >= 0)
            tip += u'\n' + tr("KL %1").arg(formatWithError(p.kl, p.klError));
        QToolTip::showText(event->globalPosition().toPoint(), tip, m_plot);
    });
    setEmptyState(tr("Each measured model becomes a point here: how good against how small."), {});
    setHasData(false);
}

TradeoffView::~TradeoffView() = default;

bool TradeoffView::kl() const
{
    return m_figure->current() == 1;
}

void TradeoffView::setKl(bool kl)
{
    m_figure->setCurrent(kl ? 1 : 0);
    refresh();
}

double TradeoffView::value(const TradeoffPoint& point) const
{
    if (!kl())
        return point.perplexity > 0 && std::isfinite(point.perplexity) ? point.perplexity : std::numeric_limits<double>::quiet_NaN();
    return point.reference ? 0 : point.kl >= 0 ? point.kl : std::numeric_limits<double>::quiet_NaN();
}

int TradeoffView::pointAt(const QPoint& position) const
{
    int best = -1;
    double nearest = 14;
    for (std::size_t i = 0; i < m_points.size(); ++i) {
        const double v = value(m_points[i]);
        if (m_points[i].reference || !std::isfinite(v))
            continue;
        const double distance = std::hypot(m_plot->xAxis->coordToPixel(m_points[i].bits) - position.x(), m_plot->yAxis->coordToPixel(v) - position.y());
        if (distance < nearest) {
            nearest = distance;
            best = static_cast<int>(i);
        }
    }
    return best;
}

void TradeoffView::setPoints(std::vector<TradeoffPoint> points, const QString& text)
{
    m_points = std::move(points);
    setSubtitle(text);
    refresh();
}

void TradeoffView::refresh()
{
    const Colours& c = colours();
    m_plot->clearGraphs();
    m_plot->clearItems();
    m_plot->clearPlottables();
    double low = std::numeric_limits<double>::infinity(), high = -low, left = low, right = -low;
    const QFont small = tabularFont(font(), false, 1);
    std::vector<std::pair<QCPItemText*, const TradeoffPoint*>> names;
    for (const TradeoffPoint& p : m_points) {
        const double v = value(p);
        if (!std::isfinite(v))
            continue;
        const double error = kl() ? p.klError : p.perplexityError;
        low = std::min(low, v - error);
        high = std::max(high, v + error);
        if (p.reference) {
            auto* line = new QCPItemStraightLine(m_plot);
            line->point1->setCoords(0, v);
            line->point2->setCoords(1, v);
            line->setPen(QPen(c.faint, 1, Qt::DashLine));
            auto* name = new QCPItemText(m_plot);
            name->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
            name->position->setTypeY(QCPItemPosition::ptPlotCoords);
            name->position->setCoords(1, v);
            name->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
            name->setText(p.label);
            name->setColor(c.faint);
            name->setFont(small);
            continue;
        }
        left = std::min(left, p.bits);
        right = std::max(right, p.bits);
        const SeriesLook look = runLook(p.run);
        QCPGraph* graph = m_plot->addGraph();
        graph->setLineStyle(QCPGraph::lsNone);
        graph->setScatterStyle(QCPScatterStyle(look.marker, QPen(p.chosen ? c.outline : look.colour, p.chosen ? 2 : 1), QBrush(look.colour), p.chosen ? 12 : 9));
        graph->setData(QVector<double>{p.bits}, QVector<double>{v});
        auto* bars = new QCPErrorBars(m_plot->xAxis, m_plot->yAxis);
        bars->setDataPlottable(graph);
        bars->setData(QVector<double>{error});
        bars->setPen(QPen(look.colour, 1));
        auto* name = new QCPItemText(m_plot);
        name->position->setCoords(p.bits, v);
        name->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        name->setPadding(QMargins(10, 0, 0, 0));
        name->setText(QFontMetrics(small).elidedText(p.label, Qt::ElideMiddle, std::max(150, m_plot->axisRect()->width() * 2 / 5)));
        name->setColor(p.chosen ? c.text : c.faint);
        name->setFont(small);
        names.emplace_back(name, &p);
    }
    const bool any = low <= high;
    if (any) {
        const double height = std::max(high - low, std::abs(high) * 0.02 + 1e-9);
        m_plot->yAxis->setRange(low - height * 0.15, high + height * 0.2);
        if (left > right)
            left = right = 4;
        const double width = std::max(right - left, 1.0);
        m_plot->xAxis->setRange(std::max(0.0, left - width * 0.15), right + width * 0.55);   // names stand to the right
    }
    // Names of points that lie close go above, beside and below.
    for (std::size_t i = 0; i < names.size(); ++i) {
        int near = 0;
        for (std::size_t j = 0; j < i; ++j)
            near += std::abs(m_plot->xAxis->coordToPixel(names[i].second->bits) - m_plot->xAxis->coordToPixel(names[j].second->bits)) < 100
                && std::abs(m_plot->yAxis->coordToPixel(value(*names[i].second)) - m_plot->yAxis->coordToPixel(value(*names[j].second))) < 14;
        const std::array<Qt::Alignment, 3> places{Qt::AlignVCenter, Qt::AlignBottom, Qt::AlignTop};
        names[i].first->setPositionAlignment(Qt::AlignLeft | places[static_cast<std::size_t>(near) % places.size()]);
        if (near % 3 != 0)
            names[i].first->setPadding(QMargins(10, 6, 0, 6));
    }
    m_plot->yAxis->setLabel(kl() ? tr("KL, nats a token ↓") : tr("perplexity ↓"));
    m_plot->xAxis->ticker()->setTickCount(4);
    m_plot->yAxis->ticker()->setTickCount(4);
    stylePlot(*m_plot);
    setHasData(!m_points.empty());
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void TradeoffView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refresh();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
