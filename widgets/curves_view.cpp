#include "widgets/curves_view.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QMouseEvent>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

double blockFigure(const BlockResult& block, CurveFigure figure)
{
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    if (figure == CurveFigure::Drift)
        return block.canaryError >= 0 ? block.canaryError : kNone;
    double sum = 0;
    int count = 0;
    for (const LinearResult& linear : block.linears) {
        if (!linear.weights.quantized() || linear.weightSqnrDb >= 999)
            continue;
        sum += figure == CurveFigure::Sqnr ? linear.weightSqnrDb : linear.outputMse;
        ++count;
    }
    return count > 0 ? sum / count : kNone;
}

class CurvesView::CurvesPicture final : public Picture {
public:
    explicit CurvesPicture(CurvesView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_plot->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override { drawPlot(*m_view.m_plot, painter, area); }
    QString csv() const override
    {
        QString out = u"run,block,weight_sqnr_db,output_mse,canary_error\r\n"_s;
        const auto number = [](double value) { return std::isfinite(value) ? QString::number(value, 'g', 9) : QString(); };
        for (const RunCurve& curve : m_view.m_curves)
            for (const BlockResult& block : curve.blocks)
                out += QStringList{curve.name, QString::number(block.block), number(blockFigure(block, CurveFigure::Sqnr)), number(blockFigure(block, CurveFigure::OutputMse)),
                                   number(blockFigure(block, CurveFigure::Drift))}
                           .join(u',')
                    + u"\r\n"_s;
        return out;
    }

private:
    CurvesView& m_view;
};

CurvesView::CurvesView(QWidget* parent) : ViewFrame(u"curves"_s, tr("By block"), parent), m_picture(std::make_unique<CurvesPicture>(*this))
{
    m_figure = new SegmentedControl(this);
    m_figure->setObjectName(u"curvesFigure"_s);
    m_figure->setAccessibleName(tr("Figure of a block"));
    m_figure->setSegments({tr("drift"), tr("output MSE"), tr("weight SQNR")},
                          {tr("How far 128 tokens that no sample holds (the canary) have drifted from the float model's values after the block: less is better"),
                           tr("Mean squared error of the outputs of its linears: less is better"),
                           tr("Mean signal to noise of the block's weights, dB. It says nothing of what a weight is worth: round to nearest beats GPTQ here, and loses")});
    controls()->addWidget(m_figure);
    controls()->addStretch();
    m_plot = new QCustomPlot(this);
    m_plot->setObjectName(u"curvesPlot"_s);
    m_plot->setAccessibleName(tr("Figures of the runs by block"));
    m_plot->setMinimumSize(200, 120);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->xAxis->setLabel(tr("block"));
    const QSharedPointer<QCPAxisTickerFixed> whole(new QCPAxisTickerFixed);   // there is no block 2.5
    whole->setTickStep(1);
    whole->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    m_plot->xAxis->setTicker(whole);
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    m_plot->axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
    fitLegend(*m_plot);
    setContent(m_plot, m_picture.get());
    setFocusProxy(m_plot);
    connect(m_figure, &SegmentedControl::chosen, this, [this] {
        m_figureChosen = true;
        refresh();
    });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        const int block = static_cast<int>(std::lround(m_plot->xAxis->pixelToCoord(event->pos().x())));
        if (event->button() != Qt::LeftButton || !m_plot->axisRect()->rect().contains(event->pos()) || block < 0)
            return;
        Selection wish;
        wish.block = block;
        wish.site = SiteKind::MlpMiddle;
        Q_EMIT selectionRequested(wish);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const int at = static_cast<int>(std::lround(m_plot->xAxis->pixelToCoord(event->pos().x())));
        QStringList lines;
        for (const RunCurve& curve : m_curves)
            for (const BlockResult& block : curve.blocks)
                if (block.block == at && std::isfinite(blockFigure(block, figure())))
                    lines << u"%1: %2"_s.arg(curve.shown(), figure() == CurveFigure::Drift ? formatShare(blockFigure(block, figure())) : formatValue(blockFigure(block, figure()), 3));
        if (!lines.isEmpty() && m_plot->axisRect()->rect().contains(event->pos()))
            QToolTip::showText(event->globalPosition().toPoint(), tr("block %1").arg(at) + u'\n' + lines.join(u'\n'), m_plot);
    });
    setEmptyState(tr("The runs compared here are drawn block by block: drift, output error, and signal to noise of the weights."), {});
    setHasData(false);
}

