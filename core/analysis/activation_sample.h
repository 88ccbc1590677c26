#pragma once

#include "core/model/model_info.h"
#include "core/quant/grid.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halftone {

/// The tokens of an analyzed text whose activations are kept, the same for every site.
struct SampledTokens {
    std::int64_t total = 0;                ///< tokens of the whole text
    int length = 0;                        ///< tokens of a window
    std::vector<std::int64_t> positions;   ///< in text order, ascending
    std::vector<std::string> texts;        ///< readable, one a position; empty where no tokenizer was at hand

    bool whole() const { return static_cast<std::int64_t>(positions.size()) == total; }
    /// Row of the sample that holds a token of the text; −1 when it was not kept.
    int rowOf(std::int64_t position) const;
    /// Windows that hold at least one sampled token, ascending.
    std::vector<std::int64_t> windows() const;
};

/// Bytes that all samples of a model may take, in memory and on disk alike. (Eight tokens are kept where even those are more.)
inline constexpr std::int64_t kSampleBytes = 32ll << 20;

/// Which tokens to keep of `total` in windows of `length`: short runs of neighbours, so that they can be read, spread evenly over the text; the
/// first token, on which many models pile their attention, is always among them. All of them where they fit.
/// @param channels of all sites of the model together
SampledTokens chooseSample(std::int64_t total, int length, std::int64_t channels);

/// One site's activations at the sampled tokens, with the exact ranges of the walk that grids need.
struct SiteSample {
    std::shared_ptr<const SampledTokens> tokens;   ///< never null
    std::int64_t channels = 0;
    std::vector<float> values;                     ///< [tokens, channels]
    std::vector<float> windowAbsmax;               ///< [tokens->windows(), channels]: channel maxima of the whole window
    std::vector<float> channelAbsmax;              ///< [channels], of the whole text

    std::int64_t rows() const { return static_cast<std::int64_t>(tokens->positions.size()); }
    std::span<const float> row(std::int64_t r) const { return {values.data() + r * channels, static_cast<std::size_t>(channels)}; }
};

/// Shares of all elements, estimated from a sample. First tokens of a window and all others are weighted as often as the text holds them;
/// of the whole text it is the exact figure.
struct KernelEstimate {
    double share = 0;     ///< code 0
    double lost = 0;      ///< … of which x was not 0
    double clipped = 0;
};
/// Symmetric grids only. @throws Error{InvalidArgument} for a grid that is none, asymmetric or impossible.
KernelEstimate estimateKernel(const SiteSample& sample, const ActivationGrid& grid);
/// Many sites, in parallel; null samples give zeros.
std::vector<KernelEstimate> estimateKernels(std::span<const std::shared_ptr<const SiteSample>> samples, const ActivationGrid& grid);

/// The sample after the grid: x̂ [tokens, channels]. @throws as estimateKernel().
std::vector<float> roundSample(const SiteSample& sample, const ActivationGrid& grid);

/// What a grid does to each channel, over the sampled tokens. All [channels].
struct ChannelSummary {
    std::vector<float> low, middle, high;     ///< |x| at the 10th, 50th and 90th percentile over tokens
    std::vector<float> roundedAbsmax;         ///< largest |x̂|; 0: the channel is gone
    std::vector<float> kernelShare;           ///< share of its elements with code 0
};
ChannelSummary summarizeChannels(const SiteSample& sample, const ActivationGrid& grid);

} // namespace halftone
