#include "widgets/study_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/study_model.h"

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

QCPScatterStyle::ScatterShape markerOf(int sensitivity)
{
    return sensitivity == 1 ? QCPScatterStyle::ssDisc : sensitivity == 2 ? QCPScatterStyle::ssDiamond : QCPScatterStyle::ssSquare;
}

} // namespace

class StudyView::StudyPicture final : public Picture {
public:
    explicit StudyPicture(StudyView& view) : m_view(view) {}
    QSize pictureSize() const override { return {std::max(640, m_view.m_plot->width()), std::max(m_view.m_plot->height(), 70 + 16 * static_cast<int>(m_view.rows().size()))}; }
    void drawPicture(QPainter& painter, const QRect& area) override
    {
        m_view.fitNames(area.size());
        drawPlot(*m_view.m_plot, painter, area);
        m_view.fitNames(m_view.m_plot->size());
    }
    QString csv() const override { return toText(studyCsv(m_view.m_result, m_view.m_limits)); }

private:
    StudyView& m_view;
};

StudyView::StudyView(QWidget* parent) : ViewFrame(u"studies"_s, tr("Perplexity by setting"), parent), m_picture(std::make_unique<StudyPicture>(*this))
{
    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(u"studyPlot"_s);
    m_plot->setAccessibleName(tr("Perplexity of each setting"));
    m_plot->setMinimumSize(240, 140);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 14, 4));
    setContent(m_plot, m_picture.get());
    setFocusProxy(m_plot);
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        if (const int member = memberAt(event->pos()); member >= 0 && event->button() == Qt::LeftButton)
            Q_EMIT memberChosen(member);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const int member = memberAt(event->pos());
        m_plot->setCursor(member >= 0 ? Qt::PointingHandCursor : Qt::ArrowCursor);
        if (member < 0)
            return;
        const StudyMemberResult& m = m_result.members[static_cast<std::size_t>(member)];
        const StudyFigures f = figuresOf(m_result, m, m_limits);
        QString tip = tr("%1\nperplexity %2, %3 of the float model's\n%4").arg(toText(m.name), formatValue(f.perplexity, 5), formatValue(f.ratio, 4), classLook(f.sensitivity).text);
        if (!std::isnan(f.kernel))
            tip += u'\n' + tr("kernel %1, lost %2").arg(formatShare(f.kernel), formatShare(f.lost));
        QToolTip::showText(event->globalPosition().toPoint(), tip, m_plot);
    });
    setEmptyState(tr("Each setting of a study becomes a row here."), {});
    setHasData(false);
}

StudyView::~StudyView() = default;

void StudyView::setResult(const StudyResult& result, const ClassLimits& limits)
{
    if (result.id != m_result.id)
        m_order.clear();
    m_result = result;
    m_limits = limits;
    refresh();
}

void StudyView::setOrder(std::vector<int> members)
{
    if (members == m_order)
        return;
    m_order = std::move(members);
    refresh();
}

void StudyView::setChosen(int member)
{
    if (member == m_chosen)
        return;
    m_chosen = member;
    refresh();
}

