#pragma once

#include "core/methods/block_reconstruction.h"
#include "core/methods/transform.h"

#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// A site that a learned transform acts on.
struct LearnedSite {
    SiteKind site;
    SiteActivations sample;
    bool activations = false;   ///< its activation is rounded
};

/// Channels of a site whose factor is held at 1: bool [producerChannels].
struct SleepingSite {
    SiteKind site;
    at::Tensor channels;
};

/// The parameters of a learned transform. apply() takes blocks of float32 (training) and of float64 (the final fold).
class TransformParameters : public BlockParameters {
public:
    /// What they are now, to be drawn.
    virtual std::vector<TransformEvidence> evidence() const = 0;
    virtual std::vector<SleepingSite> sleeping() const = 0;
    /// What a person should know of the training.
    virtual std::vector<std::string> notes() const { return {}; }
};

/// A transform whose scales gradients find, for all its sites of a block at once and together with the clipping of the weights. Training and the
/// final fold run the same code: the parameters' apply(), with and without gradients.
class LearnedTransform : public Transform {
public:
    virtual std::unique_ptr<TransformParameters> learn(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) const = 0;
    /// The state that training starts from.
    TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override;
};

/// Applies parameters in float64 to a float32 block, without gradients; tensors that they do not change stay the same tensors.
void foldInDouble(DecoderBlock& block, const std::vector<BlockParameters*>& parameters);

} // namespace halftone
