#include "core/text/added_tokens.h"

#include "core/base/error.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <optional>

namespace halftone {

namespace {

bool endsWithWord(std::string_view text)
{
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
        --at;
    return unicode::isWord(unicode::next(text, at));
}

std::size_t spacesBehind(std::string_view text, std::size_t at)
{
    while (at < text.size()) {
        std::size_t behind = at;
        if (!unicode::isSpace(unicode::next(text, behind)))
            break;
        at = behind;
    }
    return at;
}

std::size_t spacesBefore(std::string_view text, std::size_t end, std::size_t stop)
{
    while (end > stop) {
        std::size_t start = end - 1;
        while (start > stop && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80)
            --start;
        std::size_t behind = start;
        if (!unicode::isSpace(unicode::next(text, behind)))
            break;
        end = start;
    }
    return end;
}

} // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns, std::string_view subject)
    : m_subject(subject)
    , m_tokens(std::move(tokens))
    , m_patterns(patterns)
{
    constexpr std::size_t kMost = 8u << 20;
    std::size_t bytes = 0;
    for (const std::string& pattern : m_patterns)
        bytes += pattern.size();
    if (bytes > kMost)
        throw Error(ErrorKind::BadFile, m_subject + ": the added tokens have " + std::to_string(bytes) + " bytes together; at most " + std::to_string(kMost) + " are allowed.", m_subject);
    for (std::size_t t = 0; t < m_tokens.size(); ++t) {
        if (m_patterns[t].empty()) {
            m_nothing = t;
            continue;
        }
        m_begins[static_cast<unsigned char>(m_patterns[t].front())] = true;
        std::uint32_t node = 0;
        for (const char c : m_patterns[t]) {
            const auto next = static_cast<std::uint32_t>(m_ends.size());
            const auto [edge, isNew] = m_edges.try_emplace(std::uint64_t{node} << 8 | static_cast<unsigned char>(c), next);
            if (isNew)
                m_ends.push_back(-1);
            node = edge->second;
        }
        m_ends[node] = static_cast<std::int32_t>(t);
    }
}

template <typename Found>
void AddedTokens::tokensAt(std::string_view text, std::size_t at, const TextBudget& budget, std::size_t& steps, Found found) const
{
    constexpr std::size_t kStepsAtOnce = 1u << 16;
    std::uint32_t node = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
        const auto edge = m_edges.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
        if (edge == m_edges.end())
            break;
        node = edge->second;
        if (m_ends[node] >= 0)
            found(static_cast<std::size_t>(m_ends[node]));
        if (++steps % kStepsAtOnce == 0)
            budget.check(m_subject, "added tokens");
    }
}

std::vector<Segment> AddedTokens::split(std::string_view text, const TextBudget& budget) const
{
    std::vector<Segment> segments;
    std::size_t done = 0, steps = 0;
    std::optional<std::size_t> lastEnd;   // of what was found, before white space was added to it
    const auto undefined = [&](std::size_t token, const char* why) {
        throw Error(ErrorKind::BadFile, m_subject + ": the added token \"" + printable(m_tokens[token].content) + "\" " + why + ", which the stock tokenizer ends at.", m_subject);
    };
    for (std::size_t at = 0; at <= text.size();) {
        std::optional<std::size_t> found;
        if (at < text.size() && m_begins[static_cast<unsigned char>(text[at])])
            tokensAt(text, at, budget, steps, [&](std::size_t token) { found = token; });
        if (!found && m_nothing && lastEnd != at && !text.empty())
            found = m_nothing;
        if (!found) {
            ++at;
            continue;
        }
        const AddedToken& token = m_tokens[*found];
        std::size_t begin = at;
        std::size_t end = at + m_patterns[*found].size();
        lastEnd = end;
        at = std::max(end, at + (begin == end ? 1 : 0));
        if (begin == end && begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
            undefined(*found, "becomes nothing when normalized and would cut a character in two");
        if (token.singleWord) {
            const bool joinedLeft = begin > 0 && endsWithWord(text.substr(0, begin));
            std::size_t behind = end;
            const bool joinedRight = end < text.size() && unicode::isWord(unicode::next(text, behind));
            if (joinedLeft || joinedRight)
                continue;
        }
        if (token.stripLeft)
            begin = std::max(spacesBefore(text, begin, 0), done);
        if (token.stripRight)
            end = spacesBehind(text, end);
        if (begin > end)   // an earlier token took the white space that this one is
            undefined(*found, "lies within the white space that another one takes along");
        if (begin > done)
            segments.push_back({done, begin});
        if (begin < end)
            segments.push_back({begin, end, token.id});
        done = end;   // less than before where another token took this one's white space along: it counts twice, as in tokenizers
    }
    if (done < text.size())
        segments.push_back({done, text.size()});
    return segments;
}

std::vector<bool> AddedTokens::occurring(std::string_view text, const TextBudget& budget) const
{
    std::vector<bool> found(m_tokens.size(), false);
    std::size_t steps = 0;
    for (std::size_t at = 0; at < text.size(); ++at)
        if (m_begins[static_cast<unsigned char>(text[at])])
            tokensAt(text, at, budget, steps, [&](std::size_t token) { found[token] = true; });
    return found;
}

std::vector<Segment> AddedTokens::splitLongestFirst(std::string_view text, const TextBudget& budget) const
{
    std::vector<Segment> segments;
    if (text.empty())
        return segments;
    segments.push_back({0, text.size()});
    const std::vector<bool> present = occurring(text, budget);
    std::vector<std::size_t> order(m_tokens.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return m_patterns[a].size() > m_patterns[b].size(); });
    const auto space = [&](std::size_t i) { return std::isspace(static_cast<unsigned char>(text[i])) != 0; };
    for (const std::size_t t : order) {
        if (!present[t])
            continue;
        budget.check(m_subject, "added tokens");
        std::vector<Segment> next;
        for (const Segment& segment : segments) {
            if (segment.id >= 0) {
                next.push_back(segment);
                continue;
            }
            std::size_t from = segment.begin;
            for (;;) {
                const std::size_t at = text.substr(0, segment.end).find(m_patterns[t], from);
                if (at == std::string_view::npos)
                    break;
                std::size_t end = at;
                while (m_tokens[t].stripLeft && end > from && space(end - 1))
                    --end;
                if (end > from)
                    next.push_back({from, end});
                from = at + m_patterns[t].size();
                next.push_back({at, from, m_tokens[t].id});
                while (m_tokens[t].stripRight && from < segment.end && space(from))
                    ++from;
            }
            if (from < segment.end)
                next.push_back({from, segment.end});
        }
        segments = std::move(next);
    }
    return segments;
}

} // namespace halftone
