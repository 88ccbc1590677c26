#pragma once

#include "core/text/regex.h"
#include "core/text/vocabulary.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace halftone {

/// What turns one word of a text, valid UTF-8, into ids. Immutable; any thread may encode.
class WordModel {
public:
    virtual ~WordModel() = default;
    virtual const Vocabulary& vocabulary() const = 0;
    /// Appends the ids of a word. @throws Error{BadFile} where `budget` is used up, or a word needs an unknown token and there is none.
    virtual void encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const = 0;
    /// Whether cutBeforeMarks() leaves the ids as they are.
    virtual bool cutsBeforeMarks() const { return false; }
};

/// "WordLevel": a word is a token or unknown.
class WordLevelModel final : public WordModel {
public:
    WordLevelModel(std::string subject, Vocabulary vocabulary, const std::string& unknown);

    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    void encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const override;

private:
    std::string m_subject;
    Vocabulary m_vocabulary;
    std::optional<std::int32_t> m_unknown;
};

/// "WordPiece" (BERT): the longest token that a word begins with, then the longest that goes on, marked by a prefix.
class WordPieceModel final : public WordModel {
public:
    WordPieceModel(std::string subject, Vocabulary vocabulary, const std::string& unknown, std::string prefix, std::size_t longestWord);

    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    void encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const override;

private:
    std::string m_subject;
    Vocabulary m_vocabulary;
    std::optional<std::int32_t> m_unknown;
    std::string m_prefix;
    std::size_t m_longestWord;   ///< characters; a longer one is unknown
    std::size_t m_longestToken;  ///< bytes
};

/// What a Unigram model is made of.
struct UnigramParts {
    std::string subject;                                  ///< the file, for errors
    std::vector<std::pair<std::string, double>> pieces;   ///< by id: text, logarithm of its probability
    std::optional<std::int32_t> unknown;
    bool byteFallback = false;                            ///< "<0x0A>" tokens for what is unknown, if all of its bytes have one
};

/// "Unigram" (Kudo, arXiv:1804.10959) as Hugging Face tokenizers do it: the pieces whose scores sum to the most, of equals the one found first from
/// the left; an unknown character costs ten more than the worst piece, and neighbouring ones become one.
class UnigramModel final : public WordModel {
public:
    /// @throws Error{BadFile} for an unknown id that is no piece, or a score that is not finite.
    explicit UnigramModel(UnigramParts parts);

    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    void encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const override;

private:
    std::int32_t step(std::int32_t node, unsigned char byte) const;
    void addUnknown(std::string_view text, std::vector<std::int32_t>& out) const;

    std::string m_subject;
    Vocabulary m_vocabulary;
    std::vector<double> m_scores;
    std::optional<std::int32_t> m_unknown;
    std::vector<std::int32_t> m_byteIds;   ///< of "<0x00>"…; empty without byte fallback
    double m_unknownScore = 0;
    std::unordered_map<std::uint64_t, std::int32_t> m_edges;   ///< trie: node << 8 | byte → node
    std::vector<std::int32_t> m_ends{-1};                      ///< by node: id of the piece that ends there
};

} // namespace halftone
