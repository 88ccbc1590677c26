#include "core/base/byte_reader.h"

#include "core/base/error.h"

#include <bit>
#include <utility>

namespace halftone {

ByteReader::ByteReader(std::span<const std::byte> data, std::string subject, std::uint64_t base)
    : m_data(data)
    , m_subject(std::move(subject))
    , m_base(base)
{
}

std::span<const std::byte> ByteReader::bytes(std::uint64_t n)
{
    if (n > left())
        throw Error(ErrorKind::BadFile,
                    m_subject + ": " + std::to_string(n) + " bytes are expected at byte " + std::to_string(offset()) + ", but only "
                        + std::to_string(left()) + " are left (E-R02).",
                    m_subject);
    const auto view = m_data.subspan(m_at, static_cast<std::size_t>(n));
    m_at += static_cast<std::size_t>(n);
    return view;
}

void ByteReader::skip(std::uint64_t n)
{
    bytes(n);
}

std::uint8_t ByteReader::u8()
{
    return std::to_integer<std::uint8_t>(bytes(1)[0]);
}

std::uint16_t ByteReader::u16()
{
    const auto b = bytes(2);
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(b[0]) | std::to_integer<unsigned>(b[1]) << 8);
}

std::uint32_t ByteReader::u32()
{
    const auto b = bytes(4);
    std::uint32_t value = 0;
    for (int i = 3; i >= 0; --i)
        value = value << 8 | std::to_integer<std::uint32_t>(b[static_cast<std::size_t>(i)]);
    return value;
}

std::uint64_t ByteReader::u64()
{
    const std::uint64_t low = u32();
    return low | static_cast<std::uint64_t>(u32()) << 32;
}

std::int32_t ByteReader::i32()
{
    return static_cast<std::int32_t>(u32());
}

std::int64_t ByteReader::i64()
{
    return static_cast<std::int64_t>(u64());
}

float ByteReader::f32()
{
    return std::bit_cast<float>(u32());
}

double ByteReader::f64()
{
    return std::bit_cast<double>(u64());
}

std::string_view ByteReader::string(std::uint64_t max)
{
    const std::uint64_t at = offset();
    const std::uint64_t length = u64();
    if (length > max)
        throw Error(ErrorKind::BadFile,
                    m_subject + ": the string at byte " + std::to_string(at) + " says it has " + std::to_string(length)
                        + " bytes; at most " + std::to_string(max) + " are allowed (E-R04).",
                    m_subject);
    const auto view = bytes(length);
    return {static_cast<const char*>(static_cast<const void*>(view.data())), view.size()};
}

} // namespace halftone
