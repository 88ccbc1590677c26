#include "core/text/gguf_vocabulary.h"

#include "core/base/error.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace halftone {

namespace {

class SpmTokenizer final : public Tokenizer {
public:
    explicit SpmTokenizer(const GgufVocabulary& vocabulary);

    std::vector<std::int32_t> encode(std::string_view text, bool special) const override;
    std::string decode(std::span<const std::int32_t> ids) const override;
    std::string tokenText(std::int32_t id) const override;
    std::int32_t size() const override { return m_vocabulary.size(); }

private:
    void encodeWord(std::string_view word, std::vector<std::int32_t>& out) const;
    /// The bytes that a token stands for.
    std::string bytesOf(std::int32_t id) const;

    Vocabulary m_vocabulary;
    std::vector<float> m_scores;
    std::vector<bool> m_isByte, m_isLiteral;  ///< by id; literal: control and user-defined tokens, whose text is as it is
    std::array<std::int32_t, 256> m_byteIds{};
    AddedTokens m_userDefined;
    std::vector<std::int32_t> m_before, m_behind;
    bool m_prefix = true;
    bool m_cuts = false;
};

SpmTokenizer::SpmTokenizer(const GgufVocabulary& vocabulary)
    : m_scores(vocabulary.scores)
    , m_prefix(vocabulary.addSpacePrefix.value_or(true))
{
    GgufTokens tokens = ggufTokens(vocabulary, true, false);
    const std::size_t count = tokens.texts.size();
    if (m_scores.empty())
        throw Error(ErrorKind::BadFile, vocabulary.file + ": a \"llama\" vocabulary needs the scores of its tokens.", vocabulary.file);
    m_vocabulary.reserve(count);
    m_isByte.resize(count, false);
    m_isLiteral.resize(count, false);
    for (std::size_t id = 0; id < count; ++id) {
        if (std::isnan(m_scores[id]))
            throw Error(ErrorKind::BadFile, vocabulary.file + ": the score of token " + std::to_string(id) + " is not a number.",
                        vocabulary.file);
        m_vocabulary.add(tokens.texts[id], static_cast<std::int32_t>(id), vocabulary.file);
        m_isByte[id] = !vocabulary.types.empty() && vocabulary.types[id] == 6 && byteOfToken(tokens.texts[id]) >= 0;
    }
    for (const auto* list : {&tokens.special, &tokens.userDefined})
        for (const AddedToken& token : *list)
            m_isLiteral[static_cast<std::size_t>(token.id)] = true;
    for (std::size_t b = 0; b < 256; ++b) {
        std::array<char, 8> name{};
        std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<unsigned>(b));
        const char byte = static_cast<char>(static_cast<unsigned char>(b));
        const auto id = m_vocabulary.find(name.data());
        const auto plain = id ? id : m_vocabulary.find(std::string_view(&byte, 1));
        if (!plain)
            throw Error(ErrorKind::Unsupported, vocabulary.file + ": the vocabulary has no token " + name.data() + " for a single byte.",
                        vocabulary.file);
        m_byteIds[b] = *plain;
    }
    std::vector<std::string> patterns;
    for (const AddedToken& token : tokens.userDefined)
        patterns.push_back(token.content);
    m_userDefined = AddedTokens(std::move(tokens.userDefined), patterns, vocabulary.file);
    m_before = std::move(tokens.before);
    m_behind = std::move(tokens.behind);
    m_cuts = !m_vocabulary.joinsBefore(kMark);
}

