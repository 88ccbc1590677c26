#include "core/text/sentencepiece_tokenizer.h"

#include "core/base/error.h"
#include "core/text/decoder.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/unicode.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace halftone {

namespace {

constexpr std::size_t kLongestPiece = 4096, kLongestRule = 256;   ///< bytes of a token, and of what replaces a character

/// The parts of a protocol buffer that have a length, by their field; what has none is stepped over.
class Message {
public:
    explicit Message(std::string_view bytes) : m_bytes(bytes) {}

    /// The next one of `field`; none at the end, or where the bytes are no message.
    std::optional<std::string_view> next(std::uint64_t field)
    {
        while (m_at < m_bytes.size()) {
            const std::uint64_t tag = number();
            switch (tag & 7) {
            case 0: number(); break;
            case 1: m_at += 8; break;
            case 5: m_at += 4; break;
            case 2: {
                const std::uint64_t length = number();
                if (m_at > m_bytes.size() || length > m_bytes.size() - m_at)
                    return std::nullopt;
                const std::string_view part = m_bytes.substr(m_at, static_cast<std::size_t>(length));
                m_at += part.size();
                if (tag >> 3 == field)
                    return part;
                break;
            }
            default: return std::nullopt;
            }
        }
        return std::nullopt;
    }

private:
    std::uint64_t number()
    {
        std::uint64_t value = 0;
        for (unsigned shift = 0; m_at < m_bytes.size() && shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(m_bytes[m_at++]);
            value |= std::uint64_t{byte & 0x7Fu} << shift;
            if (byte < 0x80)
                break;
        }
        return value;
    }

    std::string_view m_bytes;
    std::size_t m_at = 0;
};

class SentencePieceTokenizer final : public Tokenizer {
public:
    explicit SentencePieceTokenizer(SentencePieceParts parts)
        : m_subject(std::move(parts.subject))
    {
        checkNormalizer(parts.model);
        check(m_processor.LoadFromSerializedProto(parts.model), "does not load");
        m_size = m_processor.GetPieceSize();
        for (int id = 0; id < m_size; ++id)   // the library looks for every piece at every character
            if (m_processor.IdToPiece(id).size() > kLongestPiece)
                throw Error(ErrorKind::BadFile, m_subject + ": token " + std::to_string(id) + " has more than " + std::to_string(kLongestPiece) + " bytes.", m_subject);
        std::vector<AddedToken> tokens;
        std::vector<std::string> patterns;
        for (AddedToken& token : parts.addedTokens) {
            if (token.id < 0) {
                const int piece = m_processor.PieceToId(token.content);
                if (m_processor.IdToPiece(piece) != token.content)
                    throw Error(ErrorKind::BadFile,
                                m_subject + ": the special token \"" + token.content + "\" is no piece of the model.", m_subject);
                token.id = piece;
            }
            if (token.id < m_processor.GetPieceSize() && m_processor.IdToPiece(token.id) != token.content)
                throw Error(ErrorKind::BadFile,
                            m_subject + ": the added token \"" + token.content + "\" has id " + std::to_string(token.id)
                                + ", which is that of \"" + m_processor.IdToPiece(token.id) + "\".",
                            m_subject);
            m_size = std::max(m_size, token.id + 1);
            m_addedTexts.emplace(token.id, token.content);
            patterns.push_back(token.content);
            tokens.push_back(std::move(token));
        }
        m_added = AddedTokens(std::move(tokens), patterns, m_subject);
        const auto named = [&](int id, const char* what) {
            if (id < 0)
                throw Error(ErrorKind::BadFile, m_subject + ": " + what + " is to be added, but the model has none.", m_subject);
            return id;
        };
        if (parts.addBos)
            m_before.push_back(named(m_processor.bos_id(), "a BOS token"));
        if (parts.addEos)
            m_behind.push_back(named(m_processor.eos_id(), "an EOS token"));
    }

