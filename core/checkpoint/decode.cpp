#include "core/base/error.h"
#include "core/base/half.h"
#include "core/checkpoint/checkpoint.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace halftone {

namespace {

// Block formats, decoded in gguf-py's order of float operations (numpy float32, no fused multiply-add), so that results are bit-equal.
// Every function below gets whole blocks: decodeWeights has checked both lengths.

using Byte = std::uint8_t;

inline float half(const Byte* p)
{
    return floatFromF16(static_cast<std::uint16_t>(p[0] | p[1] << 8));
}

void q8_0(const Byte* in, float* out)
{
    const float d = half(in);
    for (int i = 0; i < 32; ++i)
        out[i] = static_cast<float>(static_cast<std::int8_t>(in[2 + i])) * d;
}

void q4_0(const Byte* in, float* out)
{
    const float d = half(in);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>((in[2 + i] & 15) - 8);
        out[16 + i] = d * static_cast<float>((in[2 + i] >> 4) - 8);
    }
}

void q4_1(const Byte* in, float* out)
{
    const float d = half(in);
    const float m = half(in + 2);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>(in[4 + i] & 15) + m;
        out[16 + i] = d * static_cast<float>(in[4 + i] >> 4) + m;
    }
}

/// The fifth bits of a Q5 block, as 0 or 16 for each weight.
inline void fifthBits(const Byte* in, Byte* high)
{
    for (int i = 0; i < 32; ++i)
        high[i] = static_cast<Byte>((in[i / 8] >> (i % 8) & 1) << 4);
}

void q5_0(const Byte* in, float* out)
{
    const float d = half(in);
    Byte high[32];
    fifthBits(in + 2, high);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>(((in[6 + i] & 15) | high[i]) - 16);
        out[16 + i] = d * static_cast<float>((in[6 + i] >> 4 | high[16 + i]) - 16);
    }
}

void q5_1(const Byte* in, float* out)
{
    const float d = half(in);
    const float m = half(in + 2);
    Byte high[32];
    fifthBits(in + 4, high);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>((in[8 + i] & 15) | high[i]) + m;
        out[16 + i] = d * static_cast<float>(in[8 + i] >> 4 | high[16 + i]) + m;
    }
}

/// 16 scale bytes (scale low, minimum high) · 64 code bytes · d · dmin. Weights 32k … of a half share the byte row, two bits each.
void q2_K(const Byte* in, float* out)
{
    const float d = half(in + 80);
    const float dmin = half(in + 82);
    for (int group = 0; group < 16; ++group) {
        const float scale = d * static_cast<float>(in[group] & 15);
        const float minimum = dmin * static_cast<float>(in[group] >> 4);
        const Byte* codes = in + 16 + group / 8 * 32 + group % 2 * 16;
        const int shift = group % 8 / 2 * 2;
        for (int i = 0; i < 16; ++i)
            out[group * 16 + i] = scale * static_cast<float>(codes[i] >> shift & 3) - minimum;
    }
}

/// 32 mask bytes (third bits, inverted) · 64 code bytes · 12 bytes of 16 six-bit scales · d.
void q3_K(const Byte* in, float* out)
{
    const Byte* packed = in + 96;
    const float d = half(in + 108);
    for (int group = 0; group < 16; ++group) {
        const int low = packed[group % 8] >> (group / 8 * 4) & 15;
        const int high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
        const float scale = d * static_cast<float>((low | high << 4) - 32);
        const Byte* codes = in + 32 + group / 8 * 32 + group % 2 * 16;
        const Byte* mask = in + group % 2 * 16;
        const int shift = group % 8 / 2 * 2;
        const int bit = group / 2;
        for (int i = 0; i < 16; ++i)
            out[group * 16 + i] = scale * static_cast<float>((codes[i] >> shift & 3) - ((mask[i] >> bit & 1) ^ 1) * 4);
    }
}

/// The eight six-bit scales and minima of Q4_K and Q5_K.
inline void scalesAndMinima(const Byte* packed, float d, float dmin, float* scale, float* minimum)
{
    for (int j = 0; j < 4; ++j) {
        scale[j] = d * static_cast<float>(packed[j] & 0x3f);
        minimum[j] = dmin * static_cast<float>(packed[4 + j] & 0x3f);
        scale[4 + j] = d * static_cast<float>((packed[8 + j] & 15) | (packed[j] >> 2 & 0x30));
        minimum[4 + j] = dmin * static_cast<float>(packed[8 + j] >> 4 | (packed[4 + j] >> 2 & 0x30));
    }
}

/// d · dmin · 12 bytes of scales and minima · 128 code bytes.
void q4_K(const Byte* in, float* out)
{
    float scale[8];
    float minimum[8];
    scalesAndMinima(in + 4, half(in), half(in + 2), scale, minimum);
    for (int pair = 0; pair < 4; ++pair) {
        const Byte* codes = in + 16 + pair * 32;
        float* to = out + pair * 64;
        for (int i = 0; i < 32; ++i) {
            to[i] = scale[2 * pair] * static_cast<float>(codes[i] & 15) - minimum[2 * pair];
            to[32 + i] = scale[2 * pair + 1] * static_cast<float>(codes[i] >> 4) - minimum[2 * pair + 1];
        }
    }
}

