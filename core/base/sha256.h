#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace halftone {

/// FIPS 180-4, streaming; uses the processor's SHA instructions where it has them.
class Sha256 {
public:
    /// `portable`: without the processor's SHA instructions, for tests.
    explicit Sha256(bool portable = false);
    void update(std::span<const std::byte> data);
    void update(std::string_view text);
    /// Lower-case hex; the object is spent afterwards.
    std::string finish();

private:
    void blocks(const std::uint8_t* data, std::size_t count);
    std::array<std::uint32_t, 8> m_state{};
    std::array<std::uint8_t, 64> m_buffer{};
    bool m_portable = false;
    std::size_t m_used = 0;
    std::uint64_t m_length = 0;
};

std::string sha256(std::string_view text);
/// @throws Error{BadFile, Io} as InputFile does.
std::string sha256File(const std::filesystem::path& path);

} // namespace halftone
