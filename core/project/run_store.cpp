#include "core/project/run_store.h"

#include "core/base/error.h"
#include "core/project/block_file.h"
#include "core/project/evaluation_store.h"
#include "core/project/project_impl.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>

namespace halftone {
namespace {

std::string numbered(const char* what, std::int64_t index)
{
    char text[48];
    std::snprintf(text, sizeof text, "%s-%03lld", what, static_cast<long long>(index));
    return text;
}

RunRecord& recordOf(Manifest& manifest, std::string_view run)
{
    RunRecord* record = manifest.find(run);
    if (!record)
        throw Error(ErrorKind::InvalidArgument, "The project has no run \"" + std::string(run) + "\".", std::string(run));
    return *record;
}

void countDone(RunRecord& record)
{
    record.info.blocksDone = record.info.flags = 0;
    for (const RunBlock& block : record.blocks) {
        if (block.result.block == record.info.blocksDone)
            ++record.info.blocksDone;
        record.info.flags += static_cast<int>(block.result.flags.size());
    }
}

RunRecord& addRun(Manifest& manifest, const std::string& recipeJson, const std::string& fingerprint, int blocks, const RunInputs& inputs)
{
    int last = manifest.lastRun;
    for (const RunRecord& run : manifest.runs)
        last = std::max(last, runNumber(run.info.id));
    RunInfo info;
    info.id = numbered("run", last + 1);
    info.state = "running";
    info.recipeJson = recipeJson;
    info.fingerprint = fingerprint;
    info.created = utcNow();
    info.blocks = blocks;
    info.inputs = inputs;
    return manifest.runs.emplace_back(RunRecord{info, {}});
}

/// How many blocks from the first on are done and have their file: the first whose file is gone and those after it are computed anew.
int presentBlocks(const Project::Impl& impl, const RunRecord& run)
{
    int done = 0;
    for (const RunBlock& block : run.blocks) {
        if (block.result.block != done || !impl.present(block.file))
            break;
        ++done;
    }
    return done;
}

RunInfo resumable(const Project::Impl& impl, const RunRecord& run)
{
    RunInfo info = run.info;
    info.blocksDone = presentBlocks(impl, run);
    return info;
}

/// The manifest's entry of a block's results. @throws Error{BadFile} where there is none.
RunBlock blockOf(const Project::Impl& impl, std::string_view run, int block)
{
    const Manifest manifest = impl.snapshot();
    const RunRecord* record = manifest.find(run);
    const auto missing = [&](const std::string& what) { throw Error(ErrorKind::BadFile, impl.folder.string() + ": " + what,
        impl.folder.string()); };
    if (!record)
        missing("has no run \"" + std::string(run) + "\".");
    const auto at = std::find_if(record->blocks.begin(), record->blocks.end(),
        [&](const RunBlock& have) { return have.result.block == block; });
    if (at == record->blocks.end())
        missing(std::string(run) + " has no result of block " + std::to_string(block) + " (" + std::to_string(record->info.blocksDone)
            + " of "
            + std::to_string(record->info.blocks) + " blocks are done).");
    return *at;
}

} // namespace

at::Tensor StoredLinear::effectiveWeight() const
{
    const at::Tensor value = weight->dequantize();
    return factors ? value + factors->product() : value;
}

RunInfo beginRun(Project& project, const std::string& recipeJson, const std::string& fingerprint, int blocks, const RunInputs& inputs)
{
    if (blocks < 1)
        throw Error(ErrorKind::InvalidArgument, "A run of " + std::to_string(blocks) + " blocks is not possible; it needs 1 or more.");
    project.sync();   // edits are safe before hours of work begin
    RunInfo info;
    project.impl().update([&](Manifest& manifest) { info = addRun(manifest, recipeJson, fingerprint, blocks, inputs).info; });
    return info;
}

RunInfo branchRun(Project& project, std::string_view from, int taken, const std::string& recipeJson, const std::string& fingerprint, const RunInputs& inputs)
{
    project.sync();
    RunInfo info;
    project.impl().update([&](Manifest& manifest) {
        const RunRecord source = recordOf(manifest, from);
        const int finished = presentBlocks(project.impl(), source);
        if (taken < 1 || taken > finished)
            throw Error(ErrorKind::InvalidArgument, source.info.id + " has " + std::to_string(finished) + " finished blocks; " + std::to_string(taken)
                + " cannot be taken over.", source.info.id);
        RunRecord& made = addRun(manifest, recipeJson, fingerprint, source.info.blocks, inputs);
        made.blocks.assign(source.blocks.begin(), source.blocks.begin() + taken);
        countDone(made);
        info = made.info;
    });
    return info;
}

std::optional<RunInfo> findResumable(const Project& project, const std::string& fingerprint)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto run = manifest.runs.rbegin(); run != manifest.runs.rend(); ++run)
        if (run->info.state == "running" && run->info.fingerprint == fingerprint)
            return resumable(project.impl(), *run);
    return std::nullopt;
}

