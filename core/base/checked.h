#pragma once

#include <cstdint>
#include <optional>

namespace halftone::checked {

/// Sizes read from files are combined only through these (file-safety R03): empty on overflow.
inline std::optional<std::uint64_t> add(std::uint64_t a, std::uint64_t b)
{
    std::uint64_t r = 0;
    if (__builtin_add_overflow(a, b, &r))
        return std::nullopt;
    return r;
}

inline std::optional<std::uint64_t> mul(std::uint64_t a, std::uint64_t b)
{
    std::uint64_t r = 0;
    if (__builtin_mul_overflow(a, b, &r))
        return std::nullopt;
    return r;
}

/// `value` rounded up to a multiple of `alignment` (> 0).
inline std::optional<std::uint64_t> pad(std::uint64_t value, std::uint64_t alignment)
{
    const std::uint64_t rest = value % alignment;
    return rest == 0 ? std::optional(value) : add(value, alignment - rest);
}

} // namespace halftone::checked
