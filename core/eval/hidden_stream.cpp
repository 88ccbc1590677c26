#include "core/eval/hidden_stream.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace halftone {

namespace {

/// Tokens a forward takes at a time: short windows go together, so that the matrix products are large enough. A model that rounds activations
/// takes windows one by one, in plain arithmetic, as a stock loader would be asked to.
constexpr int kTokensPerBatch = 2048;

} // namespace

HiddenStream::HiddenStream(const BlockSource& source, const TokenWindows& windows, const at::Device& device)
    : m_source(source), m_device(device), m_perBatch(source.roundsActivations() ? 1 : static_cast<std::size_t>(std::max(1, kTokensPerBatch / windows.length)))
{
    const std::span<const std::vector<std::int32_t>> all(windows.ids);
    for (std::size_t first = 0; first < all.size(); first += m_perBatch)
        m_hidden.push_back(source.embed(all.subspan(first, std::min(m_perBatch, all.size() - first))).to(device));
}

void HiddenStream::load(int block)
{
    m_block.reset();   // the old block's memory goes first
    m_block.emplace(m_source.block(block));
    if (m_source.roundsActivations())
        m_block->arithmetic = Arithmetic::Plain;
    if (!m_device.is_cpu())
        m_block->moveTo(m_device);
}

at::Tensor HiddenStream::logits(std::size_t window, std::int64_t first, std::int64_t rows) const
{
    const at::Tensor& batch = m_hidden[window / m_perBatch];
    return m_source.logits(batch[static_cast<std::int64_t>(window % m_perBatch)].narrow(0, first, rows)).to(at::kCPU);
}

} // namespace halftone