void SpmTokenizer::encodeWord(std::string_view word, std::vector<std::int32_t>& out) const
{
    struct Symbol {
        std::size_t begin, bytes;
        std::int32_t id, previous, next;
    };
    struct Candidate {
        float score;
        std::int32_t left;
        std::int32_t result;
        std::size_t bytes;
        bool operator<(const Candidate& other) const { return score != other.score ? score < other.score : left > other.left; }
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    const auto symbol = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    const auto candidate = [&](std::int32_t left, std::int32_t right) {
        const std::size_t bytes = symbol(left).bytes + symbol(right).bytes;
        const auto id = m_vocabulary.find(word.substr(symbol(left).begin, bytes));
        if (id)
            heap.push_back({m_scores[static_cast<std::size_t>(*id)], left, *id, bytes});
        return id.has_value();
    };
    for (std::size_t at = 0; at < word.size();) {
        const std::size_t bytes = std::min(unicode::lengthAt(word, at), word.size() - at);
        const auto index = static_cast<std::int32_t>(symbols.size());
        symbols.push_back({at, bytes, m_vocabulary.find(word.substr(at, bytes)).value_or(-1), index - 1, index + 1});
        at += bytes;
    }
    if (symbols.empty())
        return;
    symbols.back().next = -1;
    for (std::size_t i = 1; i < symbols.size(); ++i)
        candidate(static_cast<std::int32_t>(i - 1), static_cast<std::int32_t>(i));
    std::make_heap(heap.begin(), heap.end());
    const auto push = [&](std::int32_t left, std::int32_t right) {
        if (left >= 0 && right >= 0 && candidate(left, right))
            std::push_heap(heap.begin(), heap.end());
    };
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end());
        const Candidate top = heap.back();
        heap.pop_back();
        Symbol& left = symbol(top.left);
        if (left.bytes == 0 || left.next < 0 || left.bytes + symbol(left.next).bytes != top.bytes)
            continue;  // one of the two has been merged since
        Symbol& right = symbol(left.next);
        left.bytes = top.bytes;
        left.id = top.result;
        left.next = right.next;
        right.bytes = 0;
        if (left.next >= 0)
            symbol(left.next).previous = top.left;
        push(left.previous, top.left);
        push(top.left, symbol(top.left).next);
    }
    for (std::int32_t i = 0; i >= 0; i = symbol(i).next) {
        if (symbol(i).id >= 0) {
            out.push_back(symbol(i).id);
            continue;
        }
        for (const char c : word.substr(symbol(i).begin, symbol(i).bytes))
            out.push_back(m_byteIds[static_cast<unsigned char>(c)]);
    }
}

std::vector<std::int32_t> SpmTokenizer::encode(std::string_view input, bool special) const
{
    std::string storage;
    const std::string_view text = validText(input, storage);
    std::vector<std::int32_t> ids;
    if (special)
        ids = m_before;
    WordCache cache;
    const auto encode = [this](std::string_view word, std::vector<std::int32_t>& out) { encodeWord(word, out); };
    bool afterSpecial = true;
    std::string marked;
    for (const Segment& segment : m_userDefined.splitLongestFirst(text, TextBudget(text.size()))) {
        if (segment.id >= 0) {
            ids.push_back(segment.id);
            afterSpecial = true;
            continue;
        }
        marked.clear();
        if (m_prefix && afterSpecial)
            marked += kMark;
        for (const char c : text.substr(segment.begin, segment.end - segment.begin))
            c == ' ' ? marked += kMark : marked += c;
        afterSpecial = false;
        if (m_cuts) {
            for (const std::string_view part : cutBeforeMarks(marked))
                cache.append(part, ids, encode);
        } else {
            encodeWord(marked, ids);
        }
    }
    if (special)
        ids.insert(ids.end(), m_behind.begin(), m_behind.end());
    return ids;
}

std::string SpmTokenizer::bytesOf(std::int32_t id) const
{
    const std::string& text = m_vocabulary.text(id);
    if (!m_vocabulary.contains(id) || m_isLiteral[static_cast<std::size_t>(id)])
        return text;
    if (m_isByte[static_cast<std::size_t>(id)])
        return std::string(1, static_cast<char>(static_cast<unsigned char>(byteOfToken(text))));
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const bool mark = std::string_view(text).substr(at, kMark.size()) == kMark;
        out += mark ? ' ' : text[at];
        at += mark ? kMark.size() : 1;
    }
    return out;
}

std::string SpmTokenizer::decode(std::span<const std::int32_t> ids) const
{
    std::string bytes;
    for (const std::int32_t id : ids)
        bytes += bytesOf(id);
    // The first piece's space is the one that encode() put there.
    const bool drop = m_prefix && !ids.empty() && bytes.starts_with(' ') && bytesOf(ids.front()).starts_with(' ');
    return unicode::repaired(drop ? std::string_view(bytes).substr(1) : std::string_view(bytes));
}

std::string SpmTokenizer::tokenText(std::int32_t id) const
{
    return shownBytes(bytesOf(id));
}

} // namespace

std::unique_ptr<Tokenizer> spmTokenizer(const GgufVocabulary& vocabulary)
{
    return std::make_unique<SpmTokenizer>(vocabulary);
}

} // namespace halftone
