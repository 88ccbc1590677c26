#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// A vocabulary as a GGUF file carries it; filled by the model floor from the key-values.
struct GgufVocabulary {
    std::string file;                 ///< for errors
    std::string name;                 ///< general.name; some token attributes hang on it (Phi-3)
    std::string model;                ///< tokenizer.ggml.model: "gpt2", "llama", …
    std::string pre;                  ///< tokenizer.ggml.pre; empty when absent
    std::vector<std::string> tokens;
    std::vector<float> scores;        ///< may be empty
    std::vector<std::int32_t> types;  ///< 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
    std::vector<std::string> merges;  ///< "a b"
    std::int32_t bos = -1, eos = -1, unk = -1, pad = -1;
    std::optional<bool> addBos, addEos, addSpacePrefix;  ///< empty where the file is silent: the default of model and pre then holds
    std::string chatTemplate;
};

/// Text ↔ token ids, token-exact against the reference of each vocabulary: Hugging Face tokenizers for folders, llama.cpp for GGUF.
/// In a folder's tokenizer, special tokens written in the text are recognised, as Hugging Face does; in a GGUF's, only user-defined
/// tokens are, as llama.cpp does by default. Bytes that are not UTF-8 count as U+FFFD, one per maximal broken part, as Python's
/// bytes.decode("utf-8", "replace") gives. Immutable and thread-safe after construction.
class Tokenizer {
public:
    virtual ~Tokenizer() = default;

    /// From a Hugging Face folder: tokenizer.json, else tokenizer.model (SentencePiece), else vocab.json + merges.txt.
    /// @throws Error{BadFile} when there is none or it is broken; Error{Unsupported} naming a pre-tokenizer that is not known.
    static std::unique_ptr<Tokenizer> openFolder(const std::filesystem::path& folder);
    /// @throws Error{Unsupported} naming an unknown model or pre-tokenizer; never a guess.
    static std::unique_ptr<Tokenizer> fromGguf(const GgufVocabulary& vocabulary);

    /// Any bytes, also invalid UTF-8. `special` adds BOS/EOS as the tokenizer's own settings say.
    virtual std::vector<std::int32_t> encode(std::string_view text, bool special) const = 0;
    virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
    /// The piece as readable text (bytes decoded), for views.
    virtual std::string tokenText(std::int32_t id) const = 0;
    virtual std::int32_t size() const = 0;
};

/// Hugging Face files for a vocabulary that came in a GGUF: tokenizer.json, tokenizer_config.json, special_tokens_map.json,
/// chat_template.jinja. @return names of the files written. @throws Error{Unsupported} where the model cannot be expressed.
std::vector<std::string> writeHuggingFaceTokenizer(const GgufVocabulary& vocabulary, const std::filesystem::path& folder);

} // namespace halftone
