#pragma once

#include "core/base/json.h"
#include "core/text/text_budget.h"

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
    /// `text`: valid UTF-8. `fromStart` becomes false where the first characters were dropped. @throws Error{BadFile} naming the rule that takes too long or grows the text beyond `budget`.
    std::string apply(std::string_view text, const TextBudget& budget, bool* fromStart = nullptr) const;

private:
    /// Sets the flag where it drops the text's first characters.
    using Change = std::function<std::string(const std::string&, const TextBudget&, bool& dropped)>;
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
