#include "widgets/texts_view.h"

#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/segmented_control.h"
#include "widgets/token_flow.h"
#include "widgets/token_text.h"

#include <QHBoxLayout>
#include <QScrollArea>
#include <QScrollBar>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {
constexpr int kPlotHeight = 140;
}

class TextsView::TextsPicture final : public Picture {
public:
    explicit TextsPicture(TextsView& view) : m_view(view) {}
    QSize pictureSize() const override { return m_view.m_body->size(); }
    void drawPicture(QPainter& painter, const QRect& area) override
    {
        const int below = m_view.m_plot->isHidden() ? 0 : kPlotHeight;
        m_view.m_flow->drawPicture(painter, area.adjusted(0, 0, 0, -below));
        if (below > 0)
            drawPlot(*m_view.m_plot, painter, QRect(area.left(), area.bottom() + 1 - below, area.width(), below));
    }
    QString csv() const override
    {
        QString out = u"token,text,nll,reference_nll,kl,worst_block\r\n"_s;
        const TokenTrace& t = m_view.m_trace;
        const auto number = [](const std::vector<float>& values, std::size_t i) {
            return i < values.size() && std::isfinite(values[i]) ? QString::number(static_cast<double>(values[i]), 'g', 9) : QString();
        };
        for (std::size_t i = 0; i < t.texts.size(); ++i) {
            QString text = QString::fromStdString(t.texts[i]);
            text.replace(u'"', u"\"\""_s);
            const int worst = worstBlock(t, i);
            out += QStringList{QString::number(i), u'"' + text + u'"', number(t.nll, i), number(t.referenceNll, i), number(t.divergence, i), worst < 0 ? QString() : QString::number(worst)}
                       .join(u',')
                + u"\r\n"_s;
        }
        return out;
    }

private:
    TextsView& m_view;
};

TextsView::TextsView(QWidget* parent) : ViewFrame(u"texts"_s, tr("Texts"), parent), m_picture(std::make_unique<TextsPicture>(*this))
{
    m_modes = new SegmentedControl(this);
    m_modes->setObjectName(u"textsMode"_s);
    m_modes->setAccessibleName(tr("What the tokens are coloured by"));
    m_modes->setSegments({tr("loss added"), tr("loss"), tr("float loss"), tr("KL")},
        {tr("Loss of this model minus that of the float model, nats: orange is worse"), tr("−log p of the token under this model, nats"),
            tr("−log p of the token under the float model, nats"), tr("KL(float ‖ this) where the token is predicted, nats")});
    controls()->addWidget(m_modes);
    controls()->addStretch();
    m_body = new QWidget(this);
    auto* column = new QVBoxLayout(m_body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* scroll = new QScrollArea(m_body);
    scroll->setObjectName(u"textsScroll"_s);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_flow = new TokenFlow(scroll);
    m_flow->setReadout([this](int token) { return readout(token); });
    scroll->setWidget(m_flow);
    column->addWidget(scroll, 1);
    m_plot = new QCustomPlot(m_body);
    m_plot->setObjectName(u"textsPlot"_s);
    m_plot->setAccessibleName(tr("Drift of the picked token by block"));
    m_plot->setFixedHeight(kPlotHeight);
    m_plot->xAxis->setLabel(tr("block"));
    const QSharedPointer<QCPAxisTickerFixed> whole(new QCPAxisTickerFixed);
    whole->setTickStep(1);
    whole->setScaleStrategy(QCPAxisTickerFixed::ssMultiples);
    m_plot->xAxis->setTicker(whole);
    m_plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ValueTicker(ValueTicker::Unit::Number)));
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 6, 12, 4));
    column->addWidget(m_plot);
    setContent(m_body, m_picture.get());
    setFocusProxy(m_flow);
    connect(m_modes, &SegmentedControl::chosen, this, [this](int mode) {
        m_wanted = static_cast<Mode>(mode);
        refresh();
    });
    connect(m_flow, &TokenFlow::tokenPicked, this, [this, scroll](int token) {
        refreshPlot();
        const QRectF place = m_flow->tokenRect(token);
        scroll->ensureVisible(static_cast<int>(place.center().x()), static_cast<int>(place.center().y()), 20, 30);
        if (const int worst = worstBlock(m_trace, static_cast<std::size_t>(token)); worst >= 0)
            Q_EMIT blockPicked(worst);
    });
    connect(m_flow, &TokenFlow::tokenOpened, this, [this](int token) {
        if (const int worst = worstBlock(m_trace, static_cast<std::size_t>(token)); worst >= 0)
            Q_EMIT blockOpened(worst);
    });
    setTrace({}, {});
}

TextsView::~TextsView() = default;

TextsView::Mode TextsView::mode() const
{
    return m_trace.compared() ? m_wanted : Mode::Loss;
}

void TextsView::setMode(Mode mode)
{
    m_wanted = mode;
    m_modes->setCurrent(static_cast<int>(this->mode()));
    refresh();
}

int TextsView::picked() const
{
    return m_flow->picked();
}

void TextsView::setPicked(int token)
{
    m_flow->setPicked(token);
    refreshPlot();
}

float TextsView::valueOf(std::size_t token) const
{
    switch (mode()) {
    case Mode::Added: return m_trace.nll[token] - m_trace.referenceNll[token];
    case Mode::Loss: return m_trace.nll[token];
    case Mode::Reference: return m_trace.referenceNll[token];
    case Mode::Divergence: return m_trace.divergence[token];
    }
    return std::numeric_limits<float>::quiet_NaN();
}

