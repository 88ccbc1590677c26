#include "core/eval/evaluate.h"

#include "core/base/error.h"
#include "core/eval/token_losses.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace halftone {

namespace {

/// Tokens a forward takes at a time: short windows go together, so that the matrix products are large enough. A model that rounds activations
/// takes windows one by one, in plain arithmetic, as a stock loader would be asked to.
constexpr int kTokensPerBatch = 2048;

/// Hidden states of every window of one model, advanced block by block.
class Stream {
public:
    Stream(const BlockSource& source, const TokenWindows& windows, const at::Device& device)
        : m_source(source), m_device(device), m_perBatch(source.roundsActivations() ? 1 : static_cast<std::size_t>(std::max(1, kTokensPerBatch / windows.length)))
    {
        const std::span<const std::vector<std::int32_t>> all(windows.ids);
        for (std::size_t first = 0; first < all.size(); first += m_perBatch)
            m_hidden.push_back(source.embed(all.subspan(first, std::min(m_perBatch, all.size() - first))).to(device));
    }

    std::size_t batches() const { return m_hidden.size(); }

    void load(int block)
    {
        m_block.reset();   // the old block's memory goes first
        m_block.emplace(m_source.block(block));
        if (m_source.roundsActivations())
            m_block->arithmetic = Arithmetic::Plain;
        if (!m_device.is_cpu())
            m_block->moveTo(m_device);
    }
    void unload() { m_block.reset(); }
    void advance(std::size_t batch) { m_hidden[batch] = m_block->forward(m_hidden[batch]); }
    /// Logits [rows, vocabulary] of some positions of a window, on the CPU.
    at::Tensor logits(std::size_t window, std::int64_t first, std::int64_t rows) const
    {
        const at::Tensor& batch = m_hidden[window / m_perBatch];
        return m_source.logits(batch[static_cast<std::int64_t>(window % m_perBatch)].narrow(0, first, rows)).to(at::kCPU);
    }

private:
    const BlockSource& m_source;
    at::Device m_device;
    std::size_t m_perBatch;
    std::vector<at::Tensor> m_hidden;
    std::optional<DecoderBlock> m_block;
};

/// Positions a head product takes at a time: logits of one chunk stay below 64 MB.
std::int64_t rowsPerChunk(std::int64_t vocabulary)
{
    return std::clamp<std::int64_t>(16'000'000 / std::max<std::int64_t>(1, vocabulary), 16, 512);
}

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
    if (windows.length < 2)
        throw Error(ErrorKind::InvalidArgument, "windows of " + std::to_string(windows.length) + " tokens predict nothing; at least 2 are needed");
    for (const auto& ids : windows.ids)
        if (static_cast<int>(ids.size()) != windows.length)
            throw Error(ErrorKind::InvalidArgument, "a window has " + std::to_string(ids.size()) + " tokens, the others " + std::to_string(windows.length));
    if (reference && reference->config().vocabulary != model.config().vocabulary)
        throw Error(ErrorKind::InvalidArgument, "the reference has a vocabulary of " + std::to_string(reference->config().vocabulary) + ", the model one of " +
                    std::to_string(model.config().vocabulary) + ": their distributions cannot be compared");
}

} // namespace

Evaluation evaluateModel(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows,
                         const ComputeOptions& options, Progress& progress, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    checkInputs(model, reference, windows);
    const at::Device device = options.device.kind == Device::Kind::Cuda ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(options.device.index))
                                                                        : at::Device(at::kCPU);
    const auto count = static_cast<std::int64_t>(windows.ids.size());
    Stream stream(model, windows, device);
    const auto batches = static_cast<std::int64_t>(stream.batches());
    progress.begin("evaluating", (model.config().blocks + (reference ? reference->config().blocks : 0)) * batches + count, "steps");
    std::int64_t done = 0;
    const auto walk = [&](const BlockSource& source, Stream& moving, const std::string& what) {
        for (int b = 0; b < source.config().blocks; ++b) {
            throwIfStopped(stop);
            moving.load(b);
            for (std::size_t i = 0; i < moving.batches(); ++i) {
                throwIfStopped(stop);
                moving.advance(i);
                progress.update(++done, what + std::to_string(b));
            }
        }
        moving.unload();
    };
    walk(model, stream, "block ");
    std::optional<Stream> other;
    if (reference) {
        other.emplace(*reference, windows, device);
        walk(*reference, *other, "reference block ");
    }

    TokenLosses losses;
    const std::int64_t predicted = windows.length - 1;
    const std::int64_t chunk = rowsPerChunk(model.config().vocabulary);
    for (std::size_t w = 0; w < windows.ids.size(); ++w) {
        for (std::int64_t first = 0; first < predicted; first += chunk) {
            throwIfStopped(stop);
            const std::int64_t rows = std::min(chunk, predicted - first);
            const std::span<const std::int32_t> next(windows.ids[w].data() + first + 1, static_cast<std::size_t>(rows));
            const at::Tensor logits = stream.logits(w, first, rows);
            if (other)
                losses.add(logits, other->logits(w, first, rows), next);
            else
                losses.add(logits, next);
        }
        progress.update(++done, "head");
    }

    Evaluation out;
    Perplexity& p = out.perplexity;
    p.tokens = predicted * count;
    p.windows = static_cast<int>(count);
    p.length = windows.length;
    p.meanNll = meanOf(losses.nll);
    p.perplexity = std::exp(p.meanNll);
    p.standardError = p.perplexity * errorOfMean(losses.nll, p.meanNll);
    out.notFinite = losses.notFinite;
    if (reference) {
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

} // namespace halftone
