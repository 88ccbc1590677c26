#include "core/text/pipeline_tokenizer.h"

#include "core/base/error.h"
#include "core/text/byte_level.h"
#include "core/text/unicode.h"

#include <algorithm>

namespace halftone {

std::string_view validText(std::string_view text, std::string& storage)
{
    if (text.size() > kMaxTextBytes)
        throw Error(ErrorKind::InvalidArgument, "The text has " + std::to_string(text.size()) + " bytes; at most "
                        + std::to_string(kMaxTextBytes) + " are tokenised at once.");
    if (unicode::validPrefix(text) == text.size())
        return text;
    storage = unicode::repaired(text);
    return storage;
}

PipelineTokenizer::PipelineTokenizer(PipelineParts parts)
    : m_normalizer(parts.normalizer, parts.subject)
    , m_preTokenizer(parts.preTokenizer, parts.subject)
    , m_decoder(parts.decoder, parts.subject)
    , m_model(std::move(parts.model))
    , m_before(std::move(parts.before))
    , m_behind(std::move(parts.behind))
    , m_longestFirst(parts.longestFirst)
    , m_size(m_model->vocabulary().size())
{
    std::vector<AddedToken> raw, normalized;
    std::vector<std::string> rawPatterns, normalizedPatterns;
    std::size_t bytes = 0, grown = 0;
    for (const AddedToken& token : parts.addedTokens)
        bytes += token.content.size();
    const TextBudget budget(bytes);
    for (const AddedToken& token : parts.addedTokens) {
        m_addedTexts.emplace(token.id, token.content);
        m_size = std::max(m_size, token.id + 1);
        if (token.normalized) {
            normalized.push_back(token);
            normalizedPatterns.push_back(m_normalizer.apply(token.content, budget));
            budget.checkSize(grown += normalizedPatterns.back().size(), parts.subject, "normalizer");
        } else {
            raw.push_back(token);
            rawPatterns.push_back(token.content);
        }
    }
    m_raw = AddedTokens(std::move(raw), rawPatterns, parts.subject);
    m_normalized = AddedTokens(std::move(normalized), normalizedPatterns, parts.subject);
}

void PipelineTokenizer::encodePart(std::string_view text, std::size_t ofFirst, const TextBudget& budget, WordCache& cache,
                                   std::vector<std::int32_t>& out) const
{
    Pieces pieces{std::string(text), {{0, text.size(), ofFirst}}};
    m_preTokenizer.apply(pieces, budget);
    const auto encode = [&](std::string_view word, std::vector<std::int32_t>& ids) { m_model->encode(word, budget, ids); };
    for (const Pieces::Piece& piece : pieces.pieces) {
        const std::string_view word = std::string_view(pieces.text).substr(piece.begin, piece.end - piece.begin);
        if (m_model->cutsBeforeMarks()) {
            for (const std::string_view part : cutBeforeMarks(word))
                cache.append(part, out, encode);
        } else {
            cache.append(word, out, encode);
        }
    }
}

std::vector<std::int32_t> PipelineTokenizer::encode(std::string_view input, bool special) const
{
    std::string storage;
    const std::string_view text = validText(input, storage);
    const TextBudget budget(text.size());
    WordCache cache;
    std::vector<std::int32_t> ids;
    if (special)
        ids = m_before;
    for (const Segment& segment : m_longestFirst ? m_raw.splitLongestFirst(text, budget) : m_raw.split(text, budget)) {
        if (segment.id >= 0) {
            ids.push_back(segment.id);
            continue;
        }
        const std::string_view raw = text.substr(segment.begin, segment.end - segment.begin);
        std::size_t ofFirst = unicode::lengthAt(raw, 0);   // bytes at the front that come from the first character
        const std::string normalized = m_normalizer.empty() ? std::string() : m_normalizer.apply(raw, budget, &ofFirst);
        const std::string_view ready = m_normalizer.empty() ? raw : std::string_view(normalized);
        if (segment.begin > 0)
            ofFirst = 0;
        for (const Segment& inner : m_normalized.split(ready, budget)) {
            if (inner.id >= 0)
                ids.push_back(inner.id);
            else
                encodePart(ready.substr(inner.begin, inner.end - inner.begin), std::min(inner.end - inner.begin, ofFirst - std::min(ofFirst, inner.begin)), budget,
                           cache, ids);
        }
    }
    if (special)
        ids.insert(ids.end(), m_behind.begin(), m_behind.end());
    return ids;
}

std::string PipelineTokenizer::decode(std::span<const std::int32_t> ids) const
{
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const std::int32_t id : ids) {
        if (const auto added = m_addedTexts.find(id); added != m_addedTexts.end())
            tokens.push_back(added->second);
        else if (m_model->vocabulary().contains(id))
            tokens.push_back(m_model->vocabulary().text(id));
    }
    return m_decoder.decode(std::move(tokens));
}

std::string PipelineTokenizer::tokenText(std::int32_t id) const
{
    if (const auto added = m_addedTexts.find(id); added != m_addedTexts.end())
        return added->second;
    const std::string& text = m_model->vocabulary().text(id);
    if (m_decoder.byteLevel())
        return shownBytes(byte_level::unmapped(text).value_or(text));
    std::string shown;
    for (std::size_t at = 0; at < text.size();) {
        const bool mark = std::string_view(text).substr(at, kMark.size()) == kMark;
        shown += mark ? ' ' : text[at];
        at += mark ? kMark.size() : 1;
    }
    return shown;
}

} // namespace halftone
