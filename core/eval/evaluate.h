#pragma once

#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/eval/evaluation.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

#include <memory>
#include <span>
#include <vector>

namespace halftone {

class HiddenStream;

/// Positions whose logits are made at a time: those of one product stay below 64 MB.
std::int64_t logitRows(std::int64_t vocabulary);

/// Walks block by block over all windows (hidden streams only, one block in memory), then the head in chunks of rows: no full logits.
/// With `reference`, its stream runs beside and the divergence is measured. @throws Cancelled, Error.
Evaluation evaluateModel(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows,
                         const ComputeOptions& options, Progress& progress, const std::stop_token& stop);

/// What a model makes of some windows, walked once and held for several evaluations against it: tokens × hidden float32.
class Reference {
public:
    /// `model` must outlive it. @throws Cancelled, Error.
    Reference(const BlockSource& model, const TokenWindows& windows, const ComputeOptions& options, Progress& progress, const std::stop_token& stop);
    Reference(Reference&&) noexcept;
    ~Reference();

    /// Of the model itself: the same as evaluateModel() without a reference.
    Evaluation evaluation(Progress& progress, const std::stop_token& stop) const;
    const TokenWindows& windows() const { return m_windows; }

private:
    friend std::vector<Evaluation> evaluateModels(std::span<const BlockSource* const>, const Reference*, const TokenWindows&, const ComputeOptions&, Progress&,
                                                  const std::stop_token&);
    TokenWindows m_windows;
    std::unique_ptr<HiddenStream> m_stream;
};

/// Several models over the same windows, block by block side by side, so that what they share is loaded once and the reference's logits are
/// made once for all. Each model's figures are those of evaluateModel() alone, to the bit. Memory: tokens × hidden float32 a model.
/// `reference` may be null; it must have been made of the same windows.
std::vector<Evaluation> evaluateModels(std::span<const BlockSource* const> models, const Reference* reference, const TokenWindows& windows,
                                       const ComputeOptions& options, Progress& progress, const std::stop_token& stop);

} // namespace halftone
