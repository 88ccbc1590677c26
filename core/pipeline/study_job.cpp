#include "core/pipeline/study_job.h"

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/eval/evaluate.h"
#include "core/model/model.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/counted_grids.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/numerics_version.h"
#include "core/pipeline/recipe_model.h"
#include "core/pipeline/run_difference.h"
#include "core/pipeline/share_of_progress.h"
#include "core/pipeline/study_plan.h"
#include "core/project/project_model.h"
#include "core/project/quantized_model.h"
#include "core/project/study_store.h"
#include "core/recipe/packed_format.h"
#include "core/text/corpus.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace halftone {

namespace {

using State = StudyMemberResult::State;

class StudyRun {
public:
    StudyRun(const StudyJob& job, Progress& progress, const std::stop_token& stop)
        : m_job(job), m_progress(progress), m_stop(stop), m_scope(job.options), m_model(Model::open(requireModel(job.study))), m_description(m_model->describe()),
          m_members(job.study.members()), m_shared(std::make_shared<SharedBlocks>(m_model))
    {
    }

    StudyResult run()
    {
        prepare();
        openTexts();
        begin();
        if (m_result.done)
            return m_result;
        for (const std::vector<std::size_t>& group : groups())
            measure(group);
        m_result.done = true;
        keepTime();
        return m_result;
    }

private:
    static const std::filesystem::path& requireModel(const Study& study)
    {
        if (study.model.empty())
            throw Error(ErrorKind::BadFile, "the study names no model", "/model");
        if (study.texts.empty())
            throw Error(ErrorKind::BadFile, "the study names no text to evaluate on", "/evaluation/texts");
        return study.model;
    }

    /// Rows, and which of them cannot be.
    void prepare()
    {
        const StudyPlan plan = planStudy(m_description, m_job.study, 0, m_job.options, m_job.project->folder());
        m_result.study = m_job.study;
        for (std::size_t i = 0; i < m_members.size(); ++i) {
            const StudyMember& member = m_members[i];
            StudyMemberResult& row = m_result.members.emplace_back();
            row.name = member.name;
            row.method = member.method;
            row.weights = member.weights;
            row.activations = member.activations;
            row.recipe = member.recipe;
            row.reason = plan.members[i].impossible;
            row.state = row.reason.empty() ? State::Waiting : State::Impossible;
            m_plans.push_back(row.reason.empty() ? resolve(member.recipe, m_description) : std::vector<ResolvedPlan>());
            m_work.push_back(plan.members[i].quantizeWork);
            if (!row.reason.empty())
                continue;
            const SizeEstimate size = estimateSize(m_plans[i], m_description);
            row.bitsPerWeight = size.bitsPerWeight;
            row.bytes = smallestExport(m_plans[i], m_description);
        }
        if (plan.possible() == 0)
            throw Error(ErrorKind::BadFile, "no member of the study is possible on this model; of the first: " + m_result.members.front().reason, "/axes");
    }

    bool needsRun(std::size_t member) const { return !m_members[member].isFloat() && !m_members[member].onTheFly(); }

    void openTexts()
    {
        const std::unique_ptr<Tokenizer> tokenizer = m_model->tokenizer();
        for (const StudyText& text : m_job.study.texts) {
            throwIfStopped(m_stop);
            m_texts.push_back(cutWindows(*tokenizer, readTexts(text.file).text, text.file.string(), m_job.study.windows, m_job.study.length));
        }
        std::string calibration;
        for (std::size_t i = 0; i < m_members.size(); ++i) {
            if (m_result.members[i].state == State::Impossible || !needsRun(i))
                continue;
            if (m_job.study.calibrationText.empty())
                throw Error(ErrorKind::BadFile, "\"" + m_members[i].name + "\" needs a calibration text, and the study names none", "/calibration_text");
            const CalibrationSettings& settings = m_members[i].recipe.calibration;
            auto& windows = m_calibration[{settings.samples, settings.length, settings.seed}];
            if (windows)
                continue;
            throwIfStopped(m_stop);
            if (calibration.empty())
                calibration = readTexts(m_job.study.calibrationText).text;
            TokenWindows sampled = sampleWindows(*tokenizer, calibration, m_job.study.calibrationText.string(), settings.samples, settings.length, settings.seed);
            if (std::string less = shortTextSentence(static_cast<std::int64_t>(sampled.ids.size()), sampled.wanted); !less.empty())
                sampled.notes.push_back(std::move(less));
            windows = std::make_shared<const TokenWindows>(std::move(sampled));
        }
    }