std::vector<int> StudyView::rows() const
{
    std::vector<int> order = m_order;
    if (order.size() != m_result.members.size()) {
        order.resize(m_result.members.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = static_cast<int>(i);
    }
    std::erase_if(order, [&](int member) { return m_result.members[static_cast<std::size_t>(member)].state != StudyMemberResult::State::Done; });
    return order;
}

int StudyView::memberAt(const QPoint& position) const
{
    if (!m_plot->axisRect()->rect().contains(position))
        return -1;
    const std::vector<int> shown = rows();
    const auto row = static_cast<int>(std::lround(-m_plot->yAxis->pixelToCoord(position.y())));
    return row >= 0 && row < static_cast<int>(shown.size()) ? shown[static_cast<std::size_t>(row)] : -1;
}

void StudyView::refresh()
{
    const Colours& c = colours();
    m_plot->clearGraphs();
    m_plot->clearItems();
    const std::vector<int> shown = rows();
    m_values.assign(shown.size(), nullptr);
    const double reference = floatPerplexity(m_result);
    double low = std::isfinite(reference) ? reference : std::numeric_limits<double>::infinity(), high = std::isfinite(reference) ? reference : -low;
    std::vector<StudyFigures> figures;
    for (const int member : shown) {
        figures.push_back(figuresOf(m_result, m_result.members[static_cast<std::size_t>(member)], m_limits));
        if (std::isfinite(figures.back().perplexity)) {
            low = std::min(low, figures.back().perplexity);
            high = std::max(high, figures.back().perplexity);
        }
    }
    const bool any = !shown.empty() && low <= high && low > 0;
    const bool logarithmic = any && high / low > 4;
    m_plot->xAxis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_plot->xAxis->setTicker(logarithmic ? QSharedPointer<QCPAxisTicker>(new LogValueTicker) : QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->xAxis->ticker()->setTickCount(5);
    m_plot->xAxis->setLabel(logarithmic ? tr("perplexity, logarithmic ↓") : tr("perplexity ↓"));
    if (any) {
        const double room = std::max(high - low, 0.02 * high);
        if (logarithmic)
            m_plot->xAxis->setRange(low / std::pow(high / low, low < reference ? 0.12 : 0.04), high * std::pow(high / low, 0.14));
        else
            m_plot->xAxis->setRange(low - (low < reference ? 0.17 : 0.05) * room, high + 0.17 * room);   // figures stand beyond the points
    }
    m_plot->yAxis->setRange(-static_cast<double>(shown.size()) + 0.4, 0.6);

    const QFont small = tabularFont(font(), false, 1);
    const auto upright = [&](double x, const QString& text, Qt::PenStyle style, bool below) {
        auto* line = new QCPItemStraightLine(m_plot);
        line->point1->setCoords(x, 0);
        line->point2->setCoords(x, 1);
        line->setPen(QPen(c.faint, 1, style));
        if (text.isEmpty())
            return;
        auto* name = new QCPItemText(m_plot);
        name->position->setTypeX(QCPItemPosition::ptPlotCoords);
        name->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        name->position->setCoords(x, below ? 1 : 0);
        name->setPositionAlignment(Qt::AlignLeft | (below ? Qt::AlignBottom : Qt::AlignTop));
        name->setPadding(QMargins(4, 1, 0, 1));
        name->setText(text);
        name->setColor(c.faint);
        name->setFont(small);
    };
    if (any && std::isfinite(reference)) {
        upright(reference, tr("float"), Qt::SolidLine, true);
        // Limits that would lie on the float model's line say nothing.
        const double left = m_plot->xAxis->coordToPixel(reference);
        for (const auto& [limit, style] : {std::pair{m_limits.first, Qt::DashLine}, std::pair{m_limits.second, Qt::DotLine}})
            if (m_plot->xAxis->coordToPixel(reference + limit) - left > 6)
                upright(reference + limit, tr("+%1").arg(formatValue(limit, 3)), style, true);
    }
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const double y = -static_cast<double>(i), x = figures[i].perplexity;
        if (!std::isfinite(x))
            continue;
        const bool chosen = shown[i] == m_chosen;
        const ClassLook look = classLook(figures[i].sensitivity);
        QCPGraph* stem = m_plot->addGraph();
        stem->setPen(QPen(chosen ? c.text : look.colour, chosen ? 2 : 1));
        stem->setData(QVector<double>{std::min(x, reference), std::max(x, reference)}, QVector<double>{y, y});
        QCPGraph* graph = m_plot->addGraph();
        graph->setLineStyle(QCPGraph::lsNone);
        const std::string& run = m_result.members[static_cast<std::size_t>(shown[i])].run;
        const SeriesLook mark = run.empty() ? SeriesLook{look.colour, markerOf(figures[i].sensitivity), Qt::SolidLine} : runLook(toText(run));   // the stem has the class's colour
        graph->setScatterStyle(QCPScatterStyle(mark.marker, QPen(chosen ? c.text : mark.colour, chosen ? 2 : 1), QBrush(mark.colour), chosen ? 10 : 7));
        graph->setName(toText(run));
        graph->setData(QVector<double>{x}, QVector<double>{y});
        auto* value = new QCPItemText(m_plot);
        value->position->setCoords(x, y);
        const bool left = x < reference;   // its stem comes from the right
        value->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
        value->setPadding(QMargins(8, 0, 8, 0));
        value->setText(formatValue(x, 4));
        value->setColor(chosen ? c.text : c.faint);
        value->setFont(small);
        m_values[i] = value;
    }
    fitNames(m_plot->size());
    stylePlot(*m_plot);
    m_plot->xAxis->grid()->setVisible(true);
    m_plot->yAxis->grid()->setVisible(false);
    m_plot->yAxis->setTickLabelColor(c.text);
    m_plot->yAxis->setTickPen(Qt::NoPen);
    setSubtitle(studySubtitle(m_result, true));
    setHasData(!shown.empty());
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

/// As many names as have a line each; the others are read by pointing at them.
void StudyView::fitNames(const QSize& size)
{
    const std::vector<int> shown = rows();
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    const int height = std::max(1, size.height() - 56);
    const int step = std::max(1, static_cast<int>(std::ceil(static_cast<double>(metrics.height()) * static_cast<double>(shown.size()) / height)));
    const QSharedPointer<QCPAxisTickerText> names(new QCPAxisTickerText);
    const int most = std::max(80, std::min(260, size.width() * 2 / 5));
    for (std::size_t i = 0; i < shown.size(); i += static_cast<std::size_t>(step))
        names->addTick(-static_cast<double>(i), metrics.elidedText(toText(m_result.members[static_cast<std::size_t>(shown[i])].name), Qt::ElideMiddle, most));
    m_plot->yAxis->setTicker(names);
    for (std::size_t i = 0; i < m_values.size(); ++i)
        if (m_values[i])
            m_values[i]->setVisible(i % static_cast<std::size_t>(step) == 0);
}

void StudyView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refresh();
    ViewFrame::changeEvent(event);
}

void StudyView::resizeEvent(QResizeEvent* event)
{
    ViewFrame::resizeEvent(event);
    fitNames(m_plot->size());
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

} // namespace halftone
