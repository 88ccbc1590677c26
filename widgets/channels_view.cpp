#include "widgets/channels_view.h"

#include "widgets/channels_plot.h"
#include "widgets/colour_map.h"
#include "widgets/grid_controls.h"
#include "widgets/plain_labels.h"
#include "widgets/segmented_control.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

double medianOf(std::vector<float> values)
{
    if (values.empty())
        return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Largest over median.
double ratioOf(const std::vector<float>& values)
{
    const double median = medianOf(values);
    return values.empty() || median <= 0 ? 0 : static_cast<double>(*std::max_element(values.begin(), values.end())) / median;
}

} // namespace

ChannelsView::ChannelsView(QWidget* parent) : ViewFrame(u"channels"_s, tr("Channels"), parent)
{
    m_order = new SegmentedControl(this);
    m_order->setObjectName(u"channelsOrder"_s);
    m_order->setAccessibleName(tr("Order of channels"));
    m_order->setSegments({tr("sorted"), tr("by index")}, {tr("Largest channel first"), tr("As the channels lie in the model")});
    m_after = new QCheckBox(tr("after &grid"), this);
    m_after->setObjectName(u"channelsAfter"_s);
    m_after->setToolTip(tr("Also what this grid leaves of each channel, over the sampled tokens"));
    m_controls = new GridControls(u"channels"_s, GridControls::Form::Compact, this);
    m_transform = new QComboBox(this);
    m_transform->setObjectName(u"channelsTransform"_s);
    m_transform->setAccessibleName(tr("Before and after a transform"));
    m_transform->setToolTip(tr("Draws the channels after a transform too: a run's, or one tried on the sampled tokens"));
    m_transform->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_transform->setMinimumContentsLength(12);
    m_transform->setMaximumWidth(240);
    auto* rows = new QVBoxLayout;
    rows->setSpacing(4);
    auto* first = new QHBoxLayout;
    first->setSpacing(12);
    first->addWidget(m_order);
    first->addWidget(m_after);
    first->addStretch();
    rows->addLayout(first);
    auto* second = new QHBoxLayout;
    second->addWidget(m_transform, 1);
    second->addStretch();
    rows->addLayout(second);
    rows->addWidget(m_controls);
    controls()->addLayout(rows, 1);
    m_controls->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);   // they come and go: they widen no panel
    m_controls->hide();
    m_plot = new ChannelsPlot(this);
    setContent(m_plot, m_plot);
    setFocusProxy(m_plot);
    connect(m_order, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_transform, &QComboBox::currentIndexChanged, this, [this] {
        requestTrial();
        refresh();
    });
    connect(m_after, &QCheckBox::toggled, this, [this](bool on) {
        m_controls->setVisible(on);
        request();
        m_plot->setSummary(m_summary, on);
        updateSubtitle();
    });
    connect(m_controls, &GridControls::gridChosen, this, [this](const ActivationGrid& grid) {
        request();
        Q_EMIT gridChosen(grid);
    });
    connect(m_plot, &ChannelsPlot::channelsChosen, this, [this](std::int64_t channel, std::int64_t channels) {
        if (!m_site)
            return;
        Selection wish = m_selection;   // its token stays
        if (wish.block != m_site->site.block || wish.site != m_site->site.kind)
            wish.linear.clear();
        wish.block = m_site->site.block;
        wish.site = m_site->site.kind;
        wish.setChannel(channel, channels);
        Q_EMIT selectionRequested(wish);
    });
    setEmptyState(tr("Analyze, then choose an activation in another view to see its channels here."), {});
    fillTransforms();
    clear();
}

ChannelsView::~ChannelsView() = default;

void ChannelsView::clear()
{
    m_site.reset();
    m_summary.reset();
    m_channel = -1;
    setSubtitle({});
    setHasData(false);
}

void ChannelsView::setSite(const SiteStatistics& site)
{
    const bool same = m_site && m_site->site.name == site.site.name && m_site->sample == site.sample;
    m_site = site;
    if (!same) {
        m_summary.reset();
        m_plot->setSummary({}, false);
        m_trial.reset();
        m_trialId.clear();
    }
    m_after->setEnabled(site.sample != nullptr);
    m_after->setToolTip(site.sample ? tr("Also what this grid leaves of each channel, over the sampled tokens")
                                    : tr("This analysis kept no sample; analyze again to see what a grid leaves"));
    refresh();
    if (!same) {
        request();
        requestTrial();
    }
}

void ChannelsView::fillTransforms()
{
    const QString before = transform();
    const QSignalBlocker quiet(m_transform);
    m_transform->clear();
    m_transform->addItem(tr("as measured"), QString());
    if (m_runChange)
        m_transform->addItem(tr("%1: %2").arg(m_run, QString::fromStdString(m_runChange->method)), u"run"_s);
    for (const Trial& trial : m_trials) {
        m_transform->addItem(tr("try %1").arg(trial.name), trial.id);
        if (trial.why.isEmpty())
            continue;
        const int last = m_transform->count() - 1;
        m_transform->setItemData(last, plainTip(trial.why), Qt::ToolTipRole);
        if (auto* model = qobject_cast<QStandardItemModel*>(m_transform->model()))
            model->item(last)->setEnabled(false);
    }
    const int index = m_transform->findData(before);
    m_transform->setCurrentIndex(index < 0 || !(m_transform->model()->flags(m_transform->model()->index(index, 0)) & Qt::ItemIsEnabled) ? 0 : index);
}

void ChannelsView::setRunChange(const QString& run, const std::optional<SiteChange>& change)
{
    if (!change && !m_runChange)
        return;
    m_run = run;
    m_runChange = change;
    fillTransforms();
    refresh();
}

