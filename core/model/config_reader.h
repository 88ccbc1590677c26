#pragma once

#include "core/base/json.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// Typed, limited reads from config.json or GGUF key-values. Errors name the file, the key, the value and the limit; a JSON null counts as absent.
class ConfigReader {
public:
    /// `subject` names the file in errors; `prefix` is put before every key ("llama." in a GGUF). `values` must outlive the reader.
    ConfigReader(const Json& values, std::string subject, std::string prefix = {});

    bool has(std::string_view key) const { return find(key) != nullptr; }
    /// True for a JSON null too: some defaults count only where the key is absent.
    bool mentions(std::string_view key) const;
    /// The value as it is, or null where it is absent.
    const Json* find(std::string_view key) const;
    /// @throws Error{BadFile} unless it is there, whole, and within [min, max].
    std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max) const;
    std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t fallback) const;
    double real(std::string_view key, double min, double max) const;
    double real(std::string_view key, double min, double max, double fallback) const;
    bool boolean(std::string_view key, bool fallback) const;
    std::string text(std::string_view key, std::string_view fallback) const;
    /// The first of `keys` that is there, else the first: families changed names over time. All of them count as read.
    std::string_view firstOf(std::initializer_list<std::string_view> keys) const;

    /// Keys that begin with the prefix and that nobody has asked for, without it.
    std::vector<std::string> unread() const;
    /// Something odd that changes nothing: told to whoever opens the model.
    void note(std::string_view key, std::string_view what) const;
    /// A note of another reader, of a part of this one's values.
    void pass(const std::string& note) const { m_notes.push_back(note); }
    const std::vector<std::string>& notes() const { return m_notes; }

    const std::string& subject() const { return m_subject; }
    [[noreturn]] void fail(std::string_view key, std::string_view why) const;
    /// @throws Error{Unsupported} with the same form of message.
    [[noreturn]] void unsupported(std::string_view key, std::string_view why) const;

private:
    std::string describe(std::string_view key, std::string_view why) const;
    const Json& m_values;
    std::string m_subject, m_prefix;
    mutable std::set<std::string, std::less<>> m_read;
    mutable std::vector<std::string> m_notes;
};

} // namespace halftone
