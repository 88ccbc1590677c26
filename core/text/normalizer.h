#pragma once

#include "core/base/json.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// The "normalizer" of a tokenizer.json: text → text, before anything is split.
class Normalizer {
public:
    Normalizer() = default;
    /// Knows Sequence, NFC, NFD, Lowercase, Strip, Prepend, Replace (String, Regex) and ByteLevel; null does nothing.
    /// @throws Error{Unsupported} naming any other.
    Normalizer(const Json& description, std::string_view subject);

    bool empty() const { return m_steps.empty(); }
    /// `text`: valid UTF-8.
    std::string apply(std::string_view text) const;

private:
    void add(const Json& description, std::string_view subject, int depth);

    std::vector<std::function<std::string(std::string)>> m_steps;
};

} // namespace halftone
