#include "core/pipeline/jobs.h"

#include "core/base/error.h"
#include "core/methods/asleep_mask.h"
#include "core/model/model.h"
#include "core/pipeline/block_driver.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/memory_plan.h"
#include "core/pipeline/quantize_memory.h"
#include "core/pipeline/quantize_plan.h"
#include "core/pipeline/run_difference.h"
#include "core/pipeline/sentinels.h"
#include "core/pipeline/training_feed.h"
#include "core/project/project_model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"
#include "core/recipe/packed_format.h"
#include "core/recipe/text_needs.h"
#include "core/text/corpus.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace halftone {

namespace {

/// Batches of equal samples.
std::vector<std::span<const std::vector<std::int32_t>>> batchesOf(const TokenWindows& windows)
{
    const std::size_t size = std::max<std::size_t>(1, memory::kTokensPerBatch / static_cast<std::size_t>(windows.length));
    std::vector<std::span<const std::vector<std::int32_t>>> batches;
    for (std::size_t at = 0; at < windows.ids.size(); at += size)
        batches.push_back(std::span(windows.ids).subspan(at, std::min(size, windows.ids.size() - at)));
    return batches;
}

/// Of a job that learns from no text and was given none: figures come from Halftone's own, if the model has a tokenizer; else there are none.
TokenWindows withoutText(const Model& model, int length)
{
    TokenWindows windows;
    if (const std::int64_t positions = model.config().maxPositions; positions > 1)
        length = static_cast<int>(std::min<std::int64_t>(length, positions));
    windows.length = length;
    try {
        const std::unique_ptr<Tokenizer> tokenizer = model.tokenizer();
        const auto tokens = static_cast<int>(tokenizer->encode(builtInText(), false).size());
        windows = sampleWindows(*tokenizer, builtInText(), "the built-in text", 1, std::clamp(tokens - SentinelLimits::kCanaryTokens, 1, length), 0);
        if (windows.heldOut.empty())   // no second window fits
            windows = sampleWindows(*tokenizer, builtInText(), "the built-in text", 1, std::clamp(tokens / 2, 1, length), 0);
        windows.wanted = 1;
        windows.notes = {"no calibration text: the recipe learns from none; output errors and the canary come from a built-in text of " + std::to_string(tokens) + " tokens"};
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::Unsupported)
            throw;
        windows.notes = {"no calibration text: the recipe learns from none; output errors and the canary are not measured, since there is no tokenizer to read a text with: " + std::string(e.what())};
    }
    return windows;
}

TokenWindows calibrationWindows(const QuantizeJob& job, const Model& model, const std::vector<ResolvedPlan>& plans)
{
    const CalibrationSettings& calibration = job.recipe.calibration;
    const std::string learner = learnsFromText(plans);
    if (learner.empty() && (job.text.empty() || calibration.samples == 0))
        return withoutText(model, calibration.length);
    if (job.text.empty())
        throw Error(ErrorKind::InvalidArgument, "the recipe uses " + learner + ", which learns from calibration text: name one", "text");
    TextRead read = readTexts(job.text);
    TokenWindows windows = sampleWindows(*model.tokenizer(), read.text, job.text.name(), calibration.samples, calibration.length, calibration.seed);
    windows.notes = std::move(read.notes);
    if (std::string less = shortTextSentence(static_cast<std::int64_t>(windows.ids.size()), windows.wanted); !less.empty())
        windows.notes.push_back(std::move(less) + " (" + std::to_string(windows.tokensInText) + " tokens)");
    return windows;
}

CalibrationUse useOf(const TokenWindows& windows)
{
    return {static_cast<int>(windows.ids.size()), windows.wanted, windows.length, windows.tokensInText, windows.notes};
}

