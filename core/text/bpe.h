#pragma once

#include "core/text/word_models.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halftone {

/// What a byte-pair encoding is made of.
struct BpeParts {
    std::string subject;  ///< the file, for errors
    Vocabulary vocabulary;
    std::vector<std::pair<std::string, std::string>> merges;  ///< best first
    std::optional<std::string> unknown;                       ///< token for a character that no token holds; none: it is dropped
    bool fuseUnknown = false;                                 ///< one unknown token for a run of such characters
    bool byteFallback = false;                                ///< "<0x0A>" tokens instead, if all of a character's bytes have one
    bool ignoreMerges = false;                                ///< a word that is a token stays whole
    std::optional<std::string> continuingPrefix, wordSuffix;  ///< "##" and "</w>" styles
    /// llama.cpp: of a pair that is listed twice the first counts, and an unknown character is dropped only after merging.
    bool asLlamaCpp = false;
    bool wholeLineFeeds = false;  ///< llama.cpp's Gemma 4: a run of line feeds that is a token stays whole
};

/// Byte-pair encoding: merges the best-ranked neighbours until none is left, equal ranks from the left (Sennrich et al., arXiv:1508.07909).
class BpeModel final : public WordModel {
public:
    /// @throws Error{BadFile} naming a merge whose parts or result are no tokens.
    explicit BpeModel(BpeParts parts);

    const Vocabulary& vocabulary() const override { return m_parts.vocabulary; }
    /// O(n log n).
    void encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const override;
    bool cutsBeforeMarks() const override { return m_cutsBeforeMarks; }

private:
    struct Merge {
        std::uint64_t pair = kFree;  ///< left id, right id
        std::uint32_t rank = 0;
        std::int32_t result = 0;
    };
    struct Symbol {
        std::int32_t id, previous, next;  ///< id -1: nothing known; dead symbols have next -2
    };
    static constexpr std::uint64_t kFree = ~std::uint64_t{0};

    void buildMerges();
    const Merge* merge(std::int32_t left, std::int32_t right) const;
    void characters(std::string_view word, std::vector<Symbol>& symbols) const;
    void mergeShort(std::vector<Symbol>& symbols) const;
    void mergeLong(std::vector<Symbol>& symbols) const;

    BpeParts m_parts;
    std::optional<std::int32_t> m_unknown;
    std::vector<std::int32_t> m_byteIds;  ///< of "<0x00>"…; -1 where missing
    std::vector<Merge> m_merges;          ///< open addressing, a power of two
    bool m_cutsBeforeMarks = false;
};

} // namespace halftone
