#include "app/studio/what_if_panel.h"

#include "app/studio/document.h"
#include "app/studio/level_histogram.h"
#include "app/studio/plan_editor.h"
#include "app/studio/text.h"
#include "app/studio/what_if_figures.h"
#include "core/recipe/bulk_edit.h"
#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/palette.h"

#include <QEvent>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include <unordered_map>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kLongestKind = 76;   // pixels: a long name must not push the panel's other texts out of it

Plan applied(const Plan& plan, const PlanPatch& patch)
{
    PlanPatch whole = wholePatch(plan);
    whole.merge(patch);
    return planOf(whole);
}

} // namespace

WhatIfPanel::WhatIfPanel(const Document& document, JobRunner& jobs, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_whatIf(new WhatIf(document, jobs, this))
{
    setObjectName(u"whatIf"_s);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 8, 0, 0);
    column->setSpacing(4);
    QFont bold = font();
    bold.setBold(true);
    const auto heading = [&](const QString& text) {
        auto* label = new QLabel(text, this);
        label->setFont(bold);
        return label;
    };
    m_histogramTitle = heading(tr("Weights and grid levels"));
    m_histogramTitle->setWordWrap(true);
    m_histogramTitle->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    column->addWidget(m_histogramTitle);
    m_histogram = new LevelHistogram(this);
    column->addWidget(m_histogram);
    column->addSpacing(8);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(0, 0, 0, 0);
    m_title = heading({});
    m_title->setObjectName(u"planTitle"_s);
    head->addWidget(m_title, 1);
    const auto button = [this](const QString& name, const QString& text) {
        auto* made = new QPushButton(text, this);
        made->setObjectName(name);
        made->setAutoDefault(false);
        made->setFocusPolicy(Qt::TabFocus);
        return made;
    };
    m_drop = button(u"whatIfDrop"_s, tr("Drop"));
    m_drop->setFlat(true);
    head->addWidget(m_drop);
    column->addLayout(head);
    m_plan = new PlanEditor(this);
    column->addWidget(m_plan);
    column->addSpacing(8);
    m_figures = new WhatIfFigures(this);
    column->addWidget(m_figures);
    column->addSpacing(4);
    auto* buttons = new QGridLayout;
    buttons->setContentsMargins(0, 0, 0, 0);
    buttons->setSpacing(4);
    buttons->setColumnStretch(0, 1);
    buttons->setColumnStretch(1, 1);
    m_apply = button(u"whatIfApply"_s, tr("Apply"));
    m_kind = button(u"whatIfApplyKind"_s, {});
    m_filter = button(u"whatIfApplyFilter"_s, {});
    buttons->addWidget(m_apply, 0, 0);
    buttons->addWidget(m_kind, 0, 1);
    buttons->addWidget(m_filter, 1, 0, 1, 2);
    column->addLayout(buttons);

    connect(m_plan, &PlanEditor::candidateChanged, this, [this] {
        updateButtons();
        ask();
    });
    connect(m_whatIf, &WhatIf::weightsRead, this, &WhatIfPanel::showWeights);
    connect(m_whatIf, &WhatIf::answered, this, &WhatIfPanel::showAnswer);
    connect(m_whatIf, &WhatIf::answeredMany, this, [this](const WhatIfMedian& median) {
        if (m_cases.size() > 1)
            m_figures->setMedian(median, m_sizes);
    });
    connect(m_whatIf, &WhatIf::failed, this, [this](const QString& sentence) { m_figures->setMessage(sentence); });
    connect(m_histogram, &LevelHistogram::saveFailed, this, &WhatIfPanel::saveFailed);
    connect(m_apply, &QPushButton::clicked, this, [this] { apply(m_targets, false); });
    connect(m_kind, &QPushButton::clicked, this, [this] { apply(m_document.linearsOfKind(m_linear), true); });
    connect(m_filter, &QPushButton::clicked, this, [this] { apply(m_filtered, true); });
    connect(m_drop, &QPushButton::clicked, m_plan, &PlanEditor::dropCandidate);
}

void WhatIfPanel::setTargets(const std::string& linear, const QStringList& targets)
{
    if (targets != m_targets || linear != m_linear) {
        m_targets = targets;
        m_linear = linear;
        m_plan->dropCandidate();
    }
    refresh();
}

void WhatIfPanel::setFiltered(const QStringList& linears)
{
    m_filtered = linears;
    updateButtons();
}