std::optional<RunInfo> findUnfinished(const Project& project)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto run = manifest.runs.rbegin(); run != manifest.runs.rend(); ++run)
        if (run->info.state == "running")
            return resumable(project.impl(), *run);
    return std::nullopt;
}

std::optional<RunInfo> findNewest(const Project& project)
{
    const Manifest manifest = project.impl().snapshot();
    return manifest.runs.empty() ? std::nullopt : std::optional(resumable(project.impl(), manifest.runs.back()));
}

std::optional<RunInfo> findFinished(const Project& project, const std::string& fingerprint)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto run = manifest.runs.rbegin(); run != manifest.runs.rend(); ++run) {
        const bool whole = std::all_of(run->blocks.begin(), run->blocks.end(), [&](const RunBlock& block) { return project.impl().present(block.file); });
        if (run->info.state == "done" && run->info.fingerprint == fingerprint && whole)
            return run->info;
    }
    return std::nullopt;
}

void storeBlock(Project& project, std::string_view run, const StoredBlock& block)
{
    Project::Impl& impl = project.impl();
    impl.requireWritable();
    {
        Manifest manifest = impl.snapshot();
        const RunInfo& info = recordOf(manifest, run).info;
        if (block.block < 0 || block.block >= info.blocks)
            throw Error(ErrorKind::InvalidArgument, info.id + " has " + std::to_string(info.blocks) + " blocks, none of number "
                + std::to_string(block.block) + ".");
    }
    RunBlock made;
    made.file = impl.store("runs/" + std::string(run), numbered("block", block.block), blockImage(block));
    made.result = block.result;
    takeEvidence(made.result);   // the file has it; the manifest stays small
    made.result.block = block.block;
    made.result.linears.clear();
    for (const StoredLinear& linear : block.linears)
        made.result.linears.push_back(linear.result);
    std::optional<FileEntry> replaced;
    impl.update([&](Manifest& manifest) {
        RunRecord& record = recordOf(manifest, run);
        auto& blocks = record.blocks;
        const auto at = std::lower_bound(blocks.begin(), blocks.end(), block.block,
            [](const RunBlock& have, int wanted) { return have.result.block < wanted; });
        if (at != blocks.end() && at->result.block == block.block) {
            if (at->file.file != made.file.file)
                replaced = at->file;
            *at = made;
        } else {
            blocks.insert(at, made);
        }
        countDone(record);
    });
    if (replaced)
        impl.discard(*replaced);
}

StoredBlock loadBlock(const Project& project, std::string_view run, int block)
{
    const Project::Impl& impl = project.impl();
    const RunBlock entry = blockOf(impl, run, block);
    std::vector<std::byte> image = impl.read(entry.file);
    StoredBlock stored = readBlockImage(image, (impl.folder / entry.file.file).string(), block);
    stored.file = (impl.folder / entry.file.file).string();
    BlockEvidence evidence = takeEvidence(stored.result);
    stored.result = entry.result;
    setEvidence(stored.result, std::move(evidence));
    for (std::size_t i = 0; i < std::min(stored.linears.size(), entry.result.linears.size()); ++i)
        stored.linears[i].result.seconds = entry.result.linears[i].seconds;
    return stored;
}

BlockEvidence loadEvidence(const Project& project, std::string_view run, int block)
{
    const Project::Impl& impl = project.impl();
    const RunBlock entry = blockOf(impl, run, block);
    std::vector<std::byte> image = impl.read(entry.file);
    BlockEvidence evidence = readBlockEvidence(image, (impl.folder / entry.file.file).string(), block);
    for (SiteChange& change : evidence.sites)
        for (const AsleepChannels& asleep : entry.result.asleep)
            if (asleep.site == change.site && !asleep.grid)
                change.asleep = asleep.count;
    return evidence;
}

void setEvidence(BlockResult& result, BlockEvidence evidence)
{
    result.curves = std::move(evidence.curves);
    result.transforms = std::move(evidence.transforms);
    result.weights = std::move(evidence.weights);
    result.sites = std::move(evidence.sites);
}

BlockEvidence takeEvidence(BlockResult& result)
{
    return {std::move(result.curves), std::move(result.transforms), std::move(result.weights), std::move(result.sites)};
}

void finishRun(Project& project, const RunInfo& finished)
{
    project.impl().update([&](Manifest& manifest) {
        RunRecord& record = recordOf(manifest, finished.id);
        if (record.info.blocksDone != record.info.blocks)
            throw Error(ErrorKind::InvalidArgument, finished.id + " cannot be finished with " + std::to_string(record.info.blocksDone)
                + " of "
                    + std::to_string(record.info.blocks) + " blocks done.");
        record.info.state = "done";
        record.info.bitsPerWeight = finished.bitsPerWeight;
        record.info.bytes = finished.bytes;
        record.info.seconds = finished.seconds;
        record.info.peakBytes = finished.peakBytes;
        record.info.canaryPerplexity = finished.canaryPerplexity;
        record.info.canaryReference = finished.canaryReference;
    });
}

} // namespace halftone
