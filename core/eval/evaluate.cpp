#include "core/eval/evaluate.h"

#include "core/base/error.h"
#include "core/eval/hidden_stream.h"
#include "core/eval/token_losses.h"
#include "core/model/model_ends.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace halftone {

std::int64_t logitRows(std::int64_t vocabulary)
{
    return std::clamp<std::int64_t>(16'000'000 / std::max<std::int64_t>(1, vocabulary), 16, 512);
}

namespace {

/// NaN when there is nothing to average.
double meanOf(const std::vector<double>& values)
{
    double sum = 0;
    for (const double v : values)
        sum += v;
    return values.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(values.size());
}

/// Standard error of the mean: sample deviation / √n.
double errorOfMean(const std::vector<double>& values, double mean)
{
    if (values.size() < 2)
        return 0;
    double sum = 0;
    for (const double v : values)
        sum += (v - mean) * (v - mean);
    const auto n = static_cast<double>(values.size());
    return std::sqrt(sum / (n - 1) / n);
}

/// Smallest value with at least 99 % of all at or below it.
double percentile99(std::vector<double> values)
{
    if (values.empty())
        return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(values.size()))) - 1;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
    return values[rank];
}

void checkInputs(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows)
{
    if (windows.ids.empty())
        throw Error(ErrorKind::InvalidArgument, "there are no windows to evaluate");
    requireHead(model.config(), "the model");
    if (reference)
        requireHead(reference->config(), "the reference");
    if (windows.length < 2)
        throw Error(ErrorKind::InvalidArgument, "windows of " + std::to_string(windows.length) + " tokens predict nothing; at least 2 are needed");
    for (const auto& ids : windows.ids)
        if (static_cast<int>(ids.size()) != windows.length)
            throw Error(ErrorKind::InvalidArgument, "a window has " + std::to_string(ids.size()) + " tokens, the others " + std::to_string(windows.length));
    if (reference && reference->config().vocabulary != model.config().vocabulary)
        throw Error(ErrorKind::InvalidArgument, "the reference has a vocabulary of " + std::to_string(reference->config().vocabulary) + ", the model one of " +
                    std::to_string(model.config().vocabulary) + ": their distributions cannot be compared");
}

at::Device deviceOf(const ComputeOptions& options)
{
    return options.device.kind == Device::Kind::Cuda ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(options.device.index)) : at::Device(at::kCPU);
}

/// Steps of one evaluation as they go by.
struct Steps {
    Progress& progress;
    const std::stop_token& stop;
    std::int64_t done = 0;

    void step(const std::string& detail) { progress.update(++done, detail); }
};

/// Through one block, batch by batch.
void advance(HiddenStream& stream, int block, const std::string& what, Steps& steps)
{
    throwIfStopped(steps.stop);
    stream.load(block);
    for (std::size_t i = 0; i < stream.batches(); ++i) {
        throwIfStopped(steps.stop);
        stream.advance(i);
        steps.step(what + std::to_string(block));
    }
    stream.unload();
}

/// The head over every window: each stream's losses, against the reference's where there is one.
std::vector<TokenLosses> lossesOf(std::span<const HiddenStream* const> streams, const HiddenStream* reference, const TokenWindows& windows, Steps& steps)
{
    std::vector<TokenLosses> losses(streams.size());
    const std::int64_t predicted = windows.length - 1;
    const std::int64_t chunk = logitRows(streams.front()->source().config().vocabulary);
    for (std::size_t w = 0; w < windows.ids.size(); ++w) {
        for (std::int64_t first = 0; first < predicted; first += chunk) {
            const std::int64_t rows = std::min(chunk, predicted - first);
            const std::span<const std::int32_t> next(windows.ids[w].data() + first + 1, static_cast<std::size_t>(rows));
            std::optional<RowLogits> other;
            if (reference)
                other.emplace(reference->logits(w, first, rows));
            for (std::size_t i = 0; i < streams.size(); ++i) {
                throwIfStopped(steps.stop);
                const RowLogits own(streams[i]->logits(w, first, rows));
                if (other)
                    losses[i].add(own, *other, next);
                else
                    losses[i].add(own, next);
            }
        }
        steps.step("head");
    }
    return losses;
}

