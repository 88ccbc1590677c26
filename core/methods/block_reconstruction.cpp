#include "core/methods/block_reconstruction.h"

#include "core/algebra/sums.h"
#include "core/base/error.h"
#include "core/methods/autocast_scope.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <limits>

namespace halftone {
namespace {

constexpr std::size_t kJudged = 64;
constexpr std::int64_t kTokensPerPiece = 1024;

/// Calls work(inputs, targets) on pieces of some windows.
template <class Work>
void inPieces(const ReconstructionData& data, std::span<const std::size_t> windows, const std::stop_token& stop, const Work& work)
{
    for (std::size_t at = 0; at < windows.size();) {
        throwIfStopped(stop);
        const std::int64_t tokens = data.inputs(windows.subspan(at, 1)).size(1);
        const auto piece = static_cast<std::size_t>(std::max<std::int64_t>(1, kTokensPerPiece / std::max<std::int64_t>(1, tokens)));
        const auto some = windows.subspan(at, std::min(piece, windows.size() - at));
        work(data.inputs(some), data.targets(some));
        at += some.size();
    }
}

} // namespace

std::vector<at::Tensor*> trainableTensors(DecoderBlock& block)
{
    std::vector<at::Tensor*> all;
    for (Linear& linear : block.linears()) {
        all.push_back(&linear.weight);
        all.push_back(&linear.bias);
    }
    for (Norm* norm : {&block.attentionNorm, &block.mlpNorm, &block.queryNorm, &block.keyNorm}) {
        all.push_back(&norm->weight);
        all.push_back(&norm->bias);
    }
    return all;
}

std::vector<Leaf> RoundingParameters::leaves()
{
    std::vector<Leaf> all;
    for (Item& item : m_items)
        for (Leaf& leaf : item.learned->leaves())
            all.push_back(std::move(leaf));
    return all;
}

void RoundingParameters::apply(DecoderBlock& block)
{
    for (Item& item : m_items) {
        at::Tensor& weight = block.linears()[item.linear].weight;
        weight = item.learned->weight(weight);
    }
}

BlockReconstruction::BlockReconstruction(const DecoderBlock& block, BlockParameters& parameters, const ReconstructionData& data, int batch,
                                         std::uint64_t seed, std::stop_token stop)
    : m_block(block), m_parameters(parameters), m_data(data), m_batch(batch), m_seed(seed), m_stop(std::move(stop))
{
    if (data.windows() == 0)
        throw Error(ErrorKind::Internal, "block " + std::to_string(block.index()) + " is to be trained without calibration windows");
}

double BlockReconstruction::step(int step)
{
    m_parameters.begin({step, m_batch, m_data.windows()});
    DecoderBlock block = m_block;
    m_parameters.apply(block);
    if (!m_parameters.sound())
        return std::numeric_limits<double>::quiet_NaN();
    std::vector<at::Tensor> recorded, cut;
    for (at::Tensor* slot : trainableTensors(block))
        if (slot->defined() && slot->requires_grad()) {
            recorded.push_back(*slot);
            *slot = slot->detach().set_requires_grad(true);
            cut.push_back(*slot);
        }
    const std::vector<std::size_t> windows = miniBatch(m_data.windows(), m_batch, m_seed, step);
    double loss = 0;
    inPieces(m_data, windows, m_stop, [&](const at::Tensor& inputs, const at::Tensor& targets) {
        const at::Tensor error = [&] {
            const AutocastScope autocast(inputs.device().type());
            return block.forward(inputs) - targets;
        }();
        // Summed over a window's tokens (LRQ's scale): only AdamW's ε sees the difference to a mean.
        const double share = 1 / static_cast<double>(targets.size(2) * m_batch);
        loss += sumOfSquares(error) * share / static_cast<double>(targets.size(1));
        error.backward(error.detach() * (2 * share));
    });
    std::vector<at::Tensor> roots, gradients;
    for (std::size_t i = 0; i < cut.size(); ++i)
        if (cut[i].grad().defined()) {
            roots.push_back(recorded[i]);
            gradients.push_back(cut[i].grad());
        }
    torch::autograd::backward(roots, gradients);
    return loss;
}

double BlockReconstruction::judge()
{
    DecoderBlock block = m_block;
    m_parameters.apply(block);
    if (!m_parameters.sound())
        return std::numeric_limits<double>::quiet_NaN();
    const std::size_t count = std::min(kJudged, m_data.windows());
    std::vector<std::size_t> windows(count);
    for (std::size_t i = 0; i < count; ++i)
        windows[i] = i * m_data.windows() / count;
    double sum = 0, elements = 0;
    inPieces(m_data, windows, m_stop, [&](const at::Tensor& inputs, const at::Tensor& targets) {
        sum += sumOfSquares(block.forward(inputs) - targets);
        elements += static_cast<double>(targets.numel());
    });
    return sum / elements;
}

} // namespace halftone
