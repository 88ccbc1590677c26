#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/bpe.h"
#include "core/text/json_fields.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/sentencepiece_tokenizer.h"
#include "core/text/tokenizer_class.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace halftone {

namespace {

namespace fs = std::filesystem;

constexpr JsonLimits kTokenizerLimits{256u << 20, 64, 8'000'000};

Json optionalJson(const fs::path& folder, const char* name)
{
    return isThere(folder / name) ? readJsonFile(fileInside(folder, name), {.python = true}) : Json::object();
}

/// The small files beside a vocabulary that name its special tokens.
struct Configuration {
    Json tokenizer, specialTokens, addedTokens, model;
    std::string subject;

    explicit Configuration(const fs::path& folder)
        : tokenizer(optionalJson(folder, "tokenizer_config.json"))
        , specialTokens(optionalJson(folder, "special_tokens_map.json"))
        , addedTokens(optionalJson(folder, "added_tokens.json"))
        , model(optionalJson(folder, "config.json"))
        , subject((folder / "tokenizer_config.json").string())
    {
    }

    /// The token in the role "bos_token" and the like; empty where none is named.
    std::string role(const char* key) const
    {
        for (const Json* source : {&tokenizer, &specialTokens}) {
            const Json& value = fields::member(*source, key);
            if (value.is_string())
                return value.get<std::string>();
            if (value.is_object())
                return fields::text(value, "content", subject);
        }
        return {};
    }

    /// Whether a role is written at all, be it as null.
    bool names(const char* key) const { return tokenizer.contains(key) || specialTokens.contains(key); }

    /// All tokens that the files add or call special; id -1 where they give none.
    std::vector<AddedToken> tokens() const
    {
        std::vector<AddedToken> out;
        const auto add = [&](AddedToken token) {
            const auto same = [&](const AddedToken& t) { return t.content == token.content; };
            if (!token.content.empty() && std::none_of(out.begin(), out.end(), same))
                out.push_back(std::move(token));
        };
        if (const Json& listed = fields::member(tokenizer, "added_tokens_decoder"); listed.is_object())
            for (const auto& [key, entry] : listed.items()) {
                AddedToken token;
                token.content = fields::text(entry, "content", subject);
                const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
                if (error != std::errc() || end != key.data() + key.size() || token.id < 0 || token.id >= (1 << 24))
                    fields::refuse(subject, "added_tokens_decoder." + key, "named by a token id");
                token.special = fields::flag(entry, "special", false, subject);
                token.normalized = fields::flag(entry, "normalized", !token.special, subject);
                token.stripLeft = fields::flag(entry, "lstrip", false, subject);
                token.stripRight = fields::flag(entry, "rstrip", false, subject);
                token.singleWord = fields::flag(entry, "single_word", false, subject);
                add(std::move(token));
            }
        if (addedTokens.is_object())
            for (const auto& [content, id] : addedTokens.items()) {
                AddedToken token;
                token.content = content;
                token.id = fields::id(id, content, subject);
                add(std::move(token));
            }
        const auto addSpecial = [&](const std::string& content) {
            AddedToken token;
            token.content = content;
            token.id = -1;
            token.special = true;
            add(std::move(token));
        };
        for (const char* key : {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"})
            addSpecial(role(key));
        for (const Json* source : {&tokenizer, &specialTokens})
            if (const Json& more = fields::member(*source, "additional_special_tokens"); more.is_array())
                for (const Json& token : more)
                    addSpecial(token.is_string() ? token.get<std::string>() : fields::text(token, "content", subject));
        return out;
    }
};

std::unique_ptr<Tokenizer> openSentencePiece(const fs::path& folder)
{
    const Configuration configuration(folder);
    SentencePieceParts parts;
    parts.subject = (folder / "tokenizer.model").string();
    parts.model = readTextFile(fileInside(folder, "tokenizer.model"), 256u << 20);
    parts.addedTokens = configuration.tokens();
    parts.addBos = fields::flag(configuration.tokenizer, "add_bos_token", true, configuration.subject);
    parts.addEos = fields::flag(configuration.tokenizer, "add_eos_token", false, configuration.subject);
    if (!fields::flag(configuration.tokenizer, "legacy", true, configuration.subject))
        throw Error(ErrorKind::Unsupported,
                    parts.subject + ": with \"legacy\": false the spaces behind special tokens follow rules that only tokenizer.json "
                                    "spells out; save the tokenizer as tokenizer.json.",
                    parts.subject);
    return sentencePieceTokenizer(std::move(parts));
}

constexpr const char* kQwen2 = R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)re"
                               R"re(|\s+(?!\S)|\s+)re";

bool holdsPattern(const Json& preTokenizer, std::string_view pattern)
{
    if (const Json& list = fields::member(preTokenizer, "pretokenizers"); list.is_array())
        return std::any_of(list.begin(), list.end(), [&](const Json& one) { return !one.contains("pretokenizers") && holdsPattern(one, pattern); });
    return fields::member(fields::member(preTokenizer, "pattern"), "Regex") == pattern;
}

std::unique_ptr<Tokenizer> openVocabularyAndMerges(const fs::path& folder)
{
    const Configuration configuration(folder);
    const std::string subject = (folder / "vocab.json").string();
    const auto textOr = [&](const Json& value, const char* key) {
        return fields::member(value, key).is_string() ? fields::text(value, key, configuration.subject) : std::string();
    };
    const std::string kind = textOr(configuration.tokenizer, "tokenizer_class");
    const std::string architecture = textOr(configuration.model, "model_type");
    const auto is = [&](std::initializer_list<const char*> classes, std::initializer_list<const char*> architectures) {
        const bool byClass = std::any_of(classes.begin(), classes.end(), [&](const char* c) { return kind == c; });
        const bool byModel = std::any_of(architectures.begin(), architectures.end(), [&](const char* m) { return architecture == m; });
        return kind.empty() ? byModel : byClass;
    };
    const bool gpt2 = is({"GPT2Tokenizer", "GPT2TokenizerFast"}, {"gpt2", "opt"});
    const bool qwen2 = is({"Qwen2Tokenizer", "Qwen2TokenizerFast"}, {"qwen2", "qwen3"});
    if (!gpt2 && !qwen2)
        throw Error(ErrorKind::Unsupported,
                    subject + ": the pre-tokenizer of tokenizer class \"" + kind + "\", model type \"" + architecture
                        + "\" is not known; save the tokenizer as tokenizer.json.",
                    subject);
    const bool prefixSpace = fields::flag(configuration.tokenizer, "add_prefix_space", false, configuration.subject);
    PipelineParts parts;
    parts.decoder = {{"type", "ByteLevel"}};
    const auto byteLevel = [&](bool regex) {
        return Json{{"type", "ByteLevel"}, {"add_prefix_space", prefixSpace}, {"trim_offsets", true}, {"use_regex", regex}};
    };
    if (gpt2) {
        parts.preTokenizer = byteLevel(true);
    } else {
        parts.normalizer = {{"type", "NFC"}};
        const Json split = {{"type", "Split"}, {"pattern", {{"Regex", kQwen2}}}, {"behavior", "Isolated"}, {"invert", false}};
        parts.preTokenizer = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byteLevel(false)})}};
    }
    BpeParts model;
    parts.subject = model.subject = subject;
    const Json vocabulary = readJsonFile(fileInside(folder, "vocab.json"), kTokenizerLimits);
    fields::object(vocabulary, "the document", subject);
    for (const auto& [text, id] : vocabulary.items())
        model.vocabulary.add(text, fields::id(id, text, subject), subject);
    const std::string merges = readTextFile(fileInside(folder, "merges.txt"), 256u << 20);
    for (std::size_t at = 0, line = 1; at < merges.size(); ++line) {
        const std::size_t end = std::min(merges.find('\n', at), merges.size());
        std::string_view text = std::string_view(merges).substr(at, end - at);
        at = end + 1;
        if (text.ends_with('\r'))
            text.remove_suffix(1);
        if (text.empty() || text.starts_with("#version"))
            continue;
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
            throw Error(ErrorKind::BadFile, (folder / "merges.txt").string() + ": line " + std::to_string(line) + " is no pair of tokens.",
                        subject);
        model.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
    // What the classes use where the files name nothing.
    std::vector<AddedToken> tokens = configuration.tokens();
    for (const char* key : {"bos_token", "eos_token", "unk_token"})
        if (!configuration.names(key) && !(qwen2 && key[0] == 'b')) {
            AddedToken token;
            token.content = "<|endoftext|>";
            token.id = -1;
            token.special = true;
            if (std::none_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == token.content; }))
                tokens.push_back(token);
        }
    std::int32_t next = model.vocabulary.size();
    for (const AddedToken& token : tokens)
        next = std::max(next, token.id + 1);
    for (AddedToken& token : tokens) {
        const auto known = model.vocabulary.find(token.content);
        if (known)
            token.id = *known;
        else if (token.id < 0)
            token.id = next++;
    }
    if (gpt2 && fields::flag(configuration.tokenizer, "add_bos_token", false, configuration.subject)) {
        std::string bos = configuration.role("bos_token");
        if (bos.empty())
            bos = "<|endoftext|>";
        for (const AddedToken& token : tokens)
            if (token.content == bos)
                parts.before.push_back(token.id);
    }
    parts.model = std::make_unique<BpeModel>(std::move(model));
    parts.addedTokens = std::move(tokens);
    return std::make_unique<PipelineTokenizer>(std::move(parts));
}

} // namespace

