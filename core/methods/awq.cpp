#include "core/algebra/product.h"
#include "core/algebra/sums.h"
#include "core/methods/asleep_mask.h"
#include "core/methods/equivalent.h"
#include "core/methods/rounding.h"
#include "core/methods/transform.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <limits>

namespace halftone {
namespace {

constexpr int kRatios = 20;
constexpr int kClipSteps = 20, kClipCandidates = 10;
constexpr std::int64_t kRowsOfClip = 64;

bool quantizedAny(const DecoderBlock& block, const TransformInputs& in)
{
    const std::vector<std::size_t> linears = linearsOf(block, in.site);
    return std::any_of(linears.begin(), linears.end(), [&](std::size_t i) { return in.grids[i].quantized(); });
}

/// Activation-aware weight quantization: the site's scale is mean|x|^ratio (1 for channels that the text hardly wakes), the ratio searched for the least error of the half block's output with
/// the site's linears rounded to nearest; then every row's or group's range is searched on the tokens.
class Awq final : public Transform {
public:
    TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice&, const std::stop_token& stop) const override
    {
        TransformResult result;
        if (!quantizedAny(block, in) || !whyNotFoldable(block.config(), in.site).empty())
            return result;
        const at::Tensor scale = bestScale(block, in, stop);
        if (scale.defined()) {
            transformSite(block, in.site, scale);
            result.scale = spreadToSite(block.config(), in.site, scale);
            result.asleep = spreadToSite(block.config(), in.site, asleepMask(gatherFromSite(block.config(), in.site, in.sample.meanAbs)));
        }
        return result;
    }

    /// Clipped weights. Not for queries and keys, whose errors the softmax amplifies (and so not where they are fused with the values).
    std::map<std::size_t, at::Tensor> sources(const DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice,
                                              const std::stop_token& stop) const override
    {
        std::map<std::size_t, at::Tensor> clipped;
        if (!choice.boolean("clip"))
            return clipped;
        for (const std::size_t i : linearsOf(block, in.site)) {
            const LinearRole role = block.linears()[i].info.role;
            const bool queryOrKey = role == LinearRole::Query || role == LinearRole::Key || role == LinearRole::FusedQkv;
            if (in.grids[i].quantized() && !in.grids[i].perTensor && !queryOrKey)
                clipped.emplace(i, clippedWeight(block.linears()[i].weight, in.grids[i], in.sample.tokens, stop));
        }
        return clipped;
    }

private:
    /// Squared error of the site's own products: |x (W' - W)^T|^2 = sum of (W' - W) (x^T x) (W' - W)^T, with W' the rounded weights divided by the scale.
    static double errorOfProducts(const DecoderBlock& block, const DecoderBlock& trial, const TransformInputs& in, const at::Tensor& gram, const at::Tensor& scale)
    {
        double error = 0;
        for (const std::size_t i : linearsOf(block, in.site)) {
            const at::Tensor difference = trial.linears()[i].weight / scale - block.linears()[i].weight;
            error += sumOfProducts(product(difference, gram), difference);
        }
        return error;
    }

    /// What the site's linears see, where their products alone decide: behind attention and activation function they only add to the residual stream,
    /// and before them, what reaches the block may be unknown. Undefined where the half block has to run.
    static at::Tensor tokensOfProducts(const DecoderBlock& block, const TransformInputs& in, const at::Tensor& hidden)
    {
        if (!in.hidden.defined())
            return in.sample.tokens;
        return in.site.producer() == SiteProducer::Norm ? at::Tensor() : block.activation(in.site, hidden).flatten(0, -2);
    }

