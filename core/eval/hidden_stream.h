#pragma once

#include "core/model/model.h"
#include "core/text/corpus.h"

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace halftone {

/// Hidden states of every window of one model, advanced block by block: tokens × hidden float32, and one block of the model while one is loaded.
class HiddenStream {
public:
    /// `source` must outlive the stream. The stream stands before the first block.
    HiddenStream(const BlockSource& source, const TokenWindows& windows, const at::Device& device);

    const BlockSource& source() const { return m_source; }
    /// Windows that go through a block together are one batch.
    std::size_t batches() const { return m_hidden.size(); }
    void load(int block);
    void unload() { m_block.reset(); }
    void advance(std::size_t batch) { m_hidden[batch] = m_block->forward(m_hidden[batch]); }
    /// Logits [rows, vocabulary] of some positions of a window, on the CPU. Only after the last block.
    at::Tensor logits(std::size_t window, std::int64_t first, std::int64_t rows) const;

private:
    const BlockSource& m_source;
    at::Device m_device;
    std::size_t m_perBatch;
    std::vector<at::Tensor> m_hidden;
    std::optional<DecoderBlock> m_block;
};

} // namespace halftone
