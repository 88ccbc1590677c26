#include "core/project/hdf5_filters.h"

#include "core/base/byte_reader.h"
#include "core/base/error.h"

#include <zlib.h>

#include <algorithm>

namespace halftone {
namespace {

/// The first bytes of all elements stand before all second bytes, and so on. Both spans have whole elements.
template <std::size_t kBytes>
void unshuffleAs(std::span<const std::byte> from, std::span<std::byte> to)
{
    const std::size_t count = from.size() / kBytes;
    const std::byte* in = from.data();
    std::byte* out = to.data();
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t b = 0; b < kBytes; ++b)
            out[i * kBytes + b] = in[b * count + i];
}

} // namespace

std::uint32_t fletcher32(std::span<const std::byte> bytes)
{
    constexpr std::size_t kWordsAtOnce = 360;   // before the second sum could overflow
    const auto fold = [](std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); };
    std::uint32_t first = 0, second = 0;
    const std::size_t words = bytes.size() / 2;
    for (std::size_t at = 0; at < words;) {
        const std::size_t end = std::min(words, at + kWordsAtOnce);
        for (; at < end; ++at) {
            first += std::to_integer<std::uint32_t>(bytes[2 * at]) << 8 | std::to_integer<std::uint32_t>(bytes[2 * at + 1]);
            second += first;
        }
        first = fold(first);
        second = fold(second);
    }
    if (bytes.size() % 2 != 0) {
        first += std::to_integer<std::uint32_t>(bytes.back()) << 8;
        second += first;
        first = fold(first);
        second = fold(second);
    }
    return fold(second) << 16 | fold(first);
}

/// zlib's state, kept from chunk to chunk.
struct ChunkUnpacker::Inflate {
    z_stream stream{};
    Inflate()
    {
        if (inflateInit(&stream) != Z_OK)
            throw Error(ErrorKind::OutOfMemory, "There is no memory to unpack a chunk of a file.");
    }
    ~Inflate() { inflateEnd(&stream); }
    Inflate(const Inflate&) = delete;
    Inflate& operator=(const Inflate&) = delete;

    /// Whether `from` is one whole stream of just `to.size()` bytes.
    bool run(std::span<const std::byte> from, std::span<std::byte> to)
    {
        inflateReset(&stream);
        stream.next_in = static_cast<Bytef*>(static_cast<void*>(const_cast<std::byte*>(from.data())));   // zlib only reads it
        stream.avail_in = static_cast<uInt>(from.size());   // both at most 2 MiB
        stream.next_out = static_cast<Bytef*>(static_cast<void*>(to.data()));
        stream.avail_out = static_cast<uInt>(to.size());
        return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
    }
};

ChunkUnpacker::ChunkUnpacker(std::size_t chunkBytes, std::size_t elementBytes) : m_chunkBytes(chunkBytes), m_elementBytes(elementBytes) {}

ChunkUnpacker::~ChunkUnpacker() = default;

std::optional<std::span<const std::byte>> ChunkUnpacker::unpack(std::span<const std::byte> stored, bool shuffled, bool deflated)
{
    constexpr std::size_t kSumBytes = 4;
    if (stored.size() < kSumBytes)
        return std::nullopt;
    std::span<const std::byte> bytes = stored.first(stored.size() - kSumBytes);
    if (ByteReader(stored.last(kSumBytes), "").u32() != fletcher32(bytes))
        return std::nullopt;
    if (deflated) {
        if (!m_inflate)
            m_inflate = std::make_unique<Inflate>();
        m_inflated.resize(m_chunkBytes);
        if (!m_inflate->run(bytes, m_inflated))
            return std::nullopt;
        bytes = m_inflated;
    }
    if (bytes.size() != m_chunkBytes)
        return std::nullopt;
    return shuffled && m_elementBytes > 1 ? unshuffle(bytes) : bytes;
}

std::span<const std::byte> ChunkUnpacker::unshuffle(std::span<const std::byte> bytes)
{
    m_unshuffled.resize(bytes.size());
    if (m_elementBytes == sizeof(float))
        unshuffleAs<sizeof(float)>(bytes, m_unshuffled);
    else
        unshuffleAs<sizeof(double)>(bytes, m_unshuffled);
    return m_unshuffled;
}

} // namespace halftone
