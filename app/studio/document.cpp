#include "app/studio/document.h"

#include "app/studio/commands.h"
#include "app/studio/text.h"
#include "core/base/error_text.h"
#include "core/project/project_model.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QThread>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kAutosaveMs = 400;   // an edit is on disk within a second (file-safety P07)
constexpr auto kOpenTag = "open";

/// Statistics as the views need them: the token maps stay in the project.
void dropTokenMaps(std::vector<SiteStatistics>& sites)
{
    for (SiteStatistics& site : sites)
        site.tokenMap = {};
}

} // namespace

Document::Document(JobRunner& jobs, std::filesystem::path projectsRoot, QObject* parent)
    : QObject(parent)
    , m_jobs(jobs)
    , m_projectsRoot(std::move(projectsRoot))
    , m_saveTimer(this)
{
    m_saveTimer.setSingleShot(true);
    m_saveTimer.setInterval(kAutosaveMs);
    connect(&m_saveTimer, &QTimer::timeout, this, &Document::writeRecipe);
}

Document::~Document() = default;

void Document::open(const QString& path)
{
    submitOpen(path, {});
}

void Document::openMoved(const QString& project, const QString& model)
{
    submitOpen(project, model);
}

void Document::submitOpen(const QString& path, const QString& movedModel)
{
    JobSpec spec{QString::fromUtf8(kOpenTag), tr("Open %1").arg(path), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this, path](const JobError& error) { Q_EMIT openFailed(path, error); };
    m_jobs.submit(
        spec,
        // Saving and letting go of the project that is open belong to adopt(): what fails to open leaves it as it is.
        [file = toPath(path), moved = toPath(movedModel), root = m_projectsRoot, current = m_project](Progress&, const std::stop_token&) {
            const std::filesystem::path folder = Project::isProject(file) ? file : projectFolderFor(file, root);
            std::error_code none;
            if (current && std::filesystem::equivalent(current->folder(), folder, none))
                throw Cancelled{};   // it is open already
            if (!moved.empty())
                moveModel(*Project::openExisting(file, false), std::filesystem::absolute(moved));
            return openModelOrProject(file, root);
        },
        [this, path](OpenedProject&& opened) {
            if (opened.modelGone)
                Q_EMIT modelGone(path, toQString(opened.project->modelPath().string()));
            else
                adopt(std::move(opened), path);
        });
}

bool Document::isOpening() const
{
    return m_jobs.isRunning(QString::fromUtf8(kOpenTag));
}

void Document::adopt(OpenedProject&& opened, const QString& path)
{
    close();
    ++m_generation;
    m_path = path;
    m_model = std::move(opened.model);
    m_project = std::move(opened.project);
    m_runs = std::move(opened.runs);
    m_evaluations = std::move(opened.evaluations);
    m_linearIndex.clear();
    for (std::size_t i = 0; i < m_model.linears.size(); ++i)
        m_linearIndex.insert(toQString(m_model.linears[i].name), static_cast<int>(i));
    m_recipe = opened.recipe.value_or(Recipe{});
    m_unsaved = !opened.recipe;
    try {
        resolveNow();
    } catch (const Error& e) {
        // A recipe that no longer fits this model (edited by hand): said, and left behind; the file keeps it until the next edit.
        Q_EMIT notice(u"recipe"_s, tr("The project's recipe cannot be used: %1. An empty one is shown instead.").arg(withoutStop(sentenceOf(e))));
        m_recipe = {};
        resolveNow();
    }
    Q_EMIT this->opened();
    Q_EMIT recipeChanged();
    Q_EMIT runsChanged();
    Q_EMIT evaluationsChanged();
    if (!opened.note.isEmpty())
        Q_EMIT notice(u"read-only"_s, opened.note);
    if (!opened.changed.isEmpty())
        Q_EMIT notice(u"model-changed"_s, opened.changed);
    if (!m_model.notes.empty()) {
        QStringList notes;
        for (const std::string& note : m_model.notes)
            notes.append(toQString(note));
        Q_EMIT notice(u"model"_s, notes.join(u' '));
    }
    loadAnalysis();
    reloadRuns();
}