/// As Q4_K, with 32 bytes of fifth bits before the codes.
void q5_K(const Byte* in, float* out)
{
    float scale[8];
    float minimum[8];
    scalesAndMinima(in + 4, half(in), half(in + 2), scale, minimum);
    const Byte* high = in + 16;
    for (int pair = 0; pair < 4; ++pair) {
        const Byte* codes = in + 48 + pair * 32;
        float* to = out + pair * 64;
        for (int i = 0; i < 32; ++i) {
            to[i] = scale[2 * pair] * static_cast<float>((codes[i] & 15) | (high[i] >> (2 * pair) & 1) << 4) - minimum[2 * pair];
            to[32 + i] = scale[2 * pair + 1] * static_cast<float>(codes[i] >> 4 | (high[i] >> (2 * pair + 1) & 1) << 4)
                - minimum[2 * pair + 1];
        }
    }
}

/// 128 bytes of low nibbles · 64 bytes of high pairs · 16 signed scales · d.
void q6_K(const Byte* in, float* out)
{
    const float d = half(in + 208);
    float scale[16];
    for (int group = 0; group < 16; ++group)
        scale[group] = d * static_cast<float>(static_cast<std::int8_t>(in[192 + group]));
    for (int row = 0; row < 8; ++row) { // rows of 32 weights
        const Byte* low = in + row / 4 * 64 + row % 2 * 32;
        const Byte* high = in + 128 + row / 4 * 32;
        const int lowShift = row % 4 / 2 * 4;
        const int highShift = row % 4 * 2;
        float* to = out + row * 32;
        for (int i = 0; i < 32; ++i)
            to[i] = scale[2 * row + i / 16] * static_cast<float>(((low[i] >> lowShift & 15) | (high[i] >> highShift & 3) << 4) - 32);
    }
}

template <void (*decodeBlock)(const Byte*, float*)>
void decodeBlocks(DType type, const Byte* in, std::span<float> out)
{
    const BlockLayout layout = blockLayout(type);
    const std::size_t blocks = out.size() / layout.weights;
    for (std::size_t b = 0; b < blocks; ++b)
        decodeBlock(in + b * layout.bytes, out.data() + b * layout.weights);
}

template <float (*widen)(std::uint16_t)>
void decodeHalves(const Byte* in, std::span<float> out)
{
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, in + 2 * i, 2);
        out[i] = widen(bits);
    }
}

/// Eight-bit floats as PyTorch widens them: E4M3 has no infinity and NaN at all ones, E5M2 is the upper byte of a half.
template <bool e4m3>
void decodeBytes(const Byte* in, std::span<float> out)
{
    for (std::size_t i = 0; i < out.size(); ++i) {
        const Byte b = in[i];
        if constexpr (e4m3) {
            const int exponent = b >> 3 & 15;
            const int fraction = b & 7;
            float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9) : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
            if ((b & 0x7f) == 0x7f)
                value = std::numeric_limits<float>::quiet_NaN();
            out[i] = (b & 0x80) != 0 ? -value : value;
        } else {
            out[i] = floatFromF16(static_cast<std::uint16_t>(b << 8));
        }
    }
}

void decodeDoubles(const Byte* in, std::span<float> out)
{
    for (std::size_t i = 0; i < out.size(); ++i) {
        double value = 0;
        std::memcpy(&value, in + 8 * i, 8);
        out[i] = static_cast<float>(value);
    }
}

} // namespace

void decodeWeights(DType type, std::span<const std::byte> stored, std::span<float> out)
{
    const BlockLayout layout = blockLayout(type);
    if (out.size() % layout.weights != 0 || stored.size() != out.size() / layout.weights * layout.bytes)
        throw Error(ErrorKind::Internal,
                    std::to_string(stored.size()) + " bytes of " + std::string(name(type)) + " are no " + std::to_string(out.size()) + " weights.");
    const auto* in = static_cast<const Byte*>(static_cast<const void*>(stored.data()));
    switch (type) {
    case DType::F32:
        if (!out.empty())
            std::memcpy(out.data(), in, stored.size());
        return;
    case DType::F16:
        return decodeHalves<floatFromF16>(in, out);
    case DType::BF16:
        return decodeHalves<floatFromBf16>(in, out);
    case DType::Q8_0:
        return decodeBlocks<q8_0>(type, in, out);
    case DType::Q4_0:
        return decodeBlocks<q4_0>(type, in, out);
    case DType::Q4_1:
        return decodeBlocks<q4_1>(type, in, out);
    case DType::Q5_0:
        return decodeBlocks<q5_0>(type, in, out);
    case DType::Q5_1:
        return decodeBlocks<q5_1>(type, in, out);
    case DType::Q2_K:
        return decodeBlocks<q2_K>(type, in, out);
    case DType::Q3_K:
        return decodeBlocks<q3_K>(type, in, out);
    case DType::Q4_K:
        return decodeBlocks<q4_K>(type, in, out);
    case DType::Q5_K:
        return decodeBlocks<q5_K>(type, in, out);
    case DType::Q6_K:
        return decodeBlocks<q6_K>(type, in, out);
    case DType::F64:
        return decodeDoubles(in, out);
    case DType::F8_E4M3:
        return decodeBytes<true>(in, out);
    case DType::F8_E5M2:
        return decodeBytes<false>(in, out);
    case DType::I8:
    case DType::U8:
    case DType::I16:
    case DType::I32:
    case DType::I64:
    case DType::Bool:
    case DType::U16:
    case DType::U32:
    case DType::U64:
    case DType::F8_E8M0:
    case DType::F8_E4M3FNUZ:
    case DType::F8_E5M2FNUZ:
    case DType::F6_E2M3:
    case DType::F6_E3M2:
    case DType::F4:
    case DType::C64:
        break;
    }
    throw Error(ErrorKind::Unsupported, std::string(name(type)) + " is no type of weights: F64, F32, F16, BF16, F8 or a GGUF block type is expected.");
}

} // namespace halftone