    std::shared_ptr<const TokenWindows> calibrationOf(std::size_t member) const
    {
        const CalibrationSettings& settings = m_members[member].recipe.calibration;
        return m_calibration.at({settings.samples, settings.length, settings.seed});
    }

    /// Of what every figure depends on: arithmetic, model, texts.
    Sha256 commonHash() const
    {
        Sha256 hash;
        hash.update("halftone-study-2 ");
        hash.update(kNumericsVersion);
        hash.update(m_model->checkpoint().fingerprint());
        for (const TokenWindows& windows : m_texts) {
            hash.update(" text " + std::to_string(windows.length));
            for (const auto& ids : windows.ids)
                hash.update(std::as_bytes(std::span(ids)));
        }
        hash.update(std::string(" kl ") + (m_job.study.divergence ? "1" : "0") + " " + matrixProductName() + " " + m_job.options.device.name());
        return hash;
    }

    std::string memberFingerprint(std::size_t member) const
    {
        Sha256 hash = commonHash();
        hash.update(m_members[member].recipe.toJson());
        if (needsRun(member))
            for (const auto& ids : calibrationOf(member)->ids)
                hash.update(std::as_bytes(std::span(ids)));
        return hash.finish();
    }

    /// What every member's figures depend on, in words.
    RunInputs conditions() const
    {
        Sha256 tokens;
        std::string names;
        for (std::size_t t = 0; t < m_texts.size(); ++t) {
            names += (t == 0 ? "" : ", ") + m_job.study.texts[t].file.string();
            tokens.update(std::to_string(m_texts[t].length) + ";");
            for (const auto& ids : m_texts[t].ids)
                tokens.update(std::as_bytes(std::span(ids)));
        }
        return {std::string(kNumericsVersion), m_model->checkpoint().fingerprint(), names, tokens.finish(), matrixProductName()};
    }

    /// Other members are no reason to stop: those that both have are taken over. Under other conditions there are none.
    void requireSameConditions() const
    {
        const std::optional<UnfinishedStudy> unfinished = findUnfinishedStudy(*m_job.project);
        if (!unfinished || !unfinished->conditions.known())
            return;
        const std::vector<RunDifference::Part> parts = inputDifference(unfinished->conditions, conditions());
        if (!parts.empty())
            throw Error(ErrorKind::InvalidArgument, unfinished->id + " cannot be resumed like this: " + sentenceOf(parts) + ". Resume it as it was begun, or begin a new study (--start-anew)", unfinished->id);
    }

    /// Takes what the project has, measures the float model, and begins the study or goes on with it.
    void begin()
    {
        bindModel(*m_job.project, m_model->checkpoint());
        Sha256 hash = commonHash();
        for (std::size_t i = 0; i < m_members.size(); ++i) {
            const bool possible = m_result.members[i].state != State::Impossible;
            m_fingerprints.push_back(possible ? memberFingerprint(i) : std::string());
            hash.update(m_members[i].name + m_fingerprints.back() + ";");
        }
        const std::string fingerprint = hash.finish();
        std::optional<StudyResult> known = m_job.resume ? findStudy(*m_job.project, fingerprint) : std::nullopt;
        if (known) {
            m_result.id = known->id;
            m_result.created = known->created;
            m_result.seconds = m_secondsBefore = known->seconds;
            m_result.floatWalks = known->floatWalks;
            m_result.reused = known->reused;
            m_result.floatTexts = known->floatTexts;
            for (std::size_t i = 0; i < m_members.size(); ++i)
                if (known->members[i].state == State::Done)
                    take(i, std::move(known->members[i]));
        }
        if (!known && m_job.resume && m_job.refuseOther)
            requireSameConditions();
        const auto left = static_cast<std::int64_t>(std::count_if(m_result.members.begin(), m_result.members.end(), [](const auto& row) { return row.state == State::Waiting; }));
        if (known && left == 0) {
            m_result.done = true;
            m_progress.note(m_result.id + " is finished already");
            return;
        }
        planProgress();
        m_progress.note(std::to_string(m_result.members.size()) + " members, " + std::to_string(left) + " to do" + (known ? "; going on with " + m_result.id : std::string()));
        if (m_result.floatTexts.empty()) {
            for (std::size_t t = 0; t < m_texts.size(); ++t)
                m_result.floatTexts.push_back(reference(t, false).evaluation(*stretch(0, "float model"), m_stop));
            for (std::size_t t = 0; t < m_texts.size(); ++t)
                if (m_result.floatTexts[t].notFinite > 0)
                    throw Error(ErrorKind::BadFile, m_job.study.model.string() + ": the float model has logits that are not finite on " + m_job.study.texts[t].file.string() +
                                "; its weights hold NaN or infinity", m_job.study.model.string());
            beginStudy(*m_job.project, m_result, fingerprint, conditions());
        }
        for (std::size_t i = 0; i < m_members.size(); ++i) {
            StudyMemberResult& row = m_result.members[i];
            if (row.state != State::Waiting)
                continue;
            if (m_members[i].isFloat()) {
                row.texts = m_result.floatTexts;
                for (Evaluation& text : row.texts)
                    if (m_job.study.divergence) {   // the model against itself
                        text.hasDivergence = true;
                        text.divergence = {0, 0, 0, 0, 1, text.perplexity.perplexity};
                    }
            } else if (std::optional<StudyMemberResult> elsewhere = m_job.resume ? findMember(*m_job.project, m_fingerprints[i]) : std::nullopt) {
                take(i, std::move(*elsewhere));
                ++m_result.reused;
            } else {
                continue;
            }
            finish(i);
        }
        keepTime();
        tell();
    }

