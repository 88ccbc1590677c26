#pragma once

#include "core/methods/block_reconstruction.h"
#include "core/methods/transform.h"

#include <memory>
#include <vector>

namespace halftone {

/// A site that a learned transform acts on.
struct LearnedSite {
    SiteKind site = SiteKind::AttentionInput;
    SiteActivations sample;
    bool activations = false;   ///< its activation is rounded
};

/// A transform whose scales gradients find, for all its sites of a block at once and together with the clipping of the weights. Training and the
/// final fold run the same code: the parameters' apply(), with and without gradients.
class LearnedTransform : public Transform {
public:
    virtual std::unique_ptr<BlockParameters> learn(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) const = 0;
    /// The state that training starts from.
    TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override;
};

} // namespace halftone
