#include "core/base/sha256.h"

#include "core/base/file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <immintrin.h>
#define HALFTONE_SHA_NI 1
#endif

namespace halftone {

namespace {

constexpr std::array<std::uint32_t, 8> kInitial = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                                   0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void portableBlocks(std::uint32_t* state, const std::uint8_t* data, std::size_t count)
{
    for (; count > 0; --count, data += 64) {
        std::uint32_t w[64];
        for (std::size_t i = 0; i < 16; ++i)
            w[i] = static_cast<std::uint32_t>(data[4 * i]) << 24 | static_cast<std::uint32_t>(data[4 * i + 1]) << 16
                | static_cast<std::uint32_t>(data[4 * i + 2]) << 8 | data[4 * i + 3];
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
            const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        std::uint32_t v[8];
        std::copy_n(state, 8, v);
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
            const std::uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + kRound[i] + w[i];
            const std::uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
            const std::uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1, v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
        }
        for (std::size_t i = 0; i < 8; ++i)
            state[i] += v[i];
    }
}

#ifdef HALFTONE_SHA_NI

__attribute__((target("sha,sse4.1,ssse3"))) void shaNiBlocks(std::uint32_t* state, const std::uint8_t* data, std::size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const auto load = [](const void* p) __attribute__((target("sha,sse4.1,ssse3"))) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); };

    // The instructions want the state as ABEF and CDGH.
    __m128i low = _mm_shuffle_epi32(load(state), 0xb1);      // CDAB
    __m128i high = _mm_shuffle_epi32(load(state + 4), 0x1b); // EFGH
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);

    for (; count > 0; --count, data += 64) {
        const __m128i abefBefore = abef;
        const __m128i cdghBefore = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; ++i)
            w[i] = _mm_shuffle_epi8(load(data + 16 * i), swap);
        for (int i = 0; i < 16; ++i) {
            const __m128i now = w[i & 3];
            __m128i k = _mm_add_epi32(now, load(kRound + 4 * i));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
            k = _mm_shuffle_epi32(k, 0x0e);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, k);
            if (i < 12) { // the four words sixteen rounds on
                const __m128i w1 = w[(i + 1) & 3];
                const __m128i w2 = w[(i + 2) & 3];
                const __m128i w3 = w[(i + 3) & 3];
                const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, w1), _mm_alignr_epi8(w3, w2, 4));
                w[i & 3] = _mm_sha256msg2_epu32(sum, w3);
            }
        }
        abef = _mm_add_epi32(abef, abefBefore);
        cdgh = _mm_add_epi32(cdgh, cdghBefore);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);  // FEBA
    high = _mm_shuffle_epi32(cdgh, 0xb1); // DCHG
    _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(state)), _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(state + 4)), _mm_alignr_epi8(high, low, 8));
}

bool cpuHasSha()
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool sse41 = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 19)) != 0 && (c & (1u << 9)) != 0;
    return sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 29)) != 0;
}

#endif

using BlockFunction = void (*)(std::uint32_t*, const std::uint8_t*, std::size_t);

BlockFunction chooseBlocks()
{
#ifdef HALFTONE_SHA_NI
    if (cpuHasSha())
        return shaNiBlocks;
#endif
    return portableBlocks;
}

} // namespace

Sha256::Sha256(bool portable)
    : m_state(kInitial)
    , m_portable(portable)
{
}

void Sha256::blocks(const std::uint8_t* data, std::size_t count)
{
    static const BlockFunction function = chooseBlocks();
    (m_portable ? portableBlocks : function)(m_state.data(), data, count);
}

void Sha256::update(std::span<const std::byte> data)
{
    if (data.empty())
        return;
    const auto* at = static_cast<const std::uint8_t*>(static_cast<const void*>(data.data()));
    std::size_t left = data.size();
    m_length += left;
    if (m_used > 0) {
        const std::size_t take = std::min(left, m_buffer.size() - m_used);
        std::memcpy(m_buffer.data() + m_used, at, take);
        m_used += take, at += take, left -= take;
        if (m_used < m_buffer.size())
            return;
        blocks(m_buffer.data(), 1);
        m_used = 0;
    }
    blocks(at, left / 64);
    at += left / 64 * 64;
    m_used = left % 64;
    std::memcpy(m_buffer.data(), at, m_used);
}

void Sha256::update(std::string_view text)
{
    update(std::as_bytes(std::span(text)));
}

std::string Sha256::finish()
{
    const std::uint64_t bits = m_length * 8;
    std::array<std::byte, 72> tail{};
    tail[0] = std::byte{0x80};
    const std::size_t zeros = (119 - m_used) % 64; // after the 0x80, up to 8 bytes short of a block's end
    for (std::size_t i = 0; i < 8; ++i)
        tail[1 + zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
    update(std::span<const std::byte>(tail.data(), 9 + zeros));

    static constexpr char kHex[] = "0123456789abcdef";
    std::string hex;
    for (const std::uint32_t word : m_state)
        for (int shift = 28; shift >= 0; shift -= 4)
            hex += kHex[word >> shift & 15];
    return hex;
}

std::string sha256(std::string_view text)
{
    Sha256 hash;
    hash.update(text);
    return hash.finish();
}

std::string sha256File(const std::filesystem::path& path)
{
    const InputFile file(path);
    Sha256 hash;
    std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 1u << 20)));
    for (std::uint64_t at = 0; at < file.size();) {
        const std::span<std::byte> part(buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.size() - at)));
        file.read(at, part);
        hash.update(part);
        at += part.size();
    }
    return hash.finish();
}

} // namespace halftone
