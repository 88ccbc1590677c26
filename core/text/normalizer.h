#pragma once

#include "core/base/json.h"
#include "core/text/text_budget.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// The "normalizer" of a tokenizer.json: text → text, before anything is split.
class Normalizer {
public:
    Normalizer() = default;
    /// Knows Sequence, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, Strip, StripAccents, BertNormalizer, Precompiled, Prepend, Replace (String, Regex)
    /// and ByteLevel; null does nothing. @throws Error{Unsupported} naming any other.
    Normalizer(const Json& description, std::string_view subject);

    bool empty() const { return m_steps.empty(); }
    /// `text`: valid UTF-8. `ofFirst`, if given, becomes how many bytes at the front come from the text's first character: 0 where it was dropped.
    /// @throws Error{BadFile} naming the rule that takes too long or grows the text beyond `budget`.
    std::string apply(std::string_view text, const TextBudget& budget, std::size_t* ofFirst = nullptr) const;

private:
    /// Keeps count of the bytes at the front that come from the first character.
    using Change = std::function<std::string(const std::string&, const TextBudget&, std::size_t& ofFirst)>;
    struct Step {
        std::string rule;   ///< for messages
        Change change;
    };
    void add(const Json& description, int depth);
    void addBert(const Json& description);

    std::string m_subject;
    std::vector<Step> m_steps;
};

} // namespace halftone
