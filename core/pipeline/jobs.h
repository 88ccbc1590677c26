#pragma once

#include "core/analysis/site_statistics.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/eval/evaluation.h"
#include "core/project/project.h"
#include "core/recipe/recipe.h"
#include "core/text/text_choice.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The jobs: plain functions of (inputs, Progress&, stop_token), the same for window and command line. Each sets threads and grad mode on its own
/// thread. All throw Error or Cancelled.
namespace halftone {

class Model;
struct QuantizePlan;
struct TokenWindows;

struct TextSource {
    TextChoice texts;
    int windows = 0;     ///< 0: all
    int length = 2048;
};

struct AnalyzeJob {
    std::filesystem::path model;
    TextSource text;
    AnalysisSettings settings;
    std::shared_ptr<Project> project;    ///< may be null
    ComputeOptions options;
    std::function<void(int block, const std::vector<SiteStatistics>&, const std::vector<WeightStatistics>&)> blockDone;
};
Analysis analyze(const AnalyzeJob& job, Progress& progress, const std::stop_token& stop);

struct EvaluateJob {
    std::string target;                  ///< MODEL, PROJECT, PROJECT#run, or an export's folder
    TextSource text;
    std::optional<Recipe> recipe;        ///< rounding-to-nearest and activation grids on the fly
    std::filesystem::path against;       ///< empty: no divergence
    ComputeOptions options;
    int tracedTokens = 0;                ///< so many from the start get their losses and drift told one by one
};
/// Throws InvalidArgument where an evaluation's target is a run or an export: a recipe on the fly needs a float model.
void requireFloatModel(const std::string& target);
Evaluation evaluate(const EvaluateJob& job, Progress& progress, const std::stop_token& stop);

/// Some steps of a training that is at work, in order.
struct TrainingProgress {
    int block = 0;
    std::string what;            ///< as the loss curve will be named
    int first = 0, steps = 0;    ///< step of the first loss, and how many there will be
    std::vector<float> losses;
};

struct QuantizeJob {
    std::filesystem::path model;
    Recipe recipe;
    TextChoice text;                     ///< may be empty where nothing in the recipe learns from text (learnsFromText())
    std::shared_ptr<Project> project;
    bool resume = true;                  ///< go on with a run of the same fingerprint; else start anew
    bool refuseOther = false;            ///< with `resume`: a run that differs, the unfinished or else the newest, is an Error{InvalidArgument} saying in what (run_difference.h), no new run
    std::string branchFrom = {};         ///< a run whose finished blocks are taken over, up to the first whose plan differs; where `resume` finds the branch that was begun, that goes on
    ComputeOptions options;
    std::function<void(const QuantizePlan&)> planned;        ///< before anything is written, with the samples that the text holds; not of a finished run that is taken
    std::function<void(const TrainingProgress&)> training;   ///< at most ten times a second, and before the block is done
    std::function<void(const BlockResult&)> blockDone;   ///< of a resumed run first those of its earlier blocks, without loss curves
    bool stopAtFlags = false;            ///< a sentinel's flag ends the job after its block, as an Error{BadFile}; the run can be resumed
    bool takeFinished = false;           ///< a finished run of the same fingerprint is the answer: nothing is computed again
    std::shared_ptr<const Model> opened;          ///< `model`, where it is open already
    std::shared_ptr<const TokenWindows> windows;  ///< `text` as the recipe's calibration samples it, where that is known already
};
/// Reads and samples the text of a job, which quantize() does itself otherwise: fills `opened` and `windows`.
/// @throws as quantize() before it computes anything: a text too short for one sample among them.
void readCalibration(QuantizeJob& job);

/// What a run was calibrated on.
struct CalibrationUse {
    int samples = 0, wanted = 0;         ///< `wanted` 0: all that there are
    int length = 0;                      ///< tokens a sample
    std::int64_t textTokens = 0;
    std::vector<std::string> notes;      ///< in sentences: a short text, how rows of JSON were read, that there was no text
};

struct QuantizeResult {
    RunInfo run;
    std::vector<LinearResult> linears;
    std::vector<BlockFlag> flags;        ///< of all blocks, those done before a resume included
    std::vector<AsleepChannels> asleep = {};   ///< of all blocks
    std::vector<LossCurve> curves = {};  ///< the same; none of a finished run that was taken
    CalibrationUse calibration = {};
};
QuantizeResult quantize(const QuantizeJob& job, Progress& progress, const std::stop_token& stop);

/// What the numerics run on, for the status bar: "cpu · 2 threads · oneDNN fp32".
std::string computeDescription(const ComputeOptions& options);

} // namespace halftone
