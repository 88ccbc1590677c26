#pragma once

#include "core/text/added_tokens.h"
#include "core/text/decoder.h"
#include "core/text/normalizer.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/tokenizer.h"
#include "core/text/word_models.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace halftone {

/// All of a tokenizer: added tokens → normalizer → pre-tokenizer → model → special tokens around.
struct PipelineParts {
    Json normalizer, preTokenizer, decoder;  ///< in tokenizer.json's words; null: none
    std::unique_ptr<const WordModel> model;
    std::string subject;  ///< the file, for errors
    std::vector<AddedToken> addedTokens;
    std::vector<std::int32_t> before, behind;  ///< what `special` adds
    bool longestFirst = false;                 ///< added tokens are found in llama.cpp's order
};

class PipelineTokenizer final : public Tokenizer {
public:
    explicit PipelineTokenizer(PipelineParts parts);

    std::vector<std::int32_t> encode(std::string_view text, bool special) const override;
    std::string decode(std::span<const std::int32_t> ids) const override;
    std::string tokenText(std::int32_t id) const override;
    std::int32_t size() const override { return m_size; }

private:
    void encodePart(std::string_view text, std::size_t ofFirst, const TextBudget& budget, WordCache& cache, std::vector<std::int32_t>& out) const;

    Normalizer m_normalizer;
    PreTokenizer m_preTokenizer;
    Decoder m_decoder;
    std::unique_ptr<const WordModel> m_model;
    AddedTokens m_raw, m_normalized;  ///< looked for before and after the normalizer
    std::unordered_map<std::int32_t, std::string> m_addedTexts;
    std::vector<std::int32_t> m_before, m_behind;
    bool m_longestFirst;
    std::int32_t m_size = 0;
};

/// The largest text that is tokenised at once: 1 GiB.
inline constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;
/// `text`, or `storage` with its repaired form where it is no UTF-8. @throws Error{InvalidArgument} above kMaxTextBytes.
std::string_view validText(std::string_view text, std::string& storage);

/// From a parsed tokenizer.json. @throws Error{BadFile}, Error{Unsupported} naming what is not known.
std::unique_ptr<Tokenizer> tokenizerFromJson(const Json& document, std::string_view subject);

} // namespace halftone