void WhatIfPanel::refresh()
{
    std::vector<Plan> plans;
    std::int64_t width = -1;
    for (const QString& name : m_targets) {
        const std::string key = name.toStdString();
        const Plan* plan = m_document.plan(key);
        const LinearInfo* info = m_document.linear(key);
        if (!plan || !info)
            continue;
        plans.push_back(*plan);
        width = width < 0 || width == info->in ? info->in : 0;
    }
    const LinearInfo* linear = m_document.linear(m_linear);
    setVisible(!plans.empty() && linear);
    if (plans.empty() || !linear) {
        m_asked.reset();
        m_answer.reset();
        m_cases.clear();
        m_whatIf->clear();
        return;
    }
    m_title->setText(plans.size() == 1 ? tr("What if") : tr("What if, of %1 linears").arg(plans.size()));
    m_plan->setContract(m_document.recipe().contract, *linear);
    QStringList others;
    if (const SiteInfo* site = m_document.site(linear->block, linear->site))
        for (const std::string& name : site->linears)
            if (!m_targets.contains(toQString(name)) && name != linear->name)
                others << toQString(std::string_view(name).substr(name.rfind('.') + 1));
    m_plan->setSite(others, [config = m_document.model().config, site = linear->site](const MethodChoice& transform) { return whyNotTransform(transform, config, site); });
    m_plan->setPlans(plans, std::max<std::int64_t>(0, width));
    m_plan->setReadOnly(m_document.readOnly());
    updateButtons();
    ask();
}

void WhatIfPanel::updateButtons()
{
    const LinearInfo* linear = m_document.linear(m_linear);
    const bool some = !m_plan->candidate().empty(), writable = !m_document.readOnly();
    const QString readOnly = tr("The project is read-only");
    m_apply->setText(m_targets.size() > 1 ? tr("&Apply to %1").arg(m_targets.size()) : tr("&Apply"));
    m_apply->setEnabled(some && writable);
    m_apply->setToolTip(!writable ? readOnly : some ? tr("Change the plan of what is selected; one undo step") : tr("Change a field first: there is nothing to apply"));
    m_drop->setVisible(some);
    m_drop->setToolTip(tr("Back to the plan that stands"));
    const QString kind = linear ? toQString(linear->shortName()) : QString();
    m_kind->setText(tr("To a&ll %1").arg(m_kind->fontMetrics().elidedText(kind, Qt::ElideMiddle, kLongestKind)));
    m_kind->setAccessibleName(tr("To all %1").arg(kind));
    m_kind->setEnabled(writable && linear);
    m_kind->setToolTip(writable ? tr("Give every %1 the plan shown here; one undo step").arg(kind) : readOnly);
    m_filter->setVisible(!m_filtered.isEmpty());
    m_filter->setText(tr("To the &filter's %1").arg(m_filtered.size()));
    m_filter->setEnabled(writable);
    m_filter->setToolTip(writable ? tr("Give every linear that the Layers filter shows the plan shown here; one undo step") : readOnly);
}

void WhatIfPanel::apply(const QStringList& linears, bool whole)
{
    PlanPatch patch = m_plan->candidate();
    if (whole) {
        const Plan* plan = m_document.plan(m_linear);
        if (!plan)
            return;
        patch = wholePatch(applied(*plan, patch));
        if (!m_plan->candidate().transform)
            patch.transform.reset();    // a site's: only where it was chosen here
        if (!m_plan->candidate().compensation)
            patch.compensation.reset();
    }
    Q_EMIT patchRequested(linears, patch);
}

void WhatIfPanel::ask()
{
    const Plan* now = m_document.plan(m_linear);
    const LinearInfo* linear = m_document.linear(m_linear);
    if (!now || !linear || !isVisible())
        return;
    const SiteStatistics* site = m_document.statistics(linear->block, linear->site);
    askMany();
    Asked asked{m_linear, *now, applied(*now, m_plan->candidate()), site ? site->sample.get() : nullptr, m_document.analysis().settings};
    if (m_asked == asked) {
        if (m_answer && m_cases.size() < 2)
            m_figures->setAnswer(*m_answer, sizesOf({{m_linear, m_answer->now.plan, m_answer->then.plan}}));   // after several, the one that was there before
        return;
    }
    if (!m_asked || m_asked->linear != asked.linear) {
        m_answer.reset();
        m_histogram->setBars({});
        if (m_cases.size() < 2)
            m_figures->setMessage(tr("Reading the weights…"));
    }
    m_asked = asked;
    m_whatIf->ask(m_linear, asked.now, asked.then);
    showWeights();
}

