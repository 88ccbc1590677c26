#include "core/text/word_models.h"

#include "core/base/error.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace halftone {

namespace {

[[noreturn]] void refuseUnknown(const std::string& subject, std::string_view word)
{
    throw Error(ErrorKind::BadFile, subject + ": \"" + printable(word, 60) + "\" is no token, and the tokenizer has none for unknown words.", subject);
}

void addUnknownWord(const std::string& subject, std::optional<std::int32_t> unknown, std::string_view word, std::vector<std::int32_t>& out)
{
    if (!unknown)
        refuseUnknown(subject, word);
    out.push_back(*unknown);
}

} // namespace

WordLevelModel::WordLevelModel(std::string subject, Vocabulary vocabulary, const std::string& unknown)
    : m_subject(std::move(subject))
    , m_vocabulary(std::move(vocabulary))
    , m_unknown(m_vocabulary.find(unknown))
{
}

void WordLevelModel::encode(std::string_view word, const TextBudget&, std::vector<std::int32_t>& out) const
{
    if (word.empty())
        return;
    if (const auto id = m_vocabulary.find(word))
        out.push_back(*id);
    else
        addUnknownWord(m_subject, m_unknown, word, out);
}

WordPieceModel::WordPieceModel(std::string subject, Vocabulary vocabulary, const std::string& unknown, std::string prefix, std::size_t longestWord)
    : m_subject(std::move(subject))
    , m_vocabulary(std::move(vocabulary))
    , m_unknown(m_vocabulary.find(unknown))
    , m_prefix(std::move(prefix))
    , m_longestWord(longestWord)
    , m_longestToken(0)
{
    for (std::int32_t id = 0; id < m_vocabulary.size(); ++id)
        m_longestToken = std::max(m_longestToken, m_vocabulary.text(id).size());
}

void WordPieceModel::encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const
{
    if (word.empty())
        return;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < word.size(); at += unicode::lengthAt(word, at))
        ++characters;
    const std::size_t begin = out.size();
    std::string piece;
    std::size_t start = characters > m_longestWord ? word.size() : 0;
    bool known = start == 0;
    constexpr std::size_t kTriesAtOnce = 256;
    std::size_t tries = 0;
    while (known && start < word.size()) {
        std::size_t end = std::min(word.size(), start + m_longestToken);   // nothing longer is a token
        while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80)
            --end;
        std::optional<std::int32_t> id;
        while (end > start && !id) {
            if (++tries % kTriesAtOnce == 0)
                budget.check(m_subject, "WordPiece");
            piece = start > 0 ? m_prefix : std::string();
            piece += word.substr(start, end - start);
            id = m_vocabulary.find(piece);
            if (!id)
                do
                    --end;
                while (end > start && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80);
        }
        known = id.has_value();
        if (known)
            out.push_back(*id);
        start = end;
    }
    if (known)
        return;
    out.resize(begin);
    addUnknownWord(m_subject, m_unknown, word, out);
}

UnigramModel::UnigramModel(UnigramParts parts)
    : m_subject(std::move(parts.subject))
    , m_unknown(parts.unknown)
{
    const auto refuse = [&](const std::string& why) { throw Error(ErrorKind::BadFile, m_subject + ": " + why, m_subject); };
    if (m_unknown && (*m_unknown < 0 || static_cast<std::size_t>(*m_unknown) >= parts.pieces.size()))
        refuse("the unknown token has id " + std::to_string(*m_unknown) + " of " + std::to_string(parts.pieces.size()) + ".");
    constexpr std::size_t kMost = 8u << 20;   // of nodes, about sixty bytes each
    double least = 0;
    bool any = false;
    m_vocabulary.reserve(parts.pieces.size());
    for (auto& [text, score] : parts.pieces) {
        const auto id = static_cast<std::int32_t>(m_scores.size());
        if (!std::isfinite(score))
            refuse("the score of token " + std::to_string(id) + " is not finite.");
        least = any ? std::min(least, score) : score;
        any = true;
        m_scores.push_back(score);
        std::int32_t node = 0;
        for (const char c : text) {
            const auto [edge, isNew] = m_edges.emplace(static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(c), static_cast<std::int32_t>(m_ends.size()));
            if (isNew)
                m_ends.push_back(-1);
            node = edge->second;
        }
        if (m_ends.size() > kMost)
            refuse("the tokens of the Unigram model are too long together; at most " + std::to_string(kMost) + " different beginnings are allowed.");
        m_ends[static_cast<std::size_t>(node)] = id;
        m_vocabulary.add(std::move(text), id, m_subject);
    }
    m_ends[0] = -1;   // an empty piece is never found
    constexpr double kPenalty = 10;
    m_unknownScore = least - kPenalty;
    if (!parts.byteFallback)
        return;
    for (int b = 0; b < 256; ++b) {
        std::array<char, 8> name{};
        std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<unsigned>(b));
        m_byteIds.push_back(m_vocabulary.find(name.data()).value_or(-1));
    }
}

