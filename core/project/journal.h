#pragma once

#include "core/base/json.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// CRC-32 (polynomial 0xEDB88320, as zlib's).
std::uint32_t crc32(std::string_view text);

/// journal.log: edits after the last manifest, one line each, "xxxxxxxx {json}\n" with the CRC-32 of the JSON text in front.
struct JournalContent {
    std::vector<Json> edits;        ///< up to the first bad line
    std::uint64_t goodBytes = 0;
    std::string badTail;            ///< the rest, when a line is torn or wrong
};
/// A missing file is an empty journal. @throws Error{BadFile} when it cannot be read.
JournalContent readJournal(const std::filesystem::path& path);

class JournalWriter {
public:
    /// Opens for appending after `length` bytes; what lies behind is cut off. @throws Error{Io}.
    JournalWriter(std::filesystem::path path, std::uint64_t length);
    ~JournalWriter();
    JournalWriter(const JournalWriter&) = delete;
    JournalWriter& operator=(const JournalWriter&) = delete;

    /// @throws Error{Io}; then no part of the line stays.
    void append(const Json& edit);
    /// @throws Error{Io}: what was appended since the last sync may be lost.
    void sync();
    /// Empties it, once the manifest holds all.
    void clear();
    std::uint64_t bytes() const { return m_bytes; }

private:
    std::filesystem::path m_path;
    int m_fd = -1;
    std::uint64_t m_bytes = 0;
};

} // namespace halftone
