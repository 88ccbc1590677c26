#pragma once

#include "core/model/decoder_block.h"

#include <ATen/core/Tensor.h>

#include <string>

/// Function-preserving re-parametrisations of a block (methods-core §2.3). All are composed of ATen operators and leave the old tensors alone, so
/// that training and the final fold run the same code, in any float type.
namespace halftone {

/// Why nothing can be folded into what produces a site; empty where it can.
std::string whyNotFoldable(const ModelConfig& config, SiteKind site);
/// The same, for sites behind a norm only; empty for the others, which transforms leave alone where they have to.
std::string whyNotBehindNorm(const ModelConfig& config, SiteKind site);

/// Channels of the tensor that produces a site: the site's own, but for grouped-query attention, where a scale of the attention output acts on
/// the value rows, which several query heads share.
std::int64_t producerChannels(const ModelConfig& config, SiteKind site);
/// One value a producer's channel → one a site's channel (repeated for the query heads of a key-value head).
at::Tensor spreadToSite(const ModelConfig& config, SiteKind site, const at::Tensor& producer);
/// The other way: the largest of the values that share a producer's channel.
at::Tensor gatherFromSite(const ModelConfig& config, SiteKind site, const at::Tensor& channels);

/// The site's activation x becomes (x − shift) / scale: the producer's weight and bias are changed so, and the site's linears undo it.
/// scale and shift [producerChannels]; scale positive, shift may be undefined. @throws Error{InvalidArgument} where the site cannot be folded, or a
/// shift has no bias to go into (RMSNorm, linears without bias; ReLU lies between fc1 and fc2).
void transformSite(DecoderBlock& block, SiteKind site, const at::Tensor& scale, const at::Tensor& shift = {});

/// Whether a shift of the site has biases to go into.
bool takesShift(const DecoderBlock& block, SiteKind site);

/// Query rows times, key rows divided by `scale` [kvHeads · headDim]: the attention logits stay. Under RoPE the two channels of a rotated pair must
/// have one value. @throws Error{InvalidArgument} for models that normalise queries and keys.
void transformQueryKey(DecoderBlock& block, const at::Tensor& scale);
std::string whyNotQueryKey(const ModelConfig& config);

/// The attention output, a row of headDim values a head, becomes (x − shift) A⁻¹: value rows times A⁻ᵀ, columns of the output projection times Aᵀ.
/// matrix A and its inverse [kvHeads, headDim, headDim]; with grouped queries every query head of a key-value head takes that head's, which is exact.
/// shift [kvHeads · headDim] or undefined, as in transformSite().
void transformHeads(DecoderBlock& block, const at::Tensor& matrix, const at::Tensor& inverse, const at::Tensor& shift = {});
/// Queries, a row a head, become q B and keys k B⁻ᵀ, so that the attention logits stay. B and its inverse [kvHeads, headDim, headDim]; under RoPE B must be
/// rotation-scale blocks [[a, −b], [b, a]] of the rotated pairs (pairBlocks()). @throws Error{InvalidArgument} as transformQueryKey().
void transformQueryKeyHeads(DecoderBlock& block, const at::Tensor& matrix, const at::Tensor& inverse);
/// [[diag a, −diag b], [diag b, diag a]] of a, b [heads, headDim / 2]: a matrix a head that commutes with RoPE's half-split rotation.
at::Tensor pairBlocks(const at::Tensor& a, const at::Tensor& b);

/// Indices of the linears that read a site.
std::vector<std::size_t> linearsOf(const DecoderBlock& block, SiteKind site);

} // namespace halftone
