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
    SiteKind site;
    const SiteActivations& sample;
    const std::vector<WeightGrid>& grids;   ///< of all linears of the block
    const ActivationGrid& activations;      ///< of the site
    at::Tensor hidden;                      ///< what reaches the block: some windows [windows, tokens, hidden]; undefined in a preview
};

struct TransformResult {
    at::Tensor scale;                 ///< what the site was divided by, [channels of the site]; undefined where it was left as it is
    at::Tensor asleep;                ///< bool [channels of the site]: those that the text hardly wakes, whose factor is 1; undefined where there are none
    std::vector<std::string> notes;
};

/// Re-parametrises a site of a block without changing the block's function.
class Transform {
public:
    virtual ~Transform() = default;
    virtual TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const = 0;
    /// Weights that rounding should start from instead of the block's, by linear of the site. Asked once all sites are transformed, since a later
    /// site's fold changes rows of earlier linears; the sample is that of the transformed site.
    virtual std::map<std::size_t, at::Tensor> sources(const DecoderBlock&, const TransformInputs&, const MethodChoice&, const std::stop_token&) const
    {
        return {};
    }
};

/// @throws Error{InvalidArgument} for an unknown id.
std::unique_ptr<Transform> makeTransform(std::string_view id);

} // namespace halftone
