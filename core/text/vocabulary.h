#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace halftone {

/// Lets maps of strings be asked by views.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Token texts and their ids, both ways.
class Vocabulary {
public:
    /// @throws Error{BadFile} naming `subject` if the text or the id is taken already.
    void add(std::string text, std::int32_t id, std::string_view subject);
    void reserve(std::size_t count) { m_ids.reserve(count); }

    std::optional<std::int32_t> find(std::string_view text) const
    {
        const auto found = m_ids.find(text);
        return found == m_ids.end() ? std::nullopt : std::optional(found->second);
    }
    /// Empty for an id without a token.
    const std::string& text(std::int32_t id) const;
    bool contains(std::int32_t id) const;
    /// The largest id and one.
    std::int32_t size() const { return static_cast<std::int32_t>(m_texts.size()); }
    /// Whether some token has `mark` behind another character: then words may not be cut before it.
    bool joinsBefore(std::string_view mark) const;

private:
    std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> m_ids;
    std::vector<const std::string*> m_texts;  ///< into m_ids
};

/// SentencePiece's mark for a space, U+2581.
inline constexpr std::string_view kMark = "\xE2\x96\x81";

/// Parts of `text` that begin with a mark (a run of marks stays together); exact wherever Vocabulary::joinsBefore(kMark) is false.
std::vector<std::string_view> cutBeforeMarks(std::string_view text);

/// Ids of words met before in one text, so that each is merged once.
class WordCache {
public:
    /// Appends the ids of `word` to `out`, computed by `encode(word, ids)` the first time.
    template <typename Encode>
    void append(std::string_view word, std::vector<std::int32_t>& out, Encode encode)
    {
        auto known = m_words.find(word);
        if (known == m_words.end()) {
            if (word.size() > kLongest || m_words.size() >= kMost) {
                encode(word, out);
                return;
            }
            const std::size_t begin = m_ids.size();
            encode(word, m_ids);
            known = m_words.emplace(std::string(word), std::pair(begin, m_ids.size() - begin)).first;
        }
        const auto first = m_ids.begin() + static_cast<std::ptrdiff_t>(known->second.first);
        out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(known->second.second));
    }

private:
    static constexpr std::size_t kLongest = 256;    ///< bytes
    static constexpr std::size_t kMost = 1'000'000;  ///< words
    std::unordered_map<std::string, std::pair<std::size_t, std::size_t>, TextHash, std::equal_to<>> m_words;
    std::vector<std::int32_t> m_ids;
};

} // namespace halftone