std::vector<ResolvedPlan> plansOf(const Recipe& recipe, const ModelDescription& description)
{
    std::vector<ResolvedPlan> plans = resolve(recipe, description);
    if (!quantizesAnything(plans, recipe.kvCache))
        throw Error(ErrorKind::BadFile, "the recipe quantizes nothing: every linear keeps 16-bit weights and float activations, and the KV cache stays float; set "
                    "weights.bits, activations.scheme or kv_cache.scheme", "/defaults");
    if (std::none_of(plans.begin(), plans.end(), [](const ResolvedPlan& p) { return p.plan.weights.quantized(); })) {
        const auto idle = std::find_if(plans.begin(), plans.end(), [](const ResolvedPlan& p) { return !roundsToNearest(p.plan.rounding); });
        if (idle != plans.end())
            throw Error(ErrorKind::BadFile, "the rounding \"" + idle->plan.rounding.method + "\" has nothing to do: every linear keeps 16-bit weights; set weights.bits, or leave "
                        "rounding out to quantize activations alone", "/defaults/rounding");
    }
    return plans;
}

QuantizeResult resultOf(const Project& project, const std::string& run, const TokenWindows& windows)
{
    QuantizeResult result{project.run(run), {}, {}, {}, {}, useOf(windows)};
    for (BlockResult& block : project.results(run)) {
        std::move(block.linears.begin(), block.linears.end(), std::back_inserter(result.linears));
        std::move(block.flags.begin(), block.flags.end(), std::back_inserter(result.flags));
        std::move(block.asleep.begin(), block.asleep.end(), std::back_inserter(result.asleep));
    }
    return result;
}

/// Asked to go on, a run that lies here but differs, unfinished or not, is told; nothing is begun beside it. Only in a project without runs there is none.
void requireNoOther(const QuantizeJob& job, const RunInputs& inputs, const ModelDescription& description)
{
    const std::optional<RunInfo> unfinished = findUnfinished(*job.project), other = unfinished ? unfinished : findNewest(*job.project);
    if (!other)
        return;
    const RunDifference difference = differenceTo(*other, inputs, job.recipe, description);
    if (!unfinished && difference.same())   // some of its files are gone
        return;
    throw Error(ErrorKind::InvalidArgument, other->id + (unfinished ? " cannot be resumed like this: " : " is finished and was made otherwise: ") + difference.sentence() + ". "
                + (unfinished ? "Resume it as it was begun, or begin" : "Begin") + " a new run (--start-anew"
                + (difference.shared > 0 ? "; --branch-from " + other->id + " takes over its first " + std::to_string(difference.shared) + " blocks" : std::string()) + ")", other->id);
}

/// How the wanted run begins: as one that lies in the project unfinished, as a branch of another, or anew (empty).
std::optional<RunInfo> takeUp(const QuantizeJob& job, const RunInputs& inputs, const std::string& fingerprint, const ModelDescription& description, const QuantizePlan& room,
                              Progress& progress)
{
    if (job.resume) {
        if (std::optional<RunInfo> known = findResumable(*job.project, fingerprint); known && known->id != job.branchFrom) {
            progress.note("resuming " + known->id + ": " + std::to_string(known->blocksDone) + " of " + std::to_string(known->blocks) + " blocks are done");
            return known;
        }
        if (job.refuseOther)
            requireNoOther(job, inputs, description);
    }
    if (job.branchFrom.empty())
        return std::nullopt;
    const RunInfo from = job.project->run(job.branchFrom);
    const RunDifference difference = differenceTo(from, inputs, job.recipe, description);
    if (difference.shared < 1)
        throw Error(ErrorKind::InvalidArgument, from.id + " has no finished block that this run could take over: "
                    + (difference.same() ? "none is finished" : difference.sentence()), from.id);
    room.requireDisk(job.project->folder());
    const RunInfo made = branchRun(*job.project, from.id, difference.shared, job.recipe.toJson(), fingerprint, inputs);
    progress.note(made.id + " takes over the first " + std::to_string(made.blocksDone) + " of " + std::to_string(made.blocks) + " blocks of " + from.id);
    return made;
}

