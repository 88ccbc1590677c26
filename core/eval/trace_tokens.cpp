#include "core/eval/trace_tokens.h"

#include "core/eval/token_losses.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace halftone {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// Hidden states [1, tokens, hidden] of the starts of some windows.
struct Walk {
    Walk(const BlockSource& from, const std::vector<std::vector<std::int32_t>>& starts, const at::Device& on) : source(from), device(on)
    {
        for (const std::vector<std::int32_t>& ids : starts)
            hidden.push_back(source.embed({&ids, 1}).to(device));
    }
    void advance(int index)
    {
        DecoderBlock block = source.block(index);
        if (source.roundsActivations())
            block.arithmetic = Arithmetic::Plain;
        if (!device.is_cpu())
            block.moveTo(device);
        for (at::Tensor& states : hidden)
            states = block.forward(states);
    }

    const BlockSource& source;
    at::Device device;
    std::vector<at::Tensor> hidden;
};

void addDrift(TokenTrace& trace, int block, const Walk& own, const Walk& other)
{
    std::size_t token = 0;
    for (std::size_t w = 0; w < own.hidden.size(); ++w) {
        const at::Tensor a = own.hidden[w][0].to(at::kCPU, at::kFloat), b = other.hidden[w][0].to(at::kCPU, at::kFloat);
        const at::Tensor ratio = ((a - b).norm(2, {-1}) / b.norm(2, {-1}).clamp_min(1e-30)).contiguous();
        for (std::int64_t i = 0; i < ratio.numel(); ++i, ++token)
            trace.drift[token * static_cast<std::size_t>(trace.blocks) + static_cast<std::size_t>(block)] = ratio.const_data_ptr<float>()[i];
    }
}

} // namespace

TokenTrace traceTokens(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows, const Tokenizer& tokenizer, int most,
                       const ComputeOptions& options, Progress& progress, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    TokenTrace trace;
    std::vector<std::vector<std::int32_t>> starts;
    for (std::size_t w = 0, left = static_cast<std::size_t>(std::max(0, most)); w < windows.ids.size() && left > 1; ++w) {
        const std::size_t count = std::min(left, windows.ids[w].size());
        starts.emplace_back(windows.ids[w].begin(), windows.ids[w].begin() + static_cast<std::ptrdiff_t>(count));
        left -= count;
        for (const std::int32_t id : starts.back())
            trace.texts.push_back(tokenizer.tokenText(id));
    }
    const std::size_t n = trace.texts.size();
    trace.nll.assign(n, kNone);
    const bool sameDepth = reference && reference->config().blocks == model.config().blocks && reference->config().hidden == model.config().hidden;
    trace.blocks = model.config().blocks;
    if (reference) {
        trace.referenceNll.assign(n, kNone);
        trace.divergence.assign(n, kNone);
    }
    if (sameDepth)
        trace.drift.assign(n * static_cast<std::size_t>(trace.blocks), kNone);

    const at::Device device = options.device.kind == Device::Kind::Cuda ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(options.device.index)) : at::Device(at::kCPU);
    Walk own(model, starts, device);
    std::optional<Walk> other;
    if (reference)
        other.emplace(*reference, starts, device);
    const int steps = std::max(model.config().blocks, reference ? reference->config().blocks : 0);
    progress.begin("tokens", steps + 1, "blocks");
    for (int b = 0; b < steps; ++b) {
        throwIfStopped(stop);
        if (b < model.config().blocks)
            own.advance(b);
        if (other && b < reference->config().blocks)
            other->advance(b);
        if (sameDepth)
            addDrift(trace, b, own, *other);
        progress.update(b + 1, "block " + std::to_string(b));
    }

    // Row by row, so that one whose logits are not finite leaves a gap and moves nothing.
    std::size_t first = 0;
    for (std::size_t w = 0; w < starts.size(); first += starts[w++].size()) {
        for (std::size_t i = 0; i + 1 < starts[w].size(); ++i) {
            throwIfStopped(stop);
            const auto row = static_cast<std::int64_t>(i);
            const std::span<const std::int32_t> next(starts[w].data() + i + 1, 1);
            const at::Tensor logits = model.logits(own.hidden[w][0].narrow(0, row, 1)).to(at::kCPU);
            TokenLosses losses;
            if (other)
                losses.add(logits, reference->logits(other->hidden[w][0].narrow(0, row, 1)).to(at::kCPU), next);
            else
                losses.add(logits, next);
            if (losses.nll.empty())
                continue;
            trace.nll[first + i + 1] = static_cast<float>(losses.nll.front());
            if (other) {
                trace.referenceNll[first + i + 1] = static_cast<float>(losses.referenceNll.front());
                trace.divergence[first + i + 1] = static_cast<float>(losses.divergence.front());
            }
        }
    }
    progress.update(steps + 1, "head");
    return trace;
}

} // namespace halftone