/// As the header counts: packed where a packed format holds the whole recipe, with these plans in it, else dense.
WhatIfSizes WhatIfPanel::sizesOf(const std::vector<WhatIfCase>& cases) const
{
    WhatIfSizes sizes{static_cast<int>(cases.size()), 0, 0, false};
    std::unordered_map<std::string, const Plan*> tried;
    for (const WhatIfCase& one : cases)
        if (one.then != one.now)
            tried.emplace(one.linear, &one.then);
    const bool dense = m_document.packing().packing == Packing::DenseOnly;
    sizes.dense = dense;
    if (!tried.empty()) {
        std::vector<ResolvedPlan> plans = m_document.plans();
        for (ResolvedPlan& resolved : plans)
            if (const auto found = tried.find(resolved.linear); found != tried.end())
                resolved.plan = *found->second;
        sizes.dense = packingOf(plans, m_document.model(), m_document.recipe().kvCache).packing == Packing::DenseOnly;
    }
    for (const WhatIfCase& one : cases)
        if (const LinearInfo* info = m_document.linear(one.linear)) {
            sizes.now += layer_texts::storedBytes(*info, one.now, dense);
            sizes.then += layer_texts::storedBytes(*info, one.then, sizes.dense);
        }
    return sizes;
}

/// Of several linears, all are meant: their sizes are added, their errors looked at together.
void WhatIfPanel::askMany()
{
    std::vector<WhatIfCase> cases;
    for (const QString& name : m_targets.size() > 1 ? m_targets : QStringList()) {
        const std::string key = name.toStdString();
        const Plan* plan = m_document.plan(key);
        const LinearInfo* info = m_document.linear(key);
        if (!plan || !info)
            continue;
        cases.push_back({key, *plan, applied(*plan, m_plan->candidate())});
    }
    m_sizes = sizesOf(cases);
    const AnalysisSettings settings = m_document.analysis().settings;
    if (cases == m_cases && m_askedSites == m_document.analysis().sites.size() && m_askedSettings == settings)
        return;
    m_cases = std::move(cases);
    m_askedSites = m_document.analysis().sites.size();
    m_askedSettings = settings;
    if (m_cases.size() < 2)
        return;
    m_figures->setMessage(tr("Looking at %1 linears…").arg(m_cases.size()));
    m_whatIf->askMany(m_cases);
}

void WhatIfPanel::showWeights()
{
    const std::shared_ptr<const LinearWeights> weights = m_whatIf->weights();
    if (!weights)
        return;
    HistogramPlot::Bars bars;
    const Histogram& histogram = weights->histogram();
    bars.values.assign(histogram.counts.begin(), histogram.counts.end());
    bars.low = histogram.low;
    bars.high = histogram.high > histogram.low ? histogram.high : histogram.low + 1;
    bars.value = tr("weights");
    bars.logarithmic = true;             // the few that stand far out, which set the scale, are to be seen
    bars.axis = tr("weight");
    if (m_answer) {
        const auto& levels = m_answer->then.linear.levels;
        bars.levels.assign(levels.begin(), levels.end());
        if (!levels.empty())
            bars.axis = tr("%1 levels, median scale").arg(levels.size());
    }
    const double step = (bars.high - bars.low) / std::max<double>(1, static_cast<double>(bars.values.size()));
    m_histogram->setReadout([low = bars.low, step](int bar, double value) {
        return QStringList{tr("%1 … %2").arg(formatValue(low + bar * step, 3), formatValue(low + (bar + 1) * step, 3)), tr("%1 weights").arg(formatValue(value, 6))};
    });
    const bool sampled = weights->rows() < weights->out();
    const LinearInfo* linear = m_document.linear(weights->linear());
    const QString which = m_targets.size() > 1 && linear ? tr(" of %1").arg(toQString(linear->shortName())) : QString();
    m_histogramTitle->setText(sampled ? tr("Weights and grid levels%1, %2 of %3 rows").arg(which).arg(weights->rows()).arg(weights->out())
                                      : tr("Weights and grid levels%1").arg(which));
    m_histogram->setBars(std::move(bars));
}

void WhatIfPanel::showAnswer(const WhatIfAnswer& answer)
{
    const LinearInfo* linear = m_document.linear(answer.linear);
    if (!linear || answer.linear != m_linear)
        return;
    m_answer = answer;
    if (m_cases.size() < 2)
        m_figures->setAnswer(answer, sizesOf({{m_linear, answer.now.plan, answer.then.plan}}));
    showWeights();
}

void WhatIfPanel::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    ask();
}

void WhatIfPanel::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_answer)
        refresh();
    QWidget::changeEvent(event);
}

} // namespace halftone