void Document::close()
{
    if (!isOpen())
        return;
    save();
    ++m_generation;
    m_project.reset();
    m_model = {};
    m_recipe = {};
    m_plans.clear();
    m_runPlans.clear();
    m_size = {};
    m_packing = {};
    m_resolved.clear();
    m_issues.clear();
    m_ties.clear();
    m_undo.clear();
    m_analysis = {};
    m_analysisText.clear();
    m_measuring = false;
    m_runs.clear();
    m_runFacts.clear();
    m_runAtWork.clear();
    m_running = false;
    m_projectBytes = 0;
    m_results.clear();
    m_evaluations.clear();
    m_selection = {};
    m_path.clear();
    Q_EMIT closed();
}

bool Document::readOnly() const
{
    return m_project && m_project->readOnly();
}

QString Document::name() const
{
    if (!isOpen())
        return {};
    const std::filesystem::path& path = m_model.path;
    const std::filesystem::path file = path.has_filename() ? path : path.parent_path();
    return toQString(file.extension() == ".gguf" ? file.stem().string() : file.filename().string());
}

const LinearInfo* Document::linear(const std::string& name) const
{
    const auto found = m_linearIndex.constFind(toQString(name));
    return found == m_linearIndex.cend() || !isOpen() ? nullptr : &m_model.linears[static_cast<std::size_t>(*found)];
}

const SiteInfo* Document::site(int block, SiteKind kind) const
{
    for (const SiteInfo& site : m_model.sites)
        if (site.block == block && site.kind == kind)
            return &site;
    return nullptr;
}

void Document::save()
{
    m_saveTimer.stop();
    if (m_unsaved)
        writeRecipe();
    while (m_jobs.isRunning(u"save"_s)) {   // a few milliseconds: one journal line
        QThread::msleep(1);
        QCoreApplication::sendPostedEvents(&m_jobs, QEvent::MetaCall);
    }
}