void TextsView::setTrace(const QString& title, const TokenTrace& trace, const QString& run)
{
    setRunMark(run);
    m_trace = trace;
    setSubtitle(title);
    setEmptyState(title.isEmpty() ? tr("Evaluate a model, and its text is shown here token by token: where quantization made it stumble, and in which block.")
                                  : tr("%1 was measured by an older version, without its tokens. Evaluate it again to see them.").arg(title),
        {});
    const QString reason = tr("Measured without a float model beside it: evaluate with the divergence to see this");
    for (const int mode : {0, 2, 3})
        m_modes->setSegmentEnabled(mode, m_trace.compared(), reason);
    m_modes->setCurrent(static_cast<int>(m_trace.compared() ? m_wanted : Mode::Loss));
    refresh();
}

void TextsView::refresh()
{
    TokenFlow::Tokens tokens;
    tokens.texts = m_trace.texts;
    for (std::size_t i = 0; i < m_trace.texts.size(); ++i)
        tokens.values.push_back(valueOf(i));
    const std::vector<float>& values = tokens.values;
    if (mode() == Mode::Added) {
        tokens.map = &ColourMap::blueOrange();
        tokens.scale = fitSymmetric(values, 0.98);
        tokens.value = tr("nats added to the token's loss, float against this");
    } else {
        tokens.map = &ColourMap::cividis();
        tokens.scale = fitScale(values, ValueScale::Kind::Linear);
        tokens.scale.low = std::min(0.0, tokens.scale.low);
        tokens.value = mode() == Mode::Loss ? tr("loss of the token, nats") : mode() == Mode::Reference ? tr("loss of the token under the float model, nats") : tr("KL where the token is predicted, nats");
    }
    m_flow->setTokens(std::move(tokens));
    setHasData(!m_trace.empty());
    refreshPlot();
}

void TextsView::refreshPlot()
{
    const int token = m_flow->picked();
    const auto blocks = static_cast<std::size_t>(m_trace.blocks);
    m_plot->setVisible(!m_trace.drift.empty());
    m_plot->clearGraphs();
    m_plot->clearItems();
    const Colours& c = colours();
    if (token >= 0 && blocks > 0 && (static_cast<std::size_t>(token) + 1) * blocks <= m_trace.drift.size()) {   // a model by itself has no drift
        QVector<double> xs, ys;
        for (std::size_t b = 0; b < blocks; ++b) {
            xs << static_cast<double>(b);
            ys << static_cast<double>(m_trace.drift[static_cast<std::size_t>(token) * blocks + b]);
        }
        const SeriesLook look = runLook(markedRun());
        QCPGraph* graph = m_plot->addGraph();
        graph->setData(xs, ys, true);
        graph->setPen(QPen(look.colour, 1.5));
        graph->setScatterStyle(QCPScatterStyle(look.marker, QPen(look.colour, 1), QBrush(look.colour), 4));
        const double top = std::max(1e-6, *std::max_element(ys.begin(), ys.end()));
        m_plot->yAxis->setRange(0, top * 1.25);
        m_plot->xAxis->setRange(-0.5, static_cast<double>(blocks) - 0.5);
        if (const int worst = worstBlock(m_trace, static_cast<std::size_t>(token)); worst >= 0) {
            auto* line = new QCPItemStraightLine(m_plot);
            line->point1->setCoords(worst, 0);
            line->point2->setCoords(worst, 1);
            line->setPen(QPen(c.warning, 1, Qt::DashLine));
            auto* name = new QCPItemText(m_plot);
            name->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
            name->position->setCoords(worst, 0.02);
            name->setPositionAlignment((static_cast<std::size_t>(worst) * 2 < blocks ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignTop);
            name->setPadding(QMargins(5, 1, 5, 1));
            name->setText(tr("block %1 adds most").arg(worst));
            name->setColor(c.warning);
            name->setFont(tabularFont(font(), false, 1));
        }
        m_plot->yAxis->setLabel(tr("drift of “%1”").arg(tokenLabel(m_trace.texts[static_cast<std::size_t>(token)], 10)));
    } else {
        m_plot->yAxis->setRange(0, 1);
        m_plot->xAxis->setRange(-0.5, std::max(0.5, static_cast<double>(m_trace.blocks) - 0.5));
        m_plot->yAxis->setLabel(tr("drift"));
        auto* hint = new QCPItemText(m_plot);
        hint->position->setType(QCPItemPosition::ptAxisRectRatio);
        hint->position->setCoords(0.5, 0.5);
        hint->setText(tr("click a token: where in the model it went astray"));
        hint->setColor(c.faint);
        hint->setFont(font());
    }
    m_plot->xAxis->ticker()->setTickCount(std::clamp(m_trace.blocks, 2, 10));
    m_plot->xAxis->setSubTicks(false);
    m_plot->yAxis->ticker()->setTickCount(3);
    stylePlot(*m_plot);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

QStringList TextsView::readout(int token) const
{
    const auto i = static_cast<std::size_t>(token);
    QStringList lines{tr("token %1 “%2”").arg(token).arg(tokenLabel(m_trace.texts[i]))};
    if (std::isnan(m_trace.nll[i]))
        return lines << tr("not predicted: the first of its window, or not finite");
    if (!m_trace.compared())
        return lines << tr("loss %1 nats").arg(formatValue(m_trace.nll[i], 3));
    lines << tr("loss %1, float %2 nats").arg(formatValue(m_trace.nll[i], 3), formatValue(m_trace.referenceNll[i], 3));
    lines << tr("added %1 · KL %2").arg(formatValue(m_trace.nll[i] - m_trace.referenceNll[i], 3), formatValue(m_trace.divergence[i], 3));
    if (const int worst = worstBlock(m_trace, i); worst >= 0)
        lines << tr("drifts most in block %1: click to go there").arg(worst);
    return lines;
}

void TextsView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_plot)
        refreshPlot();
    ViewFrame::changeEvent(event);
}

} // namespace halftone
