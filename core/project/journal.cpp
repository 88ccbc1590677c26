#include "core/project/journal.h"

#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace halftone {
namespace {

constexpr std::uint64_t kMaxJournalBytes = std::uint64_t{256} << 20;
constexpr std::size_t kSumDigits = 8;

std::string sumText(std::string_view json)
{
    std::array<char, kSumDigits + 1> text{};
    std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(crc32(json)));
    return text.data();
}

} // namespace

std::uint32_t crc32(std::string_view text)
{
    static const std::array<std::uint32_t, 256> table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit)
                c = (c & 1u) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            t[i] = c;
        }
        return t;
    }();
    std::uint32_t crc = 0xFFFFFFFFu;
    for (const char c : text)
        crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFFu] ^ (crc >> 8);
    return crc ^ 0xFFFFFFFFu;
}

JournalContent readJournal(const std::filesystem::path& path)
{
    JournalContent content;
    std::error_code ignored;
    if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
        return content;
    const std::string text = readTextFile(path, kMaxJournalBytes);
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos || end - at < kSumDigits + 2 || text[at + kSumDigits] != ' ')
            break;
        const std::string_view sum = std::string_view(text).substr(at, kSumDigits);
        const std::string_view json = std::string_view(text).substr(at + kSumDigits + 1, end - at - kSumDigits - 1);
        if (sum != sumText(json))
            break;
        try {
            content.edits.push_back(parseJson(json, path.string()));
        } catch (const Error&) {
            break;
        }
        at = end + 1;
    }
    content.goodBytes = at;
    content.badTail = text.substr(at);
    return content;
}

JournalWriter::JournalWriter(std::filesystem::path path, std::uint64_t length) : m_path(std::move(path)), m_bytes(length)
{
    std::error_code ignored;
    const bool fresh = !std::filesystem::exists(std::filesystem::symlink_status(m_path, ignored));
    m_fd = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (m_fd < 0)
        failIo(m_path, "cannot be written", errno);
    if (::ftruncate(m_fd, static_cast<off_t>(length)) != 0) {
        const int error = errno;
        ::close(m_fd);
        failIo(m_path, "cannot be cut to its good part", error);
    }
    if (fresh)
        syncFolderAfterRename(m_path);   // else a power failure takes the file with the edits in it
}

JournalWriter::~JournalWriter() { ::close(m_fd); }

void JournalWriter::append(const Json& edit)
{
    const std::string json = edit.dump();
    const std::string line = sumText(json) + " " + json + "\n";
    std::size_t at = 0;
    while (at < line.size()) {
        const ssize_t put = ::write(m_fd, line.data() + at, line.size() - at);
        if (put > 0) {
            at += static_cast<std::size_t>(put);
        } else if (put == 0 || errno != EINTR) {
            const int error = put == 0 ? ENOSPC : errno;
            if (::ftruncate(m_fd, static_cast<off_t>(m_bytes)) != 0)
                failIo(m_path, "an edit could be written only in part", error);
            failIo(m_path, "an edit could not be written", error);
        }
    }
    m_bytes += line.size();
}

void JournalWriter::sync()
{
    if (::fsync(m_fd) != 0)
        failIo(m_path, "edits could not be synced to disk", errno);
}

void JournalWriter::clear()
{
    if (::ftruncate(m_fd, 0) != 0)
        failIo(m_path, "cannot be emptied", errno);
    m_bytes = 0;
}

} // namespace halftone
