// The runs of the open project: the list, the results on show, a person's words for them, and taking one away.

#include "app/studio/document.h"

#include "app/studio/text.h"
#include "core/project/run_edit.h"
#include "core/recipe/headline.h"

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

const RunInfo* Document::run(const QString& id) const
{
    for (const RunInfo& info : m_runs)
        if (toQString(info.id) == id)
            return &info;
    return nullptr;
}

const RunInfo* Document::latestRun() const
{
    const auto found = std::find_if(m_runs.rbegin(), m_runs.rend(), [](const RunInfo& info) { return info.state == "done"; });
    return found == m_runs.rend() ? nullptr : &*found;
}

const RunInfo* Document::unfinishedRun() const
{
    const auto found = std::find_if(m_runs.rbegin(), m_runs.rend(), [this](const RunInfo& info) { return info.state != "done" && toQString(info.id) != m_runAtWork; });
    return found == m_runs.rend() ? nullptr : &*found;
}

Document::RunList Document::readRuns(const Project& project, const ModelDescription& model, const QHash<QString, RunFacts>& known)
{
    RunList list;
    list.runs = project.runs();
    for (const RunInfo& run : list.runs) {
        RunFacts& facts = list.facts[toQString(run.id)] = known.value(toQString(run.id));
        facts.bytes = runBytes(project, run.id);
        if (!facts.method.isEmpty())
            continue;
        try {
            const Recipe recipe = Recipe::parse(run.recipeJson, run.id);
            facts.method = toQString(headline(plansOfRun(recipe, model), recipe.kvCache));
        } catch (const Error&) {   // of another version, or of a model that has changed: how it was called is no longer known
            facts.method = QStringLiteral("–");
        }
    }
    list.atWork = toQString(runBeingWritten(project));
    list.bytes = halftone::projectBytes(project);
    return list;
}

void Document::adopt(RunList&& list)
{
    m_runs = std::move(list.runs);
    m_runFacts = std::move(list.facts);
    m_runAtWork = std::move(list.atWork);
    m_projectBytes = list.bytes;
}

void Document::beginRun(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache)
{
    m_running = true;
    m_results.clear();
    m_runPlans = plans;
    m_runKvCache = kvCache;
    Q_EMIT resultsChanged();
}

void Document::endRun()
{
    m_running = false;
    m_runAtWork.clear();
    reloadRuns();
}

void Document::addRunBlock(const BlockResult& block)
{
    m_results.push_back(block);
    m_results.back().weights.clear();      // pictures of a block are read from its file when they are looked at
    m_results.back().transforms.clear();
    m_results.back().sites.clear();
    Q_EMIT runBlockAdded(block.block);
    refreshRuns();
}

void Document::reloadRuns()
{
    if (!isOpen())
        return;
    struct Loaded {
        RunList list;
        std::vector<BlockResult> results;
        std::vector<ResolvedPlan> plans;
        KvCacheGrid kvCache;
    };
    const int generation = m_generation;
    JobSpec spec{u"load-runs"_s, tr("Read the runs"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) {
        Q_EMIT notice(u"runs"_s, tr("The project's runs cannot be read: %1.").arg(withoutStop(error.sentence)));
    };
    m_jobs.submit(
        spec,
        [project = m_project, model = m_model, facts = m_runFacts](Progress&, const std::stop_token&) {
            Loaded loaded;
            loaded.list = readRuns(*project, model, facts);
            const auto& list = loaded.list.runs;
            const auto newest = std::find_if(list.rbegin(), list.rend(), [](const RunInfo& info) { return info.state == "done"; });
            if (newest != list.rend()) {
                loaded.results = project->results(newest->id);
                const Recipe recipe = Recipe::parse(newest->recipeJson, newest->id);
                loaded.plans = plansOfRun(recipe, model);
                loaded.kvCache = recipe.kvCache;
            }
            return loaded;
        },
        [this, generation](Loaded&& loaded) {
            if (generation != m_generation)
                return;
            adopt(std::move(loaded.list));
            if (m_running) {   // another has begun since
                Q_EMIT runListChanged();
                return;
            }
            m_results = std::move(loaded.results);
            m_runPlans = std::move(loaded.plans);
            m_runKvCache = std::move(loaded.kvCache);
            Q_EMIT runsChanged();
            Q_EMIT resultsChanged();
        });
}

void Document::refreshRuns()
{
    if (!isOpen())
        return;
    JobSpec spec{u"list-runs"_s, tr("Read the list of runs"), JobSpec::Lane::Files, false, {}, {}};
    m_jobs.submit(
        spec, [project = m_project, model = m_model, facts = m_runFacts](Progress&, const std::stop_token&) { return readRuns(*project, model, facts); },
        [this, generation = m_generation](RunList&& list) {
            if (generation != m_generation)
                return;
            adopt(std::move(list));
            Q_EMIT runListChanged();
        });
}

void Document::labelRun(const QString& id, const QString& name, const QString& note)
{
    if (!isOpen() || readOnly())
        return;
    JobSpec spec{u"label-run"_s, tr("Name %1").arg(id), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) { Q_EMIT runEditFailed(error); };
    m_jobs.submit(
        spec,
        [project = m_project, id = id.toStdString(), name = name.toStdString(), note = note.toStdString()](Progress&, const std::stop_token&) {
            halftone::labelRun(*project, id, name, note);
        },
        [this, generation = m_generation] {
            if (generation == m_generation)
                reloadRuns();
        });
}

void Document::removeRun(const QString& id)
{
    if (!isOpen() || readOnly())
        return;
    JobSpec spec{u"remove-run:"_s + id, tr("Delete %1").arg(id), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) { Q_EMIT runEditFailed(error); };
    m_jobs.submit(
        spec, [project = m_project, id = id.toStdString()](Progress&, const std::stop_token&) { halftone::removeRun(*project, id); },
        [this, id, generation = m_generation] {
            if (generation != m_generation)
                return;
            if (std::erase_if(m_evaluations, [&](const EvaluationRecord& record) { return record.target == EvaluationRecord::Target::Run && record.run == id; }) > 0)
                Q_EMIT evaluationsChanged();
            reloadRuns();
        });
}

} // namespace halftone