    /// Figures from the project, under this study's name for them.
    void take(std::size_t member, StudyMemberResult known)
    {
        StudyMemberResult& row = m_result.members[member];
        known.name = row.name;
        known.method = row.method;
        known.weights = row.weights;
        known.activations = row.activations;
        row = std::move(known);
    }

    void finish(std::size_t member)
    {
        m_result.members[member].state = State::Done;
        storeMember(*m_job.project, m_result, static_cast<int>(member), m_fingerprints[member]);
    }

    void tell() const
    {
        if (m_job.changed)
            m_job.changed(m_result);
    }

    void keepTime()
    {
        m_result.seconds = m_secondsBefore + m_clock.seconds();
        updateStudy(*m_job.project, m_result);
    }

    // ---- progress: hundredths of a per cent of the work that is left

    void planProgress()
    {
        const StudyPlan plan = planStudy(m_description, m_job.study, tokens(), m_job.options, m_job.project->folder());
        m_evaluateWork = std::max(1.0, plan.evaluateWork);
        double total = plan.floatWalks * m_evaluateWork;
        for (std::size_t i = 0; i < m_members.size(); ++i)
            if (m_result.members[i].state == State::Waiting && !m_members[i].isFloat())
                total += m_evaluateWork + m_work[i];
        m_totalWork = total;
        m_progress.begin("study", kSteps, "%", kSteps / 100);
    }

    std::int64_t tokens() const
    {
        std::int64_t sum = 0;
        for (const TokenWindows& windows : m_texts)
            sum += static_cast<std::int64_t>(windows.ids.size()) * windows.length;
        return sum;
    }

    /// The next `work` of the study, as the progress of a job of its own.
    std::unique_ptr<Progress> stretch(double work, const std::string& subject)
    {
        const auto at = [&](double done) { return static_cast<std::int64_t>(static_cast<double>(kSteps) * std::min(1.0, done / m_totalWork)); };
        auto made = std::make_unique<ShareOfProgress>(m_progress, at(m_doneWork), at(m_doneWork + work), subject);
        m_doneWork += work;
        return made;
    }

    // ---- work

    /// The float model over a text, once for the whole study and arithmetic. `rounded`: as members that round activations are compared with.
    const Reference& reference(std::size_t text, bool rounded)
    {
        auto& known = m_references[rounded ? 1 : 0];
        known.resize(m_texts.size());
        if (!known[text]) {
            std::optional<DefaultMatrixProducts> asServed;
            if (rounded)
                asServed.emplace();
            const double work = m_evaluateWork * static_cast<double>(m_texts[text].ids.size()) * m_texts[text].length / static_cast<double>(std::max<std::int64_t>(1, tokens()));
            known[text].emplace(*m_model, m_texts[text], m_job.options, *stretch(work, "float model"), m_stop);
            ++m_result.floatWalks;
        }
        return *known[text];
    }

    /// Members of one arithmetic, in order, as many as go together.
    std::vector<std::vector<std::size_t>> groups() const
    {
        std::vector<std::vector<std::size_t>> made;
        std::array<std::optional<std::size_t>, 2> open;
        for (std::size_t i = 0; i < m_members.size(); ++i) {
            if (m_result.members[i].state != State::Waiting)
                continue;
            auto& group = open[roundsActivations(m_plans[i]) || m_members[i].recipe.kvCache.quantized() ? 1 : 0];
            if (!group || made[*group].size() >= together()) {
                group = made.size();
                made.emplace_back();
            }
            made[*group].push_back(i);
        }
        return made;
    }