    std::vector<std::int32_t> encode(std::string_view input, bool special) const override
    {
        std::string storage;
        const std::string_view text = validText(input, storage);
        std::vector<std::int32_t> ids;
        if (special)
            ids = m_before;
        for (const Segment& segment : m_added.split(text, TextBudget(text.size()))) {
            if (segment.id >= 0) {
                ids.push_back(segment.id);
                continue;
            }
            std::vector<int> part;
            check(m_processor.Encode(text.substr(segment.begin, segment.end - segment.begin), &part),
                  "does not encode this text");
            ids.insert(ids.end(), part.begin(), part.end());
        }
        if (special)
            ids.insert(ids.end(), m_behind.begin(), m_behind.end());
        return ids;
    }

    std::string decode(std::span<const std::int32_t> ids) const override
    {
        std::string out;
        std::vector<int> run;
        const auto flush = [&] {
            std::string part;
            if (!run.empty())
                check(m_processor.Decode(run, &part), "does not decode these ids");
            out += part;
            run.clear();
        };
        for (const std::int32_t id : ids) {
            if (const auto added = m_addedTexts.find(id); added != m_addedTexts.end()) {
                flush();
                out += added->second;
            } else if (id >= 0 && id < m_processor.GetPieceSize()) {
                run.push_back(id);
            }
        }
        flush();
        return unicode::repaired(out);
    }

    std::string tokenText(std::int32_t id) const override
    {
        if (const auto added = m_addedTexts.find(id); added != m_addedTexts.end())
            return added->second;
        if (id < 0 || id >= m_processor.GetPieceSize())
            return {};
        const std::string& piece = m_processor.IdToPiece(id);
        if (m_processor.IsByte(id) && byteOfToken(piece) >= 0)
            return shownBytes(std::string(1, static_cast<char>(static_cast<unsigned char>(byteOfToken(piece)))));
        std::string out;
        for (std::size_t at = 0; at < piece.size();) {
            const bool mark = std::string_view(piece).substr(at, kMark.size()) == kMark;
            out += mark ? ' ' : piece[at];
            at += mark ? kMark.size() : 1;
        }
        return out;
    }

    std::int32_t size() const override { return m_size; }

private:
    /// What stands for a character may not be so long that a text grows without measure: the library has no limit of its own.
    void checkNormalizer(std::string_view model) const
    {
        for (const std::uint64_t field : {std::uint64_t{3}, std::uint64_t{5}}) {   // normalizer_spec and denormalizer_spec of sentencepiece_model.proto
            Message whole(model);
            while (const auto specification = whole.next(field)) {
                Message parts(*specification);
                while (const auto map = parts.next(2))   // precompiled_charsmap
                    checkMap(*map);
            }
        }
    }

    void checkMap(std::string_view map) const
    {
        std::uint64_t trie = 0;   // the size of what stands before the texts
        for (std::size_t i = std::min<std::size_t>(4, map.size()); i-- > 0;)
            trie = trie << 8 | static_cast<unsigned char>(map[i]);
        map.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(map.size(), 4 + trie)));
        std::size_t longest = 0;
        for (std::size_t begin = 0; begin < map.size();) {   // each text ends with a zero byte
            const std::size_t end = std::min(map.find('\0', begin), map.size());
            longest = std::max(longest, end - begin);
            begin = end + 1;
        }
        if (longest > kLongestRule)
            throw Error(ErrorKind::BadFile, m_subject + ": a rule of its normalizer makes " + std::to_string(longest) + " bytes of a character; at most "
                            + std::to_string(kLongestRule) + " are allowed.", m_subject);
    }

    void check(const sentencepiece::util::Status& status, const char* what) const
    {
        if (!status.ok())
            throw Error(ErrorKind::BadFile, m_subject + ": the SentencePiece model " + what + ": " + status.ToString() + ".", m_subject);
    }

    std::string m_subject;
    sentencepiece::SentencePieceProcessor m_processor;
    AddedTokens m_added;
    std::unordered_map<std::int32_t, std::string> m_addedTexts;
    std::vector<std::int32_t> m_before, m_behind;
    std::int32_t m_size = 0;
};

} // namespace

std::unique_ptr<Tokenizer> sentencePieceTokenizer(SentencePieceParts parts)
{
    return std::make_unique<SentencePieceTokenizer>(std::move(parts));
}

} // namespace halftone
