#pragma once

#include "app/studio/evaluations.h"
#include "app/studio/job_runner.h"
#include "app/studio/open_project.h"
#include "core/analysis/site_statistics.h"
#include "core/pipeline/jobs.h"
#include "core/exporting/formats.h"
#include "core/project/project.h"
#include "core/recipe/contract_ties.h"
#include "core/recipe/recipe.h"
#include "widgets/selection.h"

#include <QObject>
#include <QTimer>
#include <QUndoStack>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace halftone {

/// What is told of a run beside its own figures.
struct RunFacts {
    QString method;            ///< what its recipe does, in a few words
    std::uint64_t bytes = 0;   ///< of its files; those shared with another run count in both
};

/// The open model and all that is decided and known of it: description, recipe with its history, resolved plans, statistics, runs,
/// evaluations, and the one selection. Lives on the GUI thread; files are read and written by jobs. Only here does a recipe change.
class Document : public QObject {
    Q_OBJECT
public:
    /// `projectsRoot`: where projects of models opened by path live.
    Document(JobRunner& jobs, std::filesystem::path projectsRoot, QObject* parent = nullptr);
    ~Document() override;

    /// A model's folder or file, or a project folder. Answers with opened() or openFailed().
    void open(const QString& path);
    /// A project whose model has moved, and where it lies now: looked at, remembered, opened. Answers as open().
    void openMoved(const QString& project, const QString& model);
    /// Saves what is unsaved and lets go of the project.
    void close();
    bool isOpen() const { return m_project != nullptr; }
    bool isOpening() const;
    bool readOnly() const;
    QString name() const;                ///< "SmolLM2-135M-Instruct.Q4_1"
    QString path() const { return m_path; }   ///< as it was opened

    const std::filesystem::path& projectsRoot() const { return m_projectsRoot; }
    const ModelDescription& model() const { return m_model; }
    const std::shared_ptr<Project>& project() const { return m_project; }
    const LinearInfo* linear(const std::string& name) const;
    const SiteInfo* site(int block, SiteKind kind) const;

    // --- the recipe ---
    const Recipe& recipe() const { return m_recipe; }
    const std::vector<ResolvedPlan>& plans() const { return m_plans; }
    const Plan* plan(const std::string& linear) const;
    const SizeEstimate& size() const { return m_size; }
    /// Which kind of export can hold the recipe, and why no packed one can.
    const PackingFit& packing() const { return m_packing; }
    /// Of the smallest export there is.
    std::uint64_t exportBytes() const { return m_packing.packing == Packing::DenseOnly ? m_size.denseBytes : m_size.bytes; }
    /// Whether the recipe as it stands gives each linear, and the KV cache, what it has in a run.
    bool isRecipeOf(const RunInfo& run) const;
    /// Of the recipe's contract.
    const std::vector<ContractIssue>& contractIssues() const { return m_issues; }
    /// Linears that the recipe's contract ties together.
    const std::vector<ContractTie>& ties() const { return m_ties; }
    QUndoStack& undoStack() { return m_undo; }
    /// Plans changed for `linears` and, as far as the contract ties them, for others; one undo step.
    /// @return false when the plan is impossible (recipeRejected says why).
    bool editPlans(const QStringList& linears, const PlanPatch& patch, const QString& name = {});
    /// Back to what the defaults and the rules shared with other linears say.
    bool resetPlans(const QStringList& linears);
    /// Defaults and rules of a preset, and its calibration where it wants one of its own; seed and contract stay.
    bool applyPreset(const Preset& preset);
    /// A preset's plan for some linears only.
    bool applyPreset(const Preset& preset, const QStringList& linears);
    bool replaceRecipe(const Recipe& recipe, const QString& name);
    bool setCalibration(const CalibrationSettings& settings);
    bool setContract(const QString& contract);
    bool setKvCache(const KvCacheGrid& grid);
    /// The plan of `like` for all of `linears` (and those tied to them), as rules. `glob`: the pattern to write, where it says just these.
    bool makeRule(const QString& glob, const QStringList& linears, const QString& like);
    /// All linears of the same name within their blocks ("down_proj"), in model order.
    QStringList linearsOfKind(const std::string& linear) const;
    /// For commands: exchanges the recipe with `other`, resolves, announces.
    void swapRecipe(Recipe& other);
    /// Writes what autosave still holds back, and waits for it.
    void save();

    // --- what was measured ---
    const Analysis& analysis() const { return m_analysis; }
    bool hasAnalysis() const { return !m_analysis.sites.empty(); }
    bool isMeasuring() const { return m_measuring; }   ///< what analysis() holds grows block by block
    const SiteStatistics* statistics(int block, SiteKind kind) const;
    void beginAnalysis(const AnalysisSettings& settings, int windows, int length, const QString& textName);
    void addAnalysisBlock(int block, std::vector<SiteStatistics> sites, std::vector<WeightStatistics> weights);
    void finishAnalysis();
    /// An analysis that was stopped: what the project holds comes back.
    void abandonAnalysis();
    QString analysisText() const { return m_analysisText; }