    /// As many as a memory budget leaves room for.
    std::size_t together() const
    {
        const std::uint64_t stream = static_cast<std::uint64_t>(tokens()) * static_cast<std::uint64_t>(m_model->config().hidden) * 4;
        std::size_t count = kStudyMembersTogether;
        while (count > 1 && m_job.options.memoryBudget > 0 && stream * count > m_job.options.memoryBudget / 2)
            --count;
        return count;
    }

    std::shared_ptr<const BlockSource> open(std::size_t member, const std::shared_ptr<KernelCounts>& counts)
    {
        StudyMemberResult& row = m_result.members[member];
        const Recipe& recipe = m_members[member].recipe;
        if (!needsRun(member))
            return countGrids(openWithRecipe(m_model, m_plans[member], {}, recipe, m_shared), counts);
        QuantizeJob job;
        job.model = m_job.study.model;
        job.recipe = recipe;
        job.text = m_job.study.calibrationText;
        job.project = m_job.project;
        job.takeFinished = m_job.resume;
        job.resume = m_job.resume;
        job.options = m_job.options;
        job.opened = m_model;
        job.windows = calibrationOf(member);
        const RunInfo run = quantize(job, *stretch(m_work[member], row.name), m_stop).run;
        row.run = run.id;
        row.seconds = run.seconds;
        return countGrids(openRun(m_model, m_job.project, run.id), counts);
    }

    void measure(const std::vector<std::size_t>& group)
    {
        std::vector<std::shared_ptr<KernelCounts>> counts;
        std::vector<std::shared_ptr<const BlockSource>> sources;
        std::vector<const BlockSource*> views;
        for (const std::size_t member : group) {
            counts.push_back(std::make_shared<KernelCounts>());
            sources.push_back(open(member, counts.back()));
            views.push_back(sources.back().get());
        }
        const bool rounded = sources.front()->roundsActivations();
        const WorkClock clock;
        const std::string subject = group.size() == 1 ? m_members[group.front()].name
                                                      : m_members[group.front()].name + " and " + std::to_string(group.size() - 1) + " more";
        std::vector<std::vector<Evaluation>> texts(group.size());
        for (std::size_t t = 0; t < m_texts.size(); ++t) {
            const Reference* against = m_job.study.divergence ? &reference(t, rounded) : nullptr;
            std::optional<DefaultMatrixProducts> asServed;
            if (rounded)
                asServed.emplace();
            const double share = static_cast<double>(m_texts[t].ids.size()) * m_texts[t].length / static_cast<double>(std::max<std::int64_t>(1, tokens()));
            const std::vector<Evaluation> measured = evaluateModels(views, against, m_texts[t], m_job.options,
                                                                    *stretch(m_evaluateWork * share * static_cast<double>(group.size()), subject), m_stop);
            for (std::size_t i = 0; i < group.size(); ++i)
                texts[i].push_back(measured[i]);
        }
        for (std::size_t i = 0; i < group.size(); ++i) {
            StudyMemberResult& row = m_result.members[group[i]];
            row.texts = std::move(texts[i]);
            row.grids = *counts[i];
            row.seconds += clock.seconds() / static_cast<double>(group.size());
            finish(group[i]);
        }
        keepTime();
        tell();
    }

    static constexpr std::int64_t kSteps = 10'000;

    const StudyJob& m_job;
    Progress& m_progress;
    const std::stop_token& m_stop;
    ComputeScope m_scope;
    WorkClock m_clock;
    std::shared_ptr<const Model> m_model;
    ModelDescription m_description;
    std::vector<StudyMember> m_members;
    std::shared_ptr<SharedBlocks> m_shared;
    std::vector<std::vector<ResolvedPlan>> m_plans;   ///< by member; empty for an impossible one
    std::vector<double> m_work;                       ///< of its run
    std::vector<std::string> m_fingerprints;
    std::vector<TokenWindows> m_texts;
    std::map<std::tuple<int, int, std::uint64_t>, std::shared_ptr<const TokenWindows>> m_calibration;
    std::array<std::vector<std::optional<Reference>>, 2> m_references;
    StudyResult m_result;
    double m_secondsBefore = 0, m_evaluateWork = 1, m_totalWork = 1, m_doneWork = 0;
};

} // namespace

StudyResult runStudy(const StudyJob& job, Progress& progress, const std::stop_token& stop)
{
    StudyResult result;
    requireCpu(job.options, "study");
    translateErrors("study", [&] { result = StudyRun(job, progress, stop).run(); });
    return result;
}

} // namespace halftone
