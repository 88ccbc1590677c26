#pragma once

#include "core/model/decoder_block.h"

#include <optional>
#include <string>

namespace halftone {

/// Whether every element is a number.
bool isFinite(const at::Tensor& x);

/// What made a block's activations stop being finite.
struct NotFinite {
    std::string sentence;   ///< "model.layers.0.mlp.down_proj: the weights hold NaN or infinity …" or "… overflow float32 …"
    std::string subject;    ///< the linear, or the block
};

/// `site`: the first of the block's sites whose activation is not finite, in the order in which they are computed; nothing: only the output is not.
NotFinite whyNotFinite(const DecoderBlock& block, std::optional<SiteKind> site);
/// The first of them; nothing where all are finite or not known.
std::optional<SiteKind> firstNotFinite(const DecoderBlock& block, const PerSite<at::Tensor>& sites);

} // namespace halftone