    const std::vector<RunInfo>& runs() const { return m_runs; }
    const RunInfo* run(const QString& id) const;
    /// The newest run that is done; null when there is none.
    const RunInfo* latestRun() const;
    /// The newest run that was stopped before its end, and that no job is at work on; null when there is none.
    const RunInfo* unfinishedRun() const;
    /// The run that the job at work writes; empty: none, or it has not begun yet.
    const QString& runAtWork() const { return m_runAtWork; }
    RunFacts runFacts(const QString& id) const { return m_runFacts.value(id); }
    /// What the project's folder takes on disk; 0: not known.
    std::uint64_t projectBytes() const { return m_projectBytes; }
    const std::vector<BlockResult>& results() const { return m_results; }   ///< of latestRun(), or of the run at work
    const std::vector<ResolvedPlan>& runPlans() const { return m_runPlans; }
    const KvCacheGrid& runKvCache() const { return m_runKvCache; }   ///< of the same run
    const LinearResult* result(const std::string& linear) const;
    void beginRun(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache);
    /// The run at work came to its end, whatever that was: what the project holds comes back.
    void endRun();
    void addRunBlock(const BlockResult& block);
    /// Steps of a training of the run at work.
    void addTraining(const TrainingProgress& progress) { Q_EMIT trainingAdvanced(progress); }
    /// Reads the list of runs and the newest results again.
    void reloadRuns();
    /// Reads the list of runs alone: how far the one at work is.
    void refreshRuns();
    /// A person's words for a run.
    void labelRun(const QString& id, const QString& name, const QString& note);
    /// Takes a run out of the project, with its files and evaluations. Answers with runsChanged(), or runEditFailed() where a job is at work on it.
    void removeRun(const QString& id);

    const std::vector<EvaluationRecord>& evaluations() const { return m_evaluations; }
    void addEvaluation(const EvaluationRecord& record);
    void removeEvaluation(const EvaluationRecord& record);

    // --- the selection ---
    const Selection& selection() const { return m_selection; }
    /// Completes it (a linear gives its block and site) and announces it.
    void select(const Selection& selection);

Q_SIGNALS:
    void opened();
    void openFailed(const QString& path, const halftone::JobError& error);
    /// The project `path` can be opened once somebody says where its model, once at `model`, lies now: openMoved().
    void modelGone(const QString& path, const QString& model);
    void closed();
    void notice(const QString& id, const QString& sentence);
    void recipeChanged();
    /// An edit of a transform reached further linears of the site.
    void transformShared(const QString& sentence);
    void recipeRejected(const QString& sentence, const QString& subject);
    void saveFailed(const halftone::JobError& error);
    void analysisStarted();
    void analysisBlockAdded(int block);
    void analysisChanged();                       ///< loaded, finished, or gone back
    void runsChanged();
    void runListChanged();                        ///< of the run at work: its results stay
    void runEditFailed(const halftone::JobError& error);
    void resultsChanged();
    void runBlockAdded(int block);
    void trainingAdvanced(const halftone::TrainingProgress& progress);
    void evaluationsChanged();
    void selectionChanged();

private:
    void adopt(OpenedProject&& opened, const QString& path);
    void submitOpen(const QString& path, const QString& movedModel);
    void loadAnalysis();
    bool tryRecipe(Recipe& edited, const std::function<void(Recipe&)>& edit);
    QStringList withTied(const QStringList& linears) const;
    QStringList withSites(const QStringList& linears) const;
    QString subjectText(const QStringList& linears) const;
    bool pushRecipe(const QString& name, int kind, const QStringList& subject, const std::function<void(Recipe&)>& edit);
    static QString sentenceOf(const Error& error);
    void resolveNow();
    void autosave();
    void writeRecipe();
    void keepEvaluations(std::function<std::vector<EvaluationRecord>(const std::filesystem::path& project)> change);
    struct RunList {
        std::vector<RunInfo> runs;
        QHash<QString, RunFacts> facts;
        QString atWork;
        std::uint64_t bytes = 0;
    };
    static RunList readRuns(const Project& project, const ModelDescription& model, const QHash<QString, RunFacts>& known);
    void adopt(RunList&& list);

    JobRunner& m_jobs;
    std::filesystem::path m_projectsRoot;
    QString m_path;
    ModelDescription m_model;
    std::shared_ptr<Project> m_project;
    QHash<QString, int> m_linearIndex;
    Recipe m_recipe;
    std::vector<ResolvedPlan> m_plans, m_runPlans;
    KvCacheGrid m_runKvCache;
    SizeEstimate m_size;
    PackingFit m_packing;
    struct Resolved { std::string recipe; std::vector<ResolvedPlan> plans; KvCacheGrid kvCache; };
    mutable QHash<QString, Resolved> m_resolved;   ///< of the runs that were asked for
    std::vector<ContractIssue> m_issues;
    std::vector<ContractTie> m_ties;
    QUndoStack m_undo;
    QTimer m_saveTimer;
    bool m_unsaved = false;
    Analysis m_analysis;
    QString m_analysisText;
    bool m_measuring = false;
    std::vector<RunInfo> m_runs;
    QHash<QString, RunFacts> m_runFacts;
    QString m_runAtWork;
    bool m_running = false;   ///< between beginRun() and endRun(): the results are those of the run at work
    std::uint64_t m_projectBytes = 0;
    std::vector<BlockResult> m_results;
    std::vector<EvaluationRecord> m_evaluations;
    int m_evaluationChanges = 0;
    Selection m_selection;
    int m_generation = 0;     ///< grows with each open and close, so that late answers are recognised
};

} // namespace halftone
