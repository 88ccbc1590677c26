#include "app/studio/evidence_feed.h"

#include "app/studio/run_monitor.h"
#include "app/studio/text.h"
#include "widgets/channels_view.h"
#include "widgets/learned_view.h"
#include "widgets/spectrum_view.h"
#include "widgets/training_view.h"

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

/// Whether a recipe names a method that gradients train. It may name it for no linear: then there is nothing to read.
bool namesLearned(const std::string& recipeJson)
{
    const std::vector<MethodInfo> infos = methodInfos();
    return std::any_of(infos.begin(), infos.end(), [&](const MethodInfo& info) { return info.needs.gradients && recipeJson.find('"' + info.id + '"') != std::string::npos; });
}

/// … or that re-parametrises a site.
bool namesTransform(const std::string& recipeJson)
{
    const std::vector<MethodInfo> infos = methodInfos();
    return std::any_of(infos.begin(), infos.end(),
                       [&](const MethodInfo& info) { return info.kind == MethodKind::Transform && info.id != "none" && recipeJson.find('"' + info.id + '"') != std::string::npos; });
}

} // namespace

EvidenceFeed::EvidenceFeed(Document& document, JobRunner& jobs, RunMonitor& monitor, const Views& views, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
    , m_monitor(monitor)
    , m_views(views)
{
    connect(&monitor, &RunMonitor::shownChanged, this, &EvidenceFeed::follow);
    connect(&document, &Document::runBlockAdded, this, &EvidenceFeed::followBlock);
    connect(&document, &Document::trainingAdvanced, this, &EvidenceFeed::followTraining);
    connect(&document, &Document::selectionChanged, this, &EvidenceFeed::followSelection);
    const auto select = [this](const Selection& wish) { m_document.select(wish); };
    connect(views.training, &TrainingView::selectionRequested, this, select);
    connect(views.learned, &LearnedView::selectionRequested, this, select);
    connect(views.spectrum, &SpectrumView::selectionRequested, this, select);
    connect(views.channels, &ChannelsView::trialRequested, this, &EvidenceFeed::tryTransform);
    connect(&document, &Document::recipeChanged, views.channels, &ChannelsView::requestTrial);
    connect(&document, &Document::opened, this, [this] { m_preview.reset(); });
    connect(&document, &Document::closed, this, [this] { m_preview.reset(); });
    connect(&jobs, &JobRunner::ended, this, [this](const JobStatus& status) {
        if (status.tag == u"quantize"_s)
            m_views.training->setIdle();
    });
    showNothing();
}

/// Another run is shown, or none.
void EvidenceFeed::follow()
{
    ++m_generation;
    m_queue.clear();
    m_reading = -1;
    m_blocks.clear();
    m_order.clear();
    m_read.clear();
    m_any = false;
    m_run = m_monitor.shown();
    m_atWork = m_run.isEmpty() && m_monitor.isAtWork();
    if (!m_document.isOpen() || (m_run.isEmpty() && !m_atWork)) {
        showNothing();
        return;
    }
    const QString quantize = tr("Quantize…");
    m_views.learned->clear(tr("Select a linear to see what the run learned of it."));
    m_views.spectrum->clear(tr("No linear of this run was compensated. LoRC keeps the largest directions of the rounding error beside the codes, after any rounding."));
    m_views.channels->setRunChange({}, {});
    if (m_atWork) {
        m_views.training->clear(tr("The run trains nothing yet. Methods that learn show their loss here, step by step."));
        for (const BlockResult& block : m_document.results())
            if (!block.curves.empty())
                m_views.training->setBlock(block.block, block.curves);
        m_views.spectrum->setResults({}, m_document.results());
        followSelection();
        return;
    }
    const RunInfo* info = m_document.run(m_run);
    const std::vector<BlockResult>* results = m_monitor.results(m_run);
    if (!info || !results)
        return;
    m_views.spectrum->setResults(m_run, *results);
    const bool trained = namesLearned(info->recipeJson);
    if (trained)
        m_views.training->clear(tr("Reading the losses of %1…").arg(m_run));
    else
        m_views.training->clear(tr("%1 trained nothing: its methods compute every linear directly. LRQ, FlexRound, learned clipping, OmniQuant and AffineQuant learn, and show their loss here.").arg(m_run), quantize);
    if (!trained && !namesTransform(info->recipeJson))
        m_views.learned->clear(tr("%1 learned nothing: its codes and scales are all there is.").arg(m_run), quantize);
    else
        for (const BlockResult& block : *results)
            if (trained || block.block == m_document.selection().block)
                m_queue.push_back(block.block);
    if (trained && m_queue.empty())
        m_views.training->clear(tr("No block of %1 is done.").arg(m_run));
    followSelection();
}

void EvidenceFeed::showNothing()
{
    const bool open = m_document.isOpen();
    const QString sentence = open ? QString() : tr("Open a model first."), button = open ? tr("Quantize…") : QString();
    m_views.training->clear(open ? tr("No run yet. Methods that learn show here how their loss fell, block by block.") : sentence, button);
    m_views.learned->clear(open ? tr("No run yet. What a run learns of a linear and its site is shown here: divisors, clipping, scales, matrices.") : sentence, button);
    m_views.spectrum->clear(open ? tr("No run yet. Where LoRC compensates, the spectrum of the rounding error is shown here.") : sentence, button);
    m_views.channels->setRunChange({}, {});
}

void EvidenceFeed::followBlock(int block)
{
    if (!m_atWork)
        return;
    const BlockResult& result = m_document.results().back();
    if (!result.curves.empty())
        m_views.training->setBlock(block, result.curves);
    m_views.spectrum->addBlock(result);
    if (block == m_document.selection().block)
        followSelection();
}

void EvidenceFeed::followTraining(const TrainingProgress& progress)
{
    if (m_atWork)
        m_views.training->addLosses(progress.block, progress.what, progress.first, progress.steps, progress.losses);
}

void EvidenceFeed::followSelection()
{
    const Selection& selection = m_document.selection();
    m_views.training->setSelection(selection);
    m_views.spectrum->setSelection(selection);
    const int block = selection.block;
    if (block >= 0 && !m_blocks.contains(block) && block != m_reading && (m_atWork || !m_run.isEmpty())) {
        const std::vector<BlockResult>* results = m_atWork ? &m_document.results() : m_monitor.results(m_run);
        const bool done = results && std::any_of(results->begin(), results->end(), [block](const BlockResult& r) { return r.block == block; });
        const RunInfo* info = m_atWork ? nullptr : m_document.run(m_run);
        if (done && (m_atWork || (info && (namesLearned(info->recipeJson) || namesTransform(info->recipeJson))))) {
            std::erase(m_queue, block);
            m_queue.push_front(block);
        }
    }
    showBlock();
    readNext();
}

void EvidenceFeed::readNext()
{
    if (m_reading >= 0 || m_queue.empty())
        return;
    m_reading = m_queue.front();
    m_queue.pop_front();
    JobSpec spec{u"read-evidence"_s, tr("Read block %1 of %2").arg(m_reading).arg(m_run), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this, generation = m_generation](const JobError& error) {
        if (generation != m_generation)
            return;
        m_reading = -1;
        m_queue.clear();
        m_views.learned->clear(error.sentence);
        if (!m_any)
            m_views.training->clear(error.sentence);
    };
    m_jobs.submit(
        spec,
        [project = m_document.project(), run = m_run.toStdString(), block = m_reading](Progress&, const std::stop_token&) {
            // The run at work is the newest.
            return loadEvidence(*project, run.empty() ? project->runs().back().id : run, block);
        },
        [this, block = m_reading, generation = m_generation](BlockEvidence&& read) {
            if (generation == m_generation)
                keep(block, std::move(read));
        });
}

void EvidenceFeed::keep(int block, BlockEvidence&& read)
{
    m_reading = -1;
    if (!m_atWork && !m_read.contains(block) && !read.curves.empty()) {
        if (!m_any)
            m_views.training->setRun(m_run);
        m_any = true;
        m_views.training->setBlock(block, std::move(read.curves));
    }
    m_read.insert(block);
    read.curves.clear();
    const bool wanted = block == m_document.selection().block;
    if (wanted || m_order.size() < kKept) {
        if (m_order.size() >= kKept) {
            m_blocks.remove(m_order.front());
            m_order.pop_front();
        }
        m_blocks.insert(block, std::move(read));
        m_order.push_back(block);
    }
    if (wanted)
        showBlock();
    const RunInfo* info = m_document.run(m_run);
    if (m_queue.empty() && !m_any && !m_atWork && info && namesLearned(info->recipeJson))
        m_views.training->clear(tr("%1 keeps no losses: an earlier version made it, or its learned methods were for no linear.").arg(m_run), tr("Quantize…"));
    readNext();
}

/// What is kept of the selected block, in the views that show one.
void EvidenceFeed::showBlock()
{
    const Selection& selection = m_document.selection();
    const auto found = m_blocks.constFind(selection.block);
    if (found != m_blocks.cend()) {
        if (m_views.learned->block() != selection.block)
            m_views.learned->setEvidence(m_run, selection.block, found->weights, found->transforms);
        const auto change = std::find_if(found->sites.begin(), found->sites.end(), [&](const SiteChange& c) { return selection.site && c.site == *selection.site; });
        if (change != found->sites.end())
            m_views.channels->setRunChange(m_run.isEmpty() ? tr("the run at work") : m_run, *change);
        else
            m_views.channels->setRunChange({}, {});
    } else {
        m_views.channels->setRunChange({}, {});
    }
    m_views.learned->setSelection(selection);
    offerTrials();
}

/// The transforms there are, for the selected site.
void EvidenceFeed::offerTrials()
{
    const Selection& selection = m_document.selection();
    std::vector<ChannelsView::Trial> trials;
    if (selection.site && m_document.isOpen())
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Transform && info.id != "none") {
                const QString why = toQString(whyNotTransform(defaultChoice(MethodKind::Transform, info.id), m_document.model().config, *selection.site));
                trials.push_back({toQString(info.id), info.needs.block ? tr("%1, before it learns").arg(toQString(info.name)) : toQString(info.name), why});
            }
    m_views.channels->setTrials(std::move(trials));
}

