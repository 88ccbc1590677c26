#include "core/text/json_fields.h"
#include "core/text/pipeline_tokenizer.h"

#include <algorithm>

namespace halftone {

namespace {

constexpr std::size_t kMaxTokens = 4'000'000;

std::optional<std::string> optionalText(const Json& object, const char* key, std::string_view subject)
{
    return fields::member(object, key).is_null() ? std::nullopt : std::optional(fields::text(object, key, subject));
}

std::optional<std::string> affix(const Json& object, const char* key, std::string_view subject)
{
    auto text = optionalText(object, key, subject);
    return text && text->empty() ? std::nullopt : text;
}

void readMerges(const Json& list, BpeParts& parts)
{
    parts.merges.reserve(list.size());
    for (const Json& merge : list) {
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            parts.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
            continue;
        }
        const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
        const std::size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
            fields::refuse(parts.subject, "merges[" + std::to_string(parts.merges.size()) + "]", "a pair of tokens");
        parts.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
}

BpeParts readModel(const Json& model, std::string_view subject)
{
    fields::object(model, "model", subject);
    const bool typed = !fields::member(model, "type").is_null();
    const std::string type = typed ? fields::text(model, "type", subject) : model.contains("merges") ? "BPE" : "without a type";
    if (type != "BPE")
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the tokenizer model \"" + type + "\" is not known; known is BPE.",
                    std::string(subject));
    const Json& dropout = fields::member(model, "dropout");
    if (!dropout.is_null() && !(dropout.is_number() && dropout.get<double>() == 0.0))
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": BPE with dropout gives no definite ids.", std::string(subject));
    BpeParts parts;
    parts.subject = subject;
    const Json& vocabulary = fields::object(fields::member(model, "vocab"), "vocab", subject);
    if (vocabulary.size() > kMaxTokens)
        fields::refuse(subject, "vocab", "of at most 4000000 tokens");
    parts.vocabulary.reserve(vocabulary.size());
    for (const auto& [text, id] : vocabulary.items())
        parts.vocabulary.add(text, fields::id(id, text, subject), subject);
    readMerges(fields::list(model, "merges", subject), parts);
    parts.unknown = optionalText(model, "unk_token", subject);
    parts.continuingPrefix = affix(model, "continuing_subword_prefix", subject);
    parts.wordSuffix = affix(model, "end_of_word_suffix", subject);
    parts.fuseUnknown = fields::flag(model, "fuse_unk", false, subject);
    parts.byteFallback = fields::flag(model, "byte_fallback", false, subject);
    parts.ignoreMerges = fields::flag(model, "ignore_merges", false, subject);
    return parts;
}

std::vector<AddedToken> readAddedTokens(const Json& list, const Vocabulary& vocabulary, std::string_view subject)
{
    std::vector<AddedToken> tokens;
    if (list.is_null())
        return tokens;
    if (!list.is_array() || list.size() > kMaxTokens)
        fields::refuse(subject, "added_tokens", "a list");
    for (const Json& entry : list) {
        AddedToken token;
        token.content = fields::text(entry, "content", subject);
        token.id = fields::id(fields::member(entry, "id"), "id", subject);
        token.special = fields::flag(entry, "special", false, subject);
        token.normalized = fields::flag(entry, "normalized", !token.special, subject);
        token.stripLeft = fields::flag(entry, "lstrip", false, subject);
        token.stripRight = fields::flag(entry, "rstrip", false, subject);
        token.singleWord = fields::flag(entry, "single_word", false, subject);
        const auto inModel = vocabulary.find(token.content);
        if (inModel && *inModel != token.id)
            throw Error(ErrorKind::BadFile,
                        std::string(subject) + ": the added token \"" + token.content + "\" has id " + std::to_string(token.id) + ", but "
                            + std::to_string(*inModel) + " in the vocabulary.",
                        std::string(subject));
        if (!inModel && vocabulary.contains(token.id))
            throw Error(ErrorKind::BadFile,
                        std::string(subject) + ": the added token \"" + token.content + "\" has id " + std::to_string(token.id)
                            + ", which is that of \"" + vocabulary.text(token.id) + "\".",
                        std::string(subject));
        if (!token.content.empty())
            tokens.push_back(std::move(token));
    }
    return tokens;
}

/// The ids that the post-processor puts before and behind one sequence.
void readPostProcessor(const Json& description, PipelineParts& parts, std::string_view subject, int depth = 0)
{
    if (description.is_null())
        return;
    fields::object(description, "post_processor", subject);
    const std::string type = fields::text(description, "type", subject);
    if (type == "ByteLevel")
        return;  // it only trims offsets
    if (type == "Sequence" && depth < 8) {
        for (const Json& step : fields::list(description, "processors", subject))
            readPostProcessor(step, parts, subject, depth + 1);
        return;
    }
    std::vector<std::int32_t> before, behind;
    if (type == "TemplateProcessing") {
        bool seen = false;
        for (const Json& piece : fields::list(description, "single", subject)) {
            if (piece.is_object() && piece.contains("Sequence")) {
                seen = true;
                continue;
            }
            const std::string name = fields::text(fields::member(piece, "SpecialToken"), "id", subject);
            const Json& special = fields::member(fields::member(description, "special_tokens"), name.c_str());
            for (const Json& id : fields::list(special, "ids", subject))
                (seen ? behind : before).push_back(fields::id(id, "ids", subject));
        }
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
        const auto idOf = [&](const char* key) {
            const Json& pair = fields::list(description, key, subject);
            if (pair.size() != 2)
                fields::refuse(subject, key, "a token and its id");
            return fields::id(pair[1], key, subject);
        };
        before.push_back(idOf("cls"));
        behind.push_back(idOf("sep"));
    } else {
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the post-processor \"" + type + "\" is not known.",
                    std::string(subject));
    }
    parts.before.insert(parts.before.begin(), before.begin(), before.end());
    parts.behind.insert(parts.behind.end(), behind.begin(), behind.end());
}

} // namespace

std::unique_ptr<Tokenizer> tokenizerFromJson(const Json& document, std::string_view subject)
{
    fields::object(document, "the document", subject);
    const Json& version = fields::member(document, "version");
    if (!version.is_null() && version != "1.0")
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the version " + version.dump() + " is not known; known is \"1.0\".",
                    std::string(subject));
    PipelineParts parts;
    parts.normalizer = fields::member(document, "normalizer");
    parts.preTokenizer = fields::member(document, "pre_tokenizer");
    parts.decoder = fields::member(document, "decoder");
    parts.model = readModel(fields::member(document, "model"), subject);
    parts.addedTokens = readAddedTokens(fields::member(document, "added_tokens"), parts.model.vocabulary, subject);
    readPostProcessor(fields::member(document, "post_processor"), parts, subject);
    return std::make_unique<PipelineTokenizer>(std::move(parts));
}

} // namespace halftone
