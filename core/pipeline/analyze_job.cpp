#include "core/analysis/analyze.h"
#include "core/base/error.h"
#include "core/model/model.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/memory_plan.h"
#include "core/project/project_model.h"
#include "core/text/corpus.h"

namespace halftone {

Analysis analyze(const AnalyzeJob& job, Progress& progress, const std::stop_token& stop)
{
    Analysis result;
    translateErrors("analyze", [&] {
        requireCpu(job.options, "analyze");
        const ComputeScope scope(job.options);
        const std::shared_ptr<const Model> model = Model::open(job.model);
        for (const std::string& note : model->notes())
            progress.note(note);
        const std::unique_ptr<Tokenizer> tokenizer = model->tokenizer();
        const TextRead read = readTexts(job.text.texts);
        for (const std::string& note : read.notes)
            progress.note(note);
        const TokenWindows windows = cutWindows(*tokenizer, read.text, job.text.texts.name(), job.text.windows, job.text.length);
        progress.note(memorySentence(static_cast<std::int64_t>(windows.ids.size()) * windows.length,
                                     analyzeMemory(model->config(), static_cast<std::int64_t>(windows.ids.size()), windows.length, job.options.memoryBudget)));
        if (job.project)
            bindModel(*job.project, model->checkpoint());
        if (job.project)
            job.project->beginAnalysis(job.settings, static_cast<int>(windows.ids.size()), windows.length, windows.textHash);
        result = analyzeModel(*model, windows, job.settings, job.options, progress, stop,
                              [&](int block, const std::vector<SiteStatistics>& sites, const std::vector<WeightStatistics>& weights) {
                                  if (job.project)
                                      job.project->addAnalysisBlock(block, sites, weights);
                                  if (job.blockDone)
                                      job.blockDone(block, sites, weights);
                                  returnFreedMemory();   // what a block leaves lies among its activations: else the next block's find no room between
                              },
                              tokenizer.get());
    });
    return result;
}

} // namespace halftone
