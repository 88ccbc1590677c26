#include "core/text/sentencepiece_tokenizer.h"

#include "core/base/error.h"
#include "core/text/decoder.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/unicode.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <unordered_map>

namespace halftone {

namespace {

class SentencePieceTokenizer final : public Tokenizer {
public:
    explicit SentencePieceTokenizer(SentencePieceParts parts)
        : m_subject(std::move(parts.subject))
    {
        check(m_processor.LoadFromSerializedProto(parts.model), "does not load");
        m_size = m_processor.GetPieceSize();
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
