#pragma once

#include <cstdint>

/// What an untrusted checkpoint may ask for (file-safety R04). Checked before anything is allocated.
namespace halftone::limits {

inline constexpr std::uint64_t kSafetensorsHeader = 100'000'000;  ///< bytes, as the reference
inline constexpr std::uint64_t kSafetensorsValues = 20'000'000;    ///< of a header: no tree is built of it
inline constexpr std::uint64_t kTensors = 1'000'000;
inline constexpr std::uint64_t kSafetensorsRank = 8;
inline constexpr std::uint64_t kTensorName = 4'096;               ///< bytes
inline constexpr std::uint64_t kSafetensorsMetadata = 16'000'000; ///< bytes of all keys and values
inline constexpr std::uint64_t kExtent = (std::uint64_t{1} << 63) - 1;

inline constexpr std::uint64_t kGgufKeys = 100'000;
inline constexpr std::uint64_t kGgufRank = 4;
inline constexpr std::uint64_t kGgufKey = (1u << 16) - 1;         ///< bytes
inline constexpr std::uint64_t kGgufString = 16u << 20;           ///< bytes
inline constexpr std::uint64_t kGgufArray = 8u << 20;             ///< elements that are kept one by one, all arrays together
inline constexpr std::uint64_t kGgufTexts = 3'000'000;            ///< elements of arrays of text, all together
inline constexpr std::uint64_t kGgufSmallNumbers = 65'536;        ///< elements of one or two bytes that are kept one by one; further arrays stay bytes
inline constexpr int kGgufArrayDepth = 2;
inline constexpr std::uint64_t kGgufAlignment = 65'536;

inline constexpr std::uint64_t kJson = 64u << 20;                 ///< bytes of config.json and of a shard index
inline constexpr std::uint64_t kConfigValues = 200'000;
inline constexpr std::uint64_t kShards = 10'000;

} // namespace halftone::limits