CurvesView::~CurvesView() = default;

CurveFigure CurvesView::figure() const
{
    return static_cast<CurveFigure>(std::max(0, m_figure->current()));
}

void CurvesView::setFigure(CurveFigure figure)
{
    m_figure->setCurrent(static_cast<int>(figure));
    m_figureChosen = true;
    refresh();
}

void CurvesView::setCurves(std::vector<RunCurve> curves)
{
    m_curves = std::move(curves);
    const auto drifts = [](const RunCurve& curve) {
        return std::any_of(curve.blocks.begin(), curve.blocks.end(), [](const BlockResult& block) { return block.canaryError >= 0; });
    };
    if (!m_figureChosen && !m_curves.empty())   // texts too short for a canary leave no drift
        m_figure->setCurrent(static_cast<int>(std::any_of(m_curves.begin(), m_curves.end(), drifts) ? CurveFigure::Drift : CurveFigure::OutputMse));
    refresh();
}

void CurvesView::setChosen(const QString& run)
{
    m_chosen = run;
    refresh();
}

void CurvesView::setSelection(const Selection& selection)
{
    if (selection.block == m_block)
        return;
    m_block = selection.block;
    refresh();
}

void CurvesView::refresh()
{
    const CurveFigure wanted = figure();
    const bool log = wanted == CurveFigure::OutputMse;
    m_plot->clearGraphs();
    m_plot->clearItems();
    m_plot->yAxis->setScaleType(log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_plot->yAxis->setTicker(log ? QSharedPointer<QCPAxisTicker>(new LogValueTicker) : QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->yAxis->setLabel(wanted == CurveFigure::Sqnr ? tr("mean weight SQNR (dB)") : log ? tr("mean output MSE (log) ↓") : tr("drift on unseen tokens ↓"));
    double low = std::numeric_limits<double>::infinity(), high = -low;
    int last = 0;
    bool any = false;
    for (const RunCurve& curve : m_curves) {
        QVector<double> xs, ys;
        for (const BlockResult& block : curve.blocks) {
            const double value = blockFigure(block, wanted);
            last = std::max(last, block.block);
            if (!std::isfinite(value) || (log && value <= 0))
                continue;
            xs << block.block;
            ys << value;
            low = std::min(low, value);
            high = std::max(high, value);
        }
        const SeriesLook look = runLook(curve.name);
        any = any || !xs.isEmpty();
        QCPGraph* graph = m_plot->addGraph();
        graph->setName(curve.shown());
        graph->setData(xs, ys, true);
        const bool chosen = curve.name == m_chosen;
        graph->setPen(QPen(look.colour, chosen ? 2.5 : 1.5, look.dash));
        graph->setScatterStyle(QCPScatterStyle(look.marker, QPen(look.colour, 1), QBrush(look.colour), chosen ? 7 : 5));
    }
    m_plot->xAxis->setRange(-0.5, last + 0.5);
    m_plot->xAxis->ticker()->setTickCount(std::clamp(last + 1, 2, 8));
    m_plot->xAxis->setSubTicks(false);
    if (low <= high) {
        if (log)
            m_plot->yAxis->setRange(low / 1.6, high * 2.5);
        else
            m_plot->yAxis->setRange(wanted == CurveFigure::Drift ? 0 : low - (high - low) * 0.12 - 0.5, high + (high - low) * 0.3 + (wanted == CurveFigure::Drift ? 0.005 : 0.5));
    }
    if (m_block >= 0 && m_block <= last && any) {
        auto* line = new QCPItemStraightLine(m_plot);
        line->point1->setTypeY(QCPItemPosition::ptAxisRectRatio);
        line->point2->setTypeY(QCPItemPosition::ptAxisRectRatio);
        line->point1->setCoords(m_block, 0);
        line->point2->setCoords(m_block, 1);
        line->setPen(QPen(colours().outline, 1));
        line->setLayer(u"grid"_s);   // behind the lines
    }
    stylePlot(*m_plot);
    m_plot->legend->setVisible(m_curves.size() > 1);
    setSubtitle(m_curves.size() == 1 ? m_curves.front().shown() : QString());
    setRunMark(m_curves.size() == 1 ? m_curves.front().name : QString());
    setHasData(any || !m_curves.empty());
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void CurvesView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refresh();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
