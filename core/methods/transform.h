#pragma once

#include "core/base/progress.h"
#include "core/methods/method.h"
#include "core/model/decoder_block.h"
#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What a transform may know of a site: ranges over the calibration text, and some of its tokens.
struct SiteActivations {
    at::Tensor absmax, minimum, maximum, meanAbs;   ///< float32 [channels]
    at::Tensor tokens;                              ///< float32 [≤ 512, channels], evenly spread
};

struct TransformInputs {
    SiteKind site = SiteKind::AttentionInput;
    const SiteActivations& sample;
    const std::vector<WeightGrid>& grids;   ///< of all linears of the block
    const ActivationGrid& activations;      ///< of the site
    at::Tensor hidden;                      ///< what reaches the block: some windows [windows, tokens, hidden]
};

struct TransformResult {
    std::map<std::size_t, at::Tensor> clipped;   ///< weights that rounding should start from instead, by linear
    std::vector<std::string> notes;
};

/// Re-parametrises a site of a block without changing the block's function.
class Transform {
public:
    virtual ~Transform() = default;
    virtual TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const = 0;
};

/// @throws Error{InvalidArgument} for an unknown id.
std::unique_ptr<Transform> makeTransform(std::string_view id);

} // namespace halftone
