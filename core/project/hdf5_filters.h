#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace halftone {

/// HDF5's Fletcher-32: over 16-bit words of which the first byte is the higher.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

/// Undoes the filters of chunks of one dataset. The buffers serve chunk after chunk.
class ChunkUnpacker {
public:
    /// A chunk has `chunkBytes`, whole elements of `elementBytes`: 1, 4 or 8.
    ChunkUnpacker(std::size_t chunkBytes, std::size_t elementBytes);
    ~ChunkUnpacker();
    ChunkUnpacker(const ChunkUnpacker&) = delete;
    ChunkUnpacker& operator=(const ChunkUnpacker&) = delete;

    /// `stored` ends with its sum. Empty: the sum is wrong or there are not just `chunkBytes` in it. What is handed out lives until the
    /// next call.
    std::optional<std::span<const std::byte>> unpack(std::span<const std::byte> stored, bool shuffled, bool deflated);

private:
    struct Inflate;
    std::span<const std::byte> unshuffle(std::span<const std::byte> bytes);

    std::size_t m_chunkBytes, m_elementBytes;
    std::vector<std::byte> m_inflated, m_unshuffled;
    std::unique_ptr<Inflate> m_inflate;
};

} // namespace halftone