void ChannelsView::setTrials(std::vector<Trial> trials)
{
    m_trials = std::move(trials);
    fillTransforms();
}

QString ChannelsView::transform() const { return m_transform->currentData().toString(); }

void ChannelsView::setTransform(const QString& id)
{
    const int index = m_transform->findData(id);
    if (index >= 0 && (m_transform->model()->flags(m_transform->model()->index(index, 0)) & Qt::ItemIsEnabled))
        m_transform->setCurrentIndex(index);
}

void ChannelsView::requestTrial()
{
    const QString id = transform();
    if (!m_site || id.isEmpty() || id == u"run")
        return;
    m_trial.reset();
    m_trialId.clear();
    m_trialWhy.clear();
    if (m_site->sample)
        Q_EMIT trialRequested(m_site->site.block, m_site->site.kind, id);
    else
        setTrial(id, {}, tr("this analysis kept no sample; analyze again"));
}

void ChannelsView::setTrial(const QString& id, const std::optional<SiteChange>& change, const QString& why)
{
    if (id != transform())
        return;
    m_trialId = id;
    m_trial = change;
    m_trialWhy = why;
    refresh();
}

const SiteChange* ChannelsView::change() const
{
    const QString id = transform();
    const std::optional<SiteChange>& change = id == u"run" ? m_runChange : m_trial;
    if (id.isEmpty() || !change || !m_site || change->site != m_site->site.kind || (id != u"run" && m_trialId != id)
        || change->before.size() != m_site->channelAbsmax.size())
        return nullptr;
    return &*change;
}

ActivationGrid ChannelsView::grid() const
{
    return m_controls->grid();
}

void ChannelsView::setGrid(const ActivationGrid& grid)
{
    if (grid == m_controls->grid())
        return;
    m_controls->setGrid(grid);
    if (isGridShown())
        request();
}

void ChannelsView::setGridShown(bool shown)
{
    m_after->setChecked(shown);
}

bool ChannelsView::isGridShown() const
{
    return m_after->isChecked();
}

void ChannelsView::request()
{
    if (m_site && m_site->sample && !(m_summary && m_summaryGrid == grid()))
        Q_EMIT summaryRequested(m_site->sample, grid());
}

void ChannelsView::setSummary(const SiteSample& sample, const ActivationGrid& grid, std::shared_ptr<const ChannelSummary> summary)
{
    if (!m_site || m_site->sample.get() != &sample || !(grid == this->grid()) || !summary)
        return;
    m_summary = std::move(summary);
    m_summaryGrid = grid;
    m_plot->setSummary(m_summary, isGridShown());
    updateSubtitle();
}

void ChannelsView::setSorted(bool sorted)
{
    m_order->setCurrent(sorted ? 0 : 1);
    refresh();
}

bool ChannelsView::isSorted() const
{
    return m_order->current() == 0;
}

void ChannelsView::setSelection(const Selection& selection)
{
    const bool here = m_site && selection.block == m_site->site.block && selection.site == m_site->site.kind;
    m_selection = selection;
    m_channel = here ? selection.channel : -1;
    m_plot->setMarked(m_channel, selection.channels);
}

void ChannelsView::refresh()
{
    if (!m_site)
        return;
    if (const SiteChange* shown = change()) {   // both on the same tokens
        m_plot->setChannels(shown->before, medianOf(shown->before), isSorted());
        m_plot->setChanged(shown->after);
    } else {
        m_plot->setChannels(m_site->channelAbsmax, m_site->medianChannelAbsmax(), isSorted());
        m_plot->setChanged({});
    }
    m_plot->setSummary(m_summary, isGridShown());
    m_plot->setMarked(m_channel, m_selection.channels);
    updateSubtitle();
    setHasData(!m_site->channelAbsmax.empty());
}

void ChannelsView::updateSubtitle()
{
    if (!m_site)
        return;
    const std::string_view kind = label(m_site->site.kind);
    if (const SiteChange* shown = change()) {
        const QString asleep = shown->asleep > 0 ? tr(" · %1 channels asleep in the calibration text, factor 1").arg(shown->asleep) : QString();
        setSubtitle(tr("block %1 · %2 · %3: outlier ratio %4 → %5 · %6 rounded to zero %7 → %8 · %9 tokens")
                        .arg(m_site->site.block)
                        .arg(QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size())), QString::fromStdString(shown->method), formatValue(ratioOf(shown->before), 3),
                             formatValue(ratioOf(shown->after), 3), gridText(shown->grid), formatShare(shown->kernelBefore), formatShare(shown->kernelAfter))
                        .arg(shown->tokens) + asleep);
        return;
    }
    if (const QString id = transform(); !id.isEmpty() && id == m_trialId && !m_trialWhy.isEmpty()) {
        setSubtitle(m_trialWhy);
        return;
    }
    QString text = tr("block %1 · %2 · outlier ratio %3").arg(m_site->site.block).arg(QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size())),
        formatValue(m_site->outlierRatio(), 3));
    if (m_summary && isGridShown()) {
        const auto gone = std::count(m_summary->roundedAbsmax.begin(), m_summary->roundedAbsmax.end(), 0.0F);
        text += tr(" · %1: %2 of %3 channels all zero at %4 sampled tokens").arg(gridText(m_summaryGrid)).arg(gone).arg(m_summary->roundedAbsmax.size())
                    .arg(m_site->sample->rows());
    } else if (m_summary) {
        text += tr(" · band: 8 of 10 tokens");
    }
    setSubtitle(text);
}

} // namespace halftone
