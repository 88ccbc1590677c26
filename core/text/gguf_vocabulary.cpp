#include "core/text/gguf_vocabulary.h"

#include "core/base/error.h"
#include "core/text/bpe.h"
#include "core/text/gguf_pre_tokenizers.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace halftone {

namespace {

enum TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

/// Texts that llama.cpp takes for control tokens whatever the file says: ends of generation and fill-in-the-middle marks.
bool looksLikeControl(std::string_view text)
{
    static constexpr std::array kTexts = std::to_array<std::string_view>({
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>",
        "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>", "[e~[",
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>",
        "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>",
        "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>",
        "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>",
        "<|file_sep|>",
    });
    return std::find(kTexts.begin(), kTexts.end(), text) != kTexts.end();
}

/// GPT-OSS marks that llama.cpp always shows.
bool looksUserDefined(std::string_view text)
{
    return text == "<|channel|>" || text == "<|message|>" || text == "<|start|>" || text == "<|constrain|>";
}

bool isPhi3(const GgufVocabulary& vocabulary)
{
    std::string name = vocabulary.name;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
}

[[noreturn]] void refuse(const GgufVocabulary& vocabulary, const std::string& what)
{
    throw Error(ErrorKind::BadFile, vocabulary.file + ": " + what, vocabulary.file);
}

} // namespace

GgufTokens ggufTokens(const GgufVocabulary& vocabulary, bool addBosByDefault, bool noBos)
{
    const auto count = static_cast<std::int32_t>(vocabulary.tokens.size());
    if (vocabulary.tokens.empty() || vocabulary.tokens.size() >= (1u << 24))
        refuse(vocabulary, "the vocabulary has " + std::to_string(vocabulary.tokens.size()) + " tokens; 1…16777215 are allowed.");
    for (const auto& [name, size] : {std::pair("scores", vocabulary.scores.size()), std::pair("token types", vocabulary.types.size())})
        if (size != 0 && size != vocabulary.tokens.size())
            refuse(vocabulary, "there are " + std::to_string(size) + " " + name + " for " + std::to_string(count) + " tokens.");
    for (const auto& [name, id] : {std::pair("BOS", vocabulary.bos), std::pair("EOS", vocabulary.eos), std::pair("unknown", vocabulary.unk),
                                   std::pair("padding", vocabulary.pad)})
        if (id < -1 || id >= count)
            refuse(vocabulary, std::string("the ") + name + " token has id " + std::to_string(id) + " of " + std::to_string(count) + ".");
    GgufTokens out;
    out.texts = vocabulary.tokens;
    const bool phi3 = isPhi3(vocabulary);
    for (std::int32_t id = 0; id < count; ++id) {
        std::string& text = out.texts[static_cast<std::size_t>(id)];
        if (text.empty())
            text = "[EMPTY_" + std::to_string(id) + "]";
        const std::int32_t type = vocabulary.types.empty() ? kNormal : vocabulary.types[static_cast<std::size_t>(id)];
        const bool user = looksUserDefined(text) || (type == kUserDefined && !looksLikeControl(text));
        if (!user && type != kControl && type != kUnknown && !looksLikeControl(text))
            continue;
        AddedToken token;
        token.content = text;
        token.id = id;
        token.special = !user;
        token.stripRight = phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
        (user ? out.userDefined : out.special).push_back(std::move(token));
    }
    if (vocabulary.addBos.value_or(addBosByDefault) && !noBos) {
        if (vocabulary.bos < 0)
            refuse(vocabulary, "a BOS token is to be added, but none is named.");
        out.before.push_back(vocabulary.bos);
    }
    if (vocabulary.addEos.value_or(false)) {
        if (vocabulary.eos < 0)
            refuse(vocabulary, "an EOS token is to be added, but none is named.");
        out.behind.push_back(vocabulary.eos);
    }
    return out;
}

std::string_view preTokenizerName(const GgufVocabulary& vocabulary)
{
    return vocabulary.model == "gemma4" ? std::string_view(vocabulary.model) : vocabulary.pre;
}

PipelineParts ggufPipeline(const GgufVocabulary& vocabulary)
{
    const GgufPreTokenizer pre = ggufPreTokenizer(preTokenizerName(vocabulary), vocabulary.file);
    GgufTokens tokens = ggufTokens(vocabulary, pre.addBos, pre.noBos);
    if (vocabulary.merges.empty())
        refuse(vocabulary, "the vocabulary has no merges.");
    BpeParts model;
    model.subject = vocabulary.file;
    model.ignoreMerges = pre.ignoreMerges;
    model.asLlamaCpp = true;
    model.byteFallback = pre.byteFallback;
    model.wholeLineFeeds = pre.byteFallback;
    model.vocabulary.reserve(tokens.texts.size());
    for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
        if (unicode::validPrefix(tokens.texts[id]) != tokens.texts[id].size())
            refuse(vocabulary, "the text of token " + std::to_string(id) + " is not UTF-8.");
        model.vocabulary.add(std::move(tokens.texts[id]), static_cast<std::int32_t>(id), vocabulary.file);
    }
    model.merges.reserve(vocabulary.merges.size());
    for (const std::string& merge : vocabulary.merges) {
        const std::size_t space = merge.find(' ', 1);
        if (space == std::string::npos)
            refuse(vocabulary, "the merge \"" + printable(merge) + "\" is no pair.");
        model.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    }
    PipelineParts parts;
    parts.subject = vocabulary.file;
    parts.normalizer = pre.normalizer;
    parts.preTokenizer = pre.description;
    parts.decoder = pre.decoder;
    parts.model = std::make_unique<BpeModel>(std::move(model));
    parts.addedTokens = std::move(tokens.userDefined);
    parts.before = std::move(tokens.before);
    parts.behind = std::move(tokens.behind);
    parts.longestFirst = true;
    return parts;
}

std::unique_ptr<Tokenizer> Tokenizer::fromGguf(const GgufVocabulary& vocabulary)
{
    if (vocabulary.model == "gpt2" || vocabulary.model == "gemma4")
        return std::make_unique<PipelineTokenizer>(ggufPipeline(vocabulary));
    if (vocabulary.model == "llama")
        return spmTokenizer(vocabulary);
    throw Error(ErrorKind::Unsupported,
                vocabulary.file + ": the tokenizer model \"" + printable(vocabulary.model) + "\" is not known; known are \"gpt2\", \"llama\" and \"gemma4\".",
                vocabulary.file);
}

} // namespace halftone