Evaluation figuresOf(const TokenLosses& losses, bool compared, const TokenWindows& windows, Progress& progress)
{
    Evaluation out;
    Perplexity& p = out.perplexity;
    p.tokens = std::int64_t{windows.length - 1} * static_cast<std::int64_t>(windows.ids.size());
    p.windows = static_cast<int>(windows.ids.size());
    p.length = windows.length;
    p.meanNll = meanOf(losses.nll);
    p.perplexity = std::exp(p.meanNll);
    p.standardError = p.perplexity * errorOfMean(losses.nll, p.meanNll);
    out.notFinite = losses.notFinite;
    if (compared) {
        out.hasDivergence = true;
        Divergence& d = out.divergence;
        d.klMean = meanOf(losses.divergence);
        d.klMeanError = errorOfMean(losses.divergence, d.klMean);
        d.klP99 = percentile99(losses.divergence);
        d.klMax = losses.divergence.empty() ? 0 : *std::max_element(losses.divergence.begin(), losses.divergence.end());
        d.top1Agreement = losses.compared > 0 ? static_cast<double>(losses.agreed) / static_cast<double>(losses.compared) : 0;
        d.referencePerplexity = std::exp(meanOf(losses.referenceNll));
    }
    if (out.notFinite > 0)
        progress.note(std::to_string(out.notFinite) + " of " + std::to_string(p.tokens) + " positions have logits that are not finite; they are left out of every mean");
    return out;
}

} // namespace

Evaluation evaluateModel(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows,
                         const ComputeOptions& options, Progress& progress, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    checkInputs(model, reference, windows);
    HiddenStream stream(model, windows, deviceOf(options));
    const auto batches = static_cast<std::int64_t>(stream.batches());
    progress.begin("evaluating", (model.config().blocks + (reference ? reference->config().blocks : 0)) * batches + static_cast<std::int64_t>(windows.ids.size()), "steps");
    Steps steps{progress, stop};
    for (int b = 0; b < model.config().blocks; ++b)
        advance(stream, b, "block ", steps);
    std::optional<HiddenStream> other;
    if (reference) {
        other.emplace(*reference, windows, deviceOf(options));
        for (int b = 0; b < reference->config().blocks; ++b)
            advance(*other, b, "reference block ", steps);
    }
    const HiddenStream* const streams[]{&stream};
    return figuresOf(lossesOf(streams, other ? &*other : nullptr, windows, steps).front(), reference != nullptr, windows, progress);
}

Reference::Reference(const BlockSource& model, const TokenWindows& windows, const ComputeOptions& options, Progress& progress, const std::stop_token& stop)
    : m_windows(windows)
{
    const at::NoGradGuard noGrad;
    checkInputs(model, nullptr, windows);
    m_stream = std::make_unique<HiddenStream>(model, windows, deviceOf(options));
    progress.begin("reference", model.config().blocks * static_cast<std::int64_t>(m_stream->batches()), "steps");
    Steps steps{progress, stop};
    for (int b = 0; b < model.config().blocks; ++b)
        advance(*m_stream, b, "reference block ", steps);
}

Reference::Reference(Reference&&) noexcept = default;
Reference::~Reference() = default;

Evaluation Reference::evaluation(Progress& progress, const std::stop_token& stop) const
{
    const at::NoGradGuard noGrad;
    progress.begin("reference", static_cast<std::int64_t>(m_windows.ids.size()), "windows");
    Steps steps{progress, stop};
    const HiddenStream* const streams[]{m_stream.get()};
    return figuresOf(lossesOf(streams, nullptr, m_windows, steps).front(), false, m_windows, progress);
}

std::vector<Evaluation> evaluateModels(std::span<const BlockSource* const> models, const Reference* reference, const TokenWindows& windows,
                                       const ComputeOptions& options, Progress& progress, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    std::vector<Evaluation> out;
    if (models.empty())
        return out;
    std::vector<std::unique_ptr<HiddenStream>> streams;
    std::int64_t total = static_cast<std::int64_t>(windows.ids.size());
    for (const BlockSource* model : models) {
        checkInputs(*model, reference ? &reference->m_stream->source() : nullptr, windows);
        if (model->config().blocks != models.front()->config().blocks)
            throw Error(ErrorKind::InvalidArgument, "models that are evaluated side by side need the same number of blocks");
        streams.push_back(std::make_unique<HiddenStream>(*model, windows, deviceOf(options)));
        total += model->config().blocks * static_cast<std::int64_t>(streams.back()->batches());
    }
    progress.begin("evaluating", total, "steps");
    Steps steps{progress, stop};
    for (int b = 0; b < models.front()->config().blocks; ++b)
        for (const auto& stream : streams)
            advance(*stream, b, "block ", steps);
    std::vector<const HiddenStream*> views;
    for (const auto& stream : streams)
        views.push_back(stream.get());
    for (const TokenLosses& losses : lossesOf(views, reference ? reference->m_stream.get() : nullptr, windows, steps))
        out.push_back(figuresOf(losses, reference != nullptr, windows, progress));
    return out;
}

} // namespace halftone