void Document::writeRecipe()
{
    if (!m_unsaved || !isOpen() || readOnly())
        return;
    m_unsaved = false;
    JobSpec spec{u"save"_s, tr("Save the recipe"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) {
        m_unsaved = true;
        Q_EMIT saveFailed(error);
    };
    m_jobs.submit(
        spec,
        [project = m_project, recipe = m_recipe](Progress&, const std::stop_token&) {
            project->setRecipe(recipe);
            project->sync();
        },
        [] {});
}

void Document::select(const Selection& selection)
{
    Selection complete = selection;
    complete.setChannel(complete.channel, std::max<std::int64_t>(1, complete.channels));
    complete.setToken(complete.token, std::max<std::int64_t>(1, complete.tokens));
    if (const LinearInfo* info = linear(complete.linear)) {
        complete.block = info->block;
        complete.site = info->site;
    } else {
        complete.linear.clear();
        const SiteInfo* fed = complete.block >= 0 && complete.site ? site(complete.block, *complete.site) : nullptr;
        if (fed && !fed->linears.empty()) {
            // A site stands for the linears it feeds: stay with the one selected if it is among them.
            const bool stays = std::find(fed->linears.begin(), fed->linears.end(), m_selection.linear) != fed->linears.end();
            complete.linear = stays ? m_selection.linear : fed->linears.front();
        }
    }
    if (complete == m_selection)
        return;
    m_selection = complete;
    Q_EMIT selectionChanged();
}

// --- what was measured ---

void Document::loadAnalysis()
{
    if (!isOpen())
        return;
    const int generation = m_generation;
    JobSpec spec{u"load-analysis"_s, tr("Read the statistics"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) {
        Q_EMIT notice(u"statistics"_s, tr("The project's statistics cannot be read: %1. Analyze again to replace them.").arg(withoutStop(error.sentence)));
    };
    m_jobs.submit(
        spec,
        [project = m_project](Progress&, const std::stop_token&) {
            Analysis analysis = project->analysis().value_or(Analysis{});
            dropTokenMaps(analysis.sites);
            return analysis;
        },
        [this, generation](Analysis&& analysis) {
            if (generation != m_generation || m_measuring)
                return;
            m_analysis = std::move(analysis);
            Q_EMIT analysisChanged();
        });
}

const SiteStatistics* Document::statistics(int block, SiteKind kind) const
{
    for (const SiteStatistics& site : m_analysis.sites)
        if (site.site.block == block && site.site.kind == kind)
            return &site;
    return nullptr;
}

void Document::beginAnalysis(const AnalysisSettings& settings, int windows, int length, const QString& textName)
{
    m_measuring = true;
    m_analysis = {};
    m_analysis.settings = settings;
    m_analysis.windows = windows;
    m_analysis.length = length;
    m_analysisText = textName;
    Q_EMIT analysisStarted();
}

void Document::addAnalysisBlock(int block, std::vector<SiteStatistics> sites, std::vector<WeightStatistics> weights)
{
    if (!m_measuring)
        return;
    dropTokenMaps(sites);
    std::move(sites.begin(), sites.end(), std::back_inserter(m_analysis.sites));
    std::move(weights.begin(), weights.end(), std::back_inserter(m_analysis.weights));
    Q_EMIT analysisBlockAdded(block);
}

void Document::finishAnalysis()
{
    m_measuring = false;
    Q_EMIT analysisChanged();
}

void Document::abandonAnalysis()
{
    if (!m_measuring)
        return;
    m_measuring = false;
    m_analysisText.clear();
    loadAnalysis();
}

const LinearResult* Document::result(const std::string& linear) const
{
    for (const BlockResult& block : m_results)
        for (const LinearResult& result : block.linears)
            if (result.linear == linear)
                return &result;
    return nullptr;
}

void Document::addEvaluation(const EvaluationRecord& record)
{
    std::erase_if(m_evaluations, [&](const EvaluationRecord& old) { return old.sameSubject(record); });
    m_evaluations.push_back(record);
    Q_EMIT evaluationsChanged();
    keepEvaluations([record](const std::filesystem::path& project) { return storeRecord(project, record); });
}

void Document::removeEvaluation(const EvaluationRecord& record)
{
    const auto found = std::find_if(m_evaluations.begin(), m_evaluations.end(), [&](const EvaluationRecord& old) { return old.sameSubject(record); });
    if (found == m_evaluations.end())
        return;
    const EvaluationRecord stored = *found;   // as the project calls it: a row may show the run's name
    m_evaluations.erase(found);
    Q_EMIT evaluationsChanged();
    keepEvaluations([stored](const std::filesystem::path& project) { return removeRecord(project, stored); });
}

/// The project's list may have grown by another program's since: what comes back is all of it.
void Document::keepEvaluations(std::function<std::vector<EvaluationRecord>(const std::filesystem::path& project)> change)
{
    if (!isOpen() || !QFileInfo(toQString(m_project->folder().string())).isWritable())
        return;
    // A tag of its own: of jobs with one tag only the newest would be done, and each carries a change.
    JobSpec spec{u"save-evaluations-%1"_s.arg(++m_evaluationChanges), tr("Save the evaluations"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) { Q_EMIT saveFailed(error); };
    m_jobs.submit(
        spec, [folder = m_project->folder(), change = std::move(change)](Progress&, const std::stop_token&) { return change(folder); },
        [this, generation = m_generation, number = m_evaluationChanges](std::vector<EvaluationRecord>&& all) {
            if (generation != m_generation || number != m_evaluationChanges)
                return;
            m_evaluations = std::move(all);
            Q_EMIT evaluationsChanged();
        });
}

} // namespace halftone