/// With the parameters of the recipe where it names the transform for this site.
void EvidenceFeed::tryTransform(int block, SiteKind site, const QString& transform)
{
    const SiteStatistics* statistics = m_document.statistics(block, site);
    if (!statistics || !statistics->sample)
        return;
    PreviewRequest request{block, site, defaultChoice(MethodKind::Transform, transform.toStdString()), {}, {}, statistics->sample};
    for (std::size_t i = 0; i < m_document.plans().size(); ++i) {
        const LinearInfo& linear = m_document.model().linears[i];
        const Plan& plan = m_document.plans()[i].plan;
        if (linear.block != block)
            continue;
        request.plans.push_back(plan);
        if (linear.site != site)
            continue;
        if (plan.transform.method == request.transform.method)
            request.transform = plan.transform;
        if (plan.activations.quantized() && plan.activations.symmetric)
            request.grid = plan.activations;
    }
    if (!request.grid.quantized())
        request.grid = m_views.channels->grid();
    if (!m_preview)
        m_preview = std::make_shared<TransformPreview>(m_document.model().path);
    JobSpec spec{u"transform-preview"_s, tr("Try %1").arg(transform), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this, transform](const JobError& error) { m_views.channels->setTrial(transform, {}, error.sentence); };
    m_jobs.submit(
        spec, [preview = m_preview, request](Progress&, const std::stop_token& stop) { return preview->of(request, stop); },
        [this, transform](const SiteChange& change) { m_views.channels->setTrial(transform, change); });
}

} // namespace halftone