QuantizeResult run(const QuantizeJob& job, Progress& progress, const std::stop_token& stop)
{
    requireCpu(job.options, "quantize");
    const ComputeScope scope(job.options);
    const WorkClock clock;
    takePeakResidentBytes();
    const std::shared_ptr<const Model> model = job.opened ? job.opened : Model::open(job.model);
    const ModelDescription description = model->describe();
    for (const std::string& note : description.notes)
        progress.note(note);
    const std::vector<ResolvedPlan> plans = plansOf(job.recipe, description);
    const ModelConfig& config = model->config();
    const TokenWindows windows = job.windows ? *job.windows : calibrationWindows(job, *model, plans);
    CalibrationSettings calibration = job.recipe.calibration;   // as the text has it
    calibration.samples = static_cast<int>(windows.ids.size());
    calibration.length = windows.length;
    for (const std::string& note : windows.notes)
        progress.note(note);

    bindModel(*job.project, model->checkpoint());
    const RunInputs inputs = inputsOf(*model, windows, job.text);
    const std::string fingerprint = fingerprintOf(inputs, job.recipe, windows);
    if (job.takeFinished)
        if (const std::optional<RunInfo> known = findFinished(*job.project, fingerprint)) {
            if (job.refuseOther)
                progress.note(known->id + " is finished already");
            return resultOf(*job.project, known->id, windows);
        }
    const QuantizePlan room = planQuantize(description, plans, calibration, job.options, job.project->folder());
    if (job.planned)
        job.planned(room);
    const std::optional<RunInfo> resumed = takeUp(job, inputs, fingerprint, description, room, progress);
    if (!resumed)   // else it was asked for when the run began
        room.requireDisk(job.project->folder());
    for (const std::string& warning : room.warnings())
        progress.note(warning);
    RunInfo info = resumed ? *resumed : beginRun(*job.project, job.recipe.toJson(), fingerprint, config.blocks, inputs);
    const RunUse use(job.project, info.id, RunUse::Kind::Writes);
    if (resumed && job.blockDone)   // what is done already is known at once
        for (const BlockResult& done : job.project->results(info.id))
            job.blockDone(done);

    const auto batches = batchesOf(windows);
    const auto tokens = static_cast<std::uint64_t>(windows.ids.size()) * static_cast<std::uint64_t>(windows.length);
    const std::filesystem::path spill = job.project->folder() / "cache";
    std::filesystem::create_directories(spill);
    const bool fitted = std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& p) { return fittedToBlock(p.plan) || transformIsLearned(p.plan); });
    const memory::Streams sizes = memory::streamsOf(config, tokens, job.options.memoryBudget, fitted);
    CalibrationStreams streams{ActivationStream(batches.size(), sizes.hidden, sizes.share, spill),
                               ActivationStream(batches.size(), sizes.middle, sizes.share, spill), std::nullopt, batches.size(), windows.ids.size(), calibration.seed};
    streams.kvCache = job.recipe.kvCache;
    if (fitted) {
        streams.floatHidden.emplace(batches.size(), sizes.hidden, sizes.share, spill);
        if (!windows.unseen.empty()) {
            streams.unseen = model->embed(windows.unseen);
            streams.floatUnseen = streams.unseen.clone();
        }
    }
    TrainingFeed feed(job.training);
    if (job.training)
        streams.trained = [&feed](const TrainingStep& at) { feed.add(at); };
    Sentinels sentinels(*model, windows.heldOut);
    for (std::size_t i = 0; i < batches.size(); ++i) {
        throwIfStopped(stop);
        const at::Tensor embedded = model->embed(batches[i]);
        streams.hidden.put(i, embedded);
        if (streams.floatHidden)
            streams.floatHidden->put(i, embedded.clone());
    }

    std::vector<std::vector<Plan>> blockPlans(static_cast<std::size_t>(config.blocks));
    for (std::size_t i = 0; i < plans.size(); ++i)
        blockPlans[static_cast<std::size_t>(model->linears()[i].block)].push_back(plans[i].plan);

    std::vector<LossCurve> curves;
    const auto replaying = [done = info.blocksDone](int b) {
        return b < done ? "resuming: replaying block " + std::to_string(b + 1) + " of " + std::to_string(done) : std::string();
    };
    // Progress counts thousandths of a block: batches and linears differ in cost, blocks do not.
    constexpr std::int64_t kParts = 1000;
    progress.begin("quantize", config.blocks * kParts, "blocks", kParts);
    for (int b = 0; b < config.blocks; ++b) {
        throwIfStopped(stop);
        model->checkpoint().checkUnchanged();
        DecoderBlock block = model->block(b);
        std::int64_t steps = 0, expected = 1;
        const BlockDriver::Step step = [&](const std::string& detail) {
            ++steps;
            progress.update(b * kParts + std::min(kParts - 1, steps * kParts / std::max<std::int64_t>(1, expected)), replaying(b).empty() ? detail : replaying(b));
        };
        info.peakBytes = std::max(info.peakBytes, takePeakResidentBytes());
        returnFreedMemory();
        BlockDriver driver(block, blockPlans[static_cast<std::size_t>(b)], streams, stop, step);
        const auto watch = [&](BlockResult& result) {
            if (b + 1 == config.blocks)   // the head comes, which may be larger than anything before it
                returnFreedMemory();
            sentinels.after(block, result);
        };
        sentinels.before(block);
        expected = driver.expectedSteps();
        driver.advanceFloat();
        if (b < info.blocksDone) {
            StoredBlock stored = loadBlock(*job.project, info.id, b);
            std::move(stored.result.curves.begin(), stored.result.curves.end(), std::back_inserter(curves));
            restoreBlock(block, stored);
            driver.advance();
            block.kvCache = kvCacheOfBlock(job.recipe.kvCache, b);   // the canary sees what is evaluated
            BlockResult known;
            watch(known);
        } else {
            StoredBlock stored = driver.quantize();
            feed.flush();
            block.kvCache = kvCacheOfBlock(job.recipe.kvCache, b);
            watch(stored.result);
            for (const std::string& note : driver.transformNotes())
                progress.note(note);
            for (const AsleepChannels& asleep : stored.result.asleep)
                progress.note(asleepSentence(asleep));
            for (const LossCurve& curve : stored.result.curves)
                for (const std::string& note : curve.notes)
                    progress.note(note);
            for (const LinearResult& linear : stored.result.linears)
                for (const std::string& note : linear.notes)
                    progress.note(linear.linear + ": " + note);
            for (const BlockFlag& flag : stored.result.flags)
                progress.note("flag: " + flag.sentence);
            storeBlock(*job.project, info.id, stored);
            info.peakBytes = std::max(info.peakBytes, stored.result.peakBytes);
            curves.insert(curves.end(), stored.result.curves.begin(), stored.result.curves.end());
            if (job.blockDone)
                job.blockDone(stored.result);
            if (job.stopAtFlags && !stored.result.flags.empty())
                throw Error(ErrorKind::BadFile, "stopped at a flag: " + stored.result.flags.front().sentence, stored.result.flags.front().subject);
        }
        progress.update((b + 1) * kParts, replaying(b).empty() ? "block " + std::to_string(b) + " done" : replaying(b));
    }

    const SizeEstimate size = estimateSize(plans, description);
    info.state = "done";
    info.blocksDone = info.blocks = config.blocks;
    info.bitsPerWeight = size.bitsPerWeight;
    info.bytes = smallestExport(plans, description);
    info.seconds += clock.seconds();
    info.canaryPerplexity = sentinels.perplexity();
    info.canaryReference = sentinels.reference();
    finishRun(*job.project, info);
    QuantizeResult result = resultOf(*job.project, info.id, windows);
    result.curves = std::move(curves);
    return result;
}

} // namespace

void readCalibration(QuantizeJob& job)
{
    translateErrors("quantize", [&] {
        if (!job.opened)
            job.opened = Model::open(job.model);
        if (!job.windows)
            job.windows = std::make_shared<const TokenWindows>(calibrationWindows(job, *job.opened, plansOf(job.recipe, job.opened->describe())));
    });
}

QuantizeResult quantize(const QuantizeJob& job, Progress& progress, const std::stop_token& stop)
{
    QuantizeResult result;
    translateErrors("quantize", [&] { result = run(job, progress, stop); });
    return result;
}

} // namespace halftone
