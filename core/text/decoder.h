#pragma once

#include "core/base/json.h"
#include "core/text/text_budget.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// The "decoder" of a tokenizer.json: token texts → text.
class Decoder {
public:
    /// What one rule makes of all tokens, within a budget.
    class Growth {
    public:
        Growth(const TextBudget& budget, std::string_view subject) : m_budget(budget), m_subject(subject) {}
        void add(std::string_view text, std::string& out)
        {
            m_budget.checkSize(m_bytes += text.size(), m_subject, "decoder");
            out += text;
        }
        const TextBudget& budget() const { return m_budget; }

    private:
        const TextBudget& m_budget;
        std::string_view m_subject;
        std::size_t m_bytes = 0;
    };

    /// Knows Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace (String, Regex), Metaspace, WordPiece and BPEDecoder; null joins with spaces.
    /// @throws Error{Unsupported} naming any other.
    Decoder(const Json& description, std::string_view subject);

    /// @throws Error{BadFile} where a rule takes too long or grows the text without measure.
    std::string decode(std::vector<std::string> tokens) const;
    /// Whether token texts are spelt in GPT-2's byte alphabet.
    bool byteLevel() const { return m_byteLevel; }

private:
    void add(const Json& description, std::string_view subject, int depth);

    std::string m_subject;
    std::vector<std::function<void(std::vector<std::string>&, Growth&)>> m_steps;
    bool m_byteLevel = false;
};

/// The byte that a token like "<0x0A>" stands for, or -1.
int byteOfToken(std::string_view token);
/// Bytes as text for people: what is no UTF-8 appears as "<0xE4>".
std::string shownBytes(std::string_view bytes);

} // namespace halftone
