#pragma once

// std::source_location for clang before 16, which cannot read that of libstdc++. It knows no place; size and layout are the library's.
#if !__has_builtin(__builtin_source_location)

#include <cstdint>

namespace std {

struct source_location {
    static source_location current() noexcept { return {}; }
    constexpr const char* file_name() const noexcept { return ""; }
    constexpr const char* function_name() const noexcept { return ""; }
    constexpr std::uint_least32_t line() const noexcept { return 0; }
    constexpr std::uint_least32_t column() const noexcept { return 0; }

    const void* nothing = nullptr;
};

} // namespace std

#endif
