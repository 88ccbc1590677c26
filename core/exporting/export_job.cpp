#include "core/exporting/export_job.h"

#include "core/base/atomic_file.h"
#include "core/base/atomic_folder.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/exporting/certificate.h"
#include "core/exporting/export_files.h"
#include "core/exporting/export_target.h"
#include "core/exporting/exporter.h"
#include "core/model/foreign_errors.h"
#include "core/project/project_model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_edit.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace halftone {

namespace {

constexpr int kProbeTokens = 64;

/// A job's run with everything an exporter reads of it.
struct Opened {
    explicit Opened(const ExportJob& job)
        : model(openModelOf(*job.project)), description(model->describe()), run(job.project->run(job.run)), reading(*job.project, run.id),
          recipe(Recipe::parse(run.recipeJson, (job.project->folder() / "manifest.json").string() + ": the recipe of " + run.id)),
          source{*model, description, plansOfRun(recipe, description), [project = job.project, id = run.id](int b) { return loadBlock(*project, id, b); },
                 job.dtype == "auto" ? exportDTypeName(model->config()) : job.dtype, recipe.kvCache}
    {
        if (run.state != "done")
            throw Error(ErrorKind::InvalidArgument, "run " + run.id + " is not finished (" + std::to_string(run.blocksDone) + " of " + std::to_string(run.blocks) +
                        " blocks); resume it first", run.id);
    }

    std::shared_ptr<const Model> model;
    ModelDescription description;
    RunInfo run;
    RunReading reading;
    Recipe recipe;
    ExportSource source;
};

std::vector<ContractIssue> issuesOf(const ExportJob& job, const Opened& opened)
{
    std::vector<ContractIssue> issues = exporter(job.format).check({opened.description, opened.source.plans, opened.recipe.kvCache});
    if (!opened.recipe.contract.empty() && exporter(job.format).info().packed) {   // plain weights open everywhere
        for (ContractIssue& issue : checkContract(opened.recipe.contract, opened.source.plans, opened.description, opened.recipe.kvCache))
            if (std::none_of(issues.begin(), issues.end(), [&](const ContractIssue& known) { return known.linear == issue.linear && known.reason == issue.reason; }))
                issues.push_back(std::move(issue));   // the contract asks the format too
    }
    return issues;
}

/// A fixed stretch of ids that the vocabulary surely has: the certificate compares arithmetic, not language.
std::vector<std::int32_t> probeIds(std::int64_t vocabulary, std::int64_t positions)
{
    std::vector<std::int32_t> ids(static_cast<std::size_t>(std::min<std::int64_t>(kProbeTokens, positions > 0 ? positions : kProbeTokens)));
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = static_cast<std::int32_t>((7919 * (i + 1)) % static_cast<std::uint64_t>(vocabulary));
    return ids;
}

ExportResult write(const ExportJob& job, Progress& progress, const std::stop_token& stop)
{
    requireCpu(job.options, "export");
    const at::NoGradGuard noGrad;
    if (job.options.threads > 0)
        at::set_num_threads(job.options.threads);
    const Opened opened(job);
    const std::vector<ContractIssue> issues = issuesOf(job, opened);
    std::vector<ContractIssue> fatal;
    std::copy_if(issues.begin(), issues.end(), std::back_inserter(fatal), [](const ContractIssue& i) { return i.fatal; });
    if (!fatal.empty())
        throw Error(ErrorKind::Unsupported, "cannot export as " + job.format + ": " + sentences(fatal).front(), fatal.front().linear);
    const std::vector<std::string> replaced = requireExportTarget(job);

    ExportResult result;
    result.warnings = sentences(issues);
    for (const std::string& warning : result.warnings)   // said before anything is written
        progress.note(warning);
    const SizeEstimate size = estimateSize(opened.source.plans, opened.description, opened.source.dtype);
    requireDiskSpace(job.out, exporter(job.format).info().packed ? size.bytes : size.denseBytes);
    removeStaleTemporaries(std::filesystem::absolute(job.out).parent_path());   // of killed processes
    AtomicFolder folder(job.out, replaced);
    Written written = exporter(job.format).write(opened.source, folder.path(), progress, stop);
    result.files = written.files;
    result.left = written.left;
    const std::shared_ptr<const BlockSource> run = openRun(opened.model, job.project, opened.run.id);
    result.certificate = certify(opened.source, *run, folder.path(), written,
                                 probeIds(opened.model->config().vocabulary, opened.model->config().maxPositions), progress, stop);
    writeFileAtomically(folder.path() / kCertificateFile, result.certificate);
    result.files.emplace_back(kCertificateFile);
    for (const std::string& file : result.files)
        result.bytes += std::filesystem::file_size(folder.path() / file);
    throwIfStopped(stop);
    folder.commit();
    return result;
}

} // namespace

std::vector<ContractIssue> checkExport(const ExportJob& job)
{
    std::vector<ContractIssue> issues;
    translateErrors("export", [&] { issues = issuesOf(job, Opened(job)); });
    return issues;
}

ExportResult exportRun(const ExportJob& job, Progress& progress, const std::stop_token& stop)
{
    ExportResult result;
    translateErrors("export", [&] { result = write(job, progress, stop); });
    return result;
}

} // namespace halftone
