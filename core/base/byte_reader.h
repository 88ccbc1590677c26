#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace halftone {

/// The only way to read bytes of an untrusted file (file-safety R02): little-endian, every step checked.
class ByteReader {
public:
    /// `subject` names the file in errors; `base` is the offset of data[0] in it.
    ByteReader(std::span<const std::byte> data, std::string subject, std::uint64_t base = 0);

    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    std::int32_t i32();
    std::int64_t i64();
    float f32();
    double f64();
    /// The next n bytes as they are; the view lives as long as the data.
    std::span<const std::byte> bytes(std::uint64_t n);
    /// A u64 length followed by that many bytes, at most `max`.
    std::string_view string(std::uint64_t max);
    void skip(std::uint64_t n);
    std::uint64_t offset() const { return m_base + m_at; }
    std::uint64_t left() const { return m_data.size() - m_at; }

private:
    std::span<const std::byte> m_data;
    std::string m_subject;
    std::uint64_t m_base;
    std::size_t m_at = 0;
};

} // namespace halftone