std::int32_t UnigramModel::step(std::int32_t node, unsigned char byte) const
{
    const auto edge = m_edges.find(static_cast<std::uint64_t>(node) << 8 | byte);
    return edge == m_edges.end() ? -1 : edge->second;
}

void UnigramModel::addUnknown(std::string_view text, std::vector<std::int32_t>& out) const
{
    if (const auto id = m_vocabulary.find(text)) {   // unknown characters side by side may spell a token
        out.push_back(*id);
        return;
    }
    const auto byteOf = [&](char c) { return m_byteIds[static_cast<unsigned char>(c)]; };
    if (!m_byteIds.empty() && std::all_of(text.begin(), text.end(), [&](char c) { return byteOf(c) >= 0; })) {
        for (const char c : text)
            out.push_back(byteOf(c));
        return;
    }
    addUnknownWord(m_subject, m_unknown, text, out);
}

void UnigramModel::encode(std::string_view word, const TextBudget& budget, std::vector<std::int32_t>& out) const
{
    struct Node {
        double score = 0;
        std::size_t begin = 0;
        std::int32_t id = -1;   ///< of the best piece that ends here; -1: none yet
    };
    std::vector<Node> best(word.size() + 1);
    constexpr std::size_t kStepsAtOnce = 1u << 16;
    std::size_t steps = 0;
    for (std::size_t at = 0; at < word.size();) {
        const std::size_t character = std::min(unicode::lengthAt(word, at), word.size() - at);
        const double here = best[at].score;
        const auto reach = [&](std::size_t end, double score, std::int32_t id) {
            Node& node = best[end];
            if (node.id < 0 || score > node.score)
                node = {score, at, id};
        };
        bool whole = false;   // some piece is just this character
        std::int32_t node = 0;
        for (std::size_t end = at; end < word.size();) {
            node = step(node, static_cast<unsigned char>(word[end++]));
            if (node < 0)
                break;
            if (++steps % kStepsAtOnce == 0)
                budget.check(m_subject, "Unigram");
            if (const std::int32_t id = m_ends[static_cast<std::size_t>(node)]; id >= 0) {
                reach(end, here + m_scores[static_cast<std::size_t>(id)], id);
                whole = whole || end - at == character;
            }
        }
        if (!whole) {
            if (!m_unknown)
                refuseUnknown(m_subject, word.substr(at, character));
            reach(at + character, here + m_unknownScore, *m_unknown);
        }
        at += character;
    }
    // From the end; a run of unknown characters is one token.
    std::vector<std::pair<std::size_t, std::size_t>> pieces;
    std::vector<bool> unknown;
    for (std::size_t end = word.size(); end > 0;) {
        const Node& node = best[end];
        const bool isUnknown = m_unknown && node.id == *m_unknown;
        if (isUnknown && !pieces.empty() && unknown.back())
            pieces.back().first = node.begin;
        else {
            pieces.emplace_back(node.begin, end);
            unknown.push_back(isUnknown);
        }
        end = node.begin;
    }
    for (std::size_t i = pieces.size(); i-- > 0;) {
        const std::string_view text = word.substr(pieces[i].first, pieces[i].second - pieces[i].first);
        if (unknown[i])
            addUnknown(text, out);
        else
            out.push_back(best[pieces[i].second].id);
    }
}

} // namespace halftone