std::unique_ptr<Tokenizer> Tokenizer::openFolder(const fs::path& folder)
{
    if (isThere(folder / "tokenizer.json"))
        return tokenizerFromJson(readJsonFile(fileInside(folder, "tokenizer.json"), kTokenizerLimits), (folder / "tokenizer.json").string());
    if (isThere(folder / "tokenizer.model"))
        return openSentencePiece(folder);
    if (isThere(folder / "vocab.json") && isThere(folder / "merges.txt"))
        return openVocabularyAndMerges(folder);
    throw Error(ErrorKind::BadFile,
                folder.string() + ": the folder has no tokenizer (tokenizer.json, tokenizer.model, or vocab.json with merges.txt).",
                folder.string());
}

std::string noteOnTokenizerClass(const fs::path& folder)
{
    try {
        if (!isThere(folder / "tokenizer.json"))
            return {};
        const Configuration configuration(folder);
        const Json& named = fields::member(configuration.tokenizer, "tokenizer_class");
        const Json& type = fields::member(configuration.model, "model_type");
        // As AutoTokenizer of transformers 5 chooses: for qwen2 whatever is named, for qwen3 where nothing is.
        if (type != "qwen2" && named != "Qwen2Tokenizer" && named != "Qwen2TokenizerFast" && !(type == "qwen3" && named.is_null()))
            return {};
        if (holdsPattern(fields::member(readJsonFile(fileInside(folder, "tokenizer.json"), kTokenizerLimits), "pre_tokenizer"), kQwen2))
            return {};
    } catch (const Error&) {
        return {};   // told where the tokenizer is opened
    }
    return (folder / "tokenizer.json").string()
        + " cuts text by another rule than Qwen2's. It is followed here, but transformers' AutoTokenizer takes Qwen2's own for this model, so its tokens and "
          "figures may differ; PreTrainedTokenizerFast(tokenizer_file=...) follows the file.";
}

} // namespace halftone
