#pragma once

#include "core/methods/low_rank.h"
#include "core/project/project.h"
#include "core/project/unfinished_run.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/weight_quantizer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

/// A quantized linear as a run leaves it: codes + scales + zeros, and the static activation ranges of its grid.
struct StoredLinear {
    std::string name;
    std::optional<QuantizedWeight> weight;      ///< empty: left float (the model's own weight)
    ActivationGrid activations;
    ActivationRanges ranges;                    ///< for static grids
    std::optional<LowRank> factors;             ///< added to the quantized weight
    LinearResult result;

    /// What the linear multiplies with, float32: codes and factors. Only where `weight` is set.
    at::Tensor effectiveWeight() const;
};

/// A tensor of the model that a run changed beside the codes (a norm's weight, a bias, a float weight), under its Hugging Face name.
struct StoredTensor {
    std::string name;
    at::Tensor value;   ///< float32, the model's shape
};

struct StoredBlock {
    int block = 0;
    std::vector<StoredLinear> linears;
    std::vector<StoredTensor> tensors;
    BlockResult result;
    std::string file;   ///< that it was read from; empty: none
};

/// Results of runs in a project: one immutable HDF5 file a block, on disk the moment it exists, then named by the manifest.
/// @throws Error{Io} (disk full: nothing half-written stays), Error{BadFile} when a file's hash is not the manifest's.
RunInfo beginRun(Project& project, const std::string& recipeJson, const std::string& fingerprint, int blocks, const RunInputs& inputs = {});
/// A run that begins with the first `taken` finished blocks of another: their files are shared, named by both.
/// @throws Error{InvalidArgument} where `from` has fewer finished blocks.
RunInfo branchRun(Project& project, std::string_view from, int taken, const std::string& recipeJson, const std::string& fingerprint, const RunInputs& inputs);
/// A run that can go on: state "running" with this fingerprint.
std::optional<RunInfo> findResumable(const Project& project, const std::string& fingerprint);
/// A finished run with this fingerprint, the newest.
std::optional<RunInfo> findFinished(const Project& project, const std::string& fingerprint);
void storeBlock(Project& project, std::string_view run, const StoredBlock& block);
StoredBlock loadBlock(const Project& project, std::string_view run, int block);
void finishRun(Project& project, const RunInfo& finished);

} // namespace halftone