    static at::Tensor bestScale(const DecoderBlock& block, const TransformInputs& in, const std::stop_token& stop)
    {
        const bool first = in.site.half() == block.stages().front().site.half(), known = in.hidden.defined();
        const at::Tensor hidden = first || !known ? in.hidden : block.half(block.stages().front().site.half(), in.hidden);
        const at::Tensor tokens = tokensOfProducts(block, in, hidden);
        const at::Tensor gram = tokens.defined() ? product(tokens.t(), tokens) : at::Tensor();
        const at::Tensor wanted = gram.defined() ? at::Tensor() : block.half(in.site.half(), hidden);
        const at::Tensor mean = gatherFromSite(block.config(), in.site, in.sample.meanAbs), asleep = asleepMask(mean);
        if (asleep.all().item<bool>())
            return {};
        double least = std::numeric_limits<double>::infinity();
        at::Tensor best;
        for (int r = 0; r < kRatios; ++r) {
            throwIfStopped(stop);
            at::Tensor scale = mean.pow(static_cast<double>(r) / kRatios).clamp_min(1e-4);
            const at::Tensor awake = scale.masked_select(asleep.logical_not());
            scale = at::where(asleep, 1.0, scale / (awake.max() * awake.min()).sqrt());
            DecoderBlock trial = block;
            transformSite(trial, in.site, scale);
            for (const std::size_t i : linearsOf(trial, in.site))
                if (in.grids[i].quantized())
                    trial.linears()[i].weight = quantizeToNearest(trial.linears()[i].weight, in.grids[i]).dequantize();
            const double error = gram.defined() ? errorOfProducts(block, trial, in, gram, spreadToSite(block.config(), in.site, scale))
                                                : sumOfSquares(trial.half(in.site.half(), hidden) - wanted);
            if (error < least) {
                least = error;
                best = r == 0 ? at::Tensor() : scale;
            }
        }
        return best;
    }

    /// Every group clamped to ± its largest weight times the factor of 1, 0.95 … 0.55 that serves the group's own product with the tokens best.
    static at::Tensor clippedWeight(const at::Tensor& weight, const WeightGrid& grid, const at::Tensor& tokens, const std::stop_token& stop)
    {
        const std::int64_t width = groupWidth(grid, weight.size(1)), groups = weight.size(1) / width;
        at::Tensor x = tokens.view({tokens.size(0), groups, width}).permute({1, 2, 0}).contiguous();   // [groups, width, tokens]
        const bool products = tokens.size(0) > width;   // |d x|^2 = d (x x^T) d^T: the tokens' products once, instead of every token for each candidate
        if (products)
            x = product(x, x.transpose(1, 2));
        at::Tensor out = at::empty_like(weight);
        for (std::int64_t first = 0; first < weight.size(0); first += kRowsOfClip) {
            throwIfStopped(stop);
            const std::int64_t rows = std::min(kRowsOfClip, weight.size(0) - first);
            const at::Tensor part = weight.narrow(0, first, rows).contiguous();
            const at::Tensor grouped = part.view({rows, groups, width});
            const at::Tensor largest = grouped.abs().amax(2, true);
            at::Tensor bestLimit = largest, least;
            for (int c = 0; c < kClipCandidates; ++c) {
                const at::Tensor limit = largest * (1 - static_cast<double>(c) / kClipSteps);
                const at::Tensor clamped = at::minimum(at::maximum(grouped, -limit), limit);
                const at::Tensor rounded = quantizeToNearest(clamped.view({rows, groups * width}), grid).dequantize().view({rows, groups, width});
                const at::Tensor difference = (rounded - grouped).transpose(0, 1), onTokens = product(difference, x);
                const at::Tensor error = (products ? onTokens * difference : onTokens.square()).sum(2).t();   // [rows, groups]
                if (c == 0) {
                    least = error;
                    continue;
                }
                const at::Tensor better = error < least;
                least = at::where(better, error, least);
                bestLimit = at::where(better.unsqueeze(2), limit, bestLimit);
            }
            out.narrow(0, first, rows).copy_(at::minimum(at::maximum(grouped, -bestLimit), bestLimit).view({rows, groups * width}));
        }
        return out;
    }
};

} // namespace

MethodEntry awqMethod()
{
    MethodInfo info;
    info.id = "awq";
    info.name = "AWQ";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2306.00978";
    info.summary = "Enlarges the weight columns that strong activations meet, by a searched power of the activations, and searches every group's range.";
    info.needs.calibration = true;
    info.folds = {MethodFolds::How::Fully, "Scales go into norms, values and up projections, clipping into the weights' scales; nothing is left for a runtime to do."};
    info.parameters = {{"clip", ParameterInfo::Type::Boolean, 0, 0, true, {}, "Search how far to clip every row or group too (never queries and keys)"}};
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new Awq); }, 
            .whyNotTransform = whyNotBehindNorm};
}

} // namespace halftone
