#include "core/text/bpe.h"
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

Vocabulary readVocabulary(const Json& model, std::string_view subject)
{
    const Json& listed = fields::object(fields::member(model, "vocab"), "vocab", subject);
    if (listed.size() > kMaxTokens)
        fields::refuse(subject, "vocab", "of at most 4000000 tokens");
    Vocabulary vocabulary;
    vocabulary.reserve(listed.size());
    for (const auto& [text, id] : listed.items())
        vocabulary.add(text, fields::id(id, text, subject), subject);
    return vocabulary;
}

std::unique_ptr<const WordModel> readBpe(const Json& model, std::string_view subject)
{
    const Json& dropout = fields::member(model, "dropout");
    if (!dropout.is_null() && !(dropout.is_number() && dropout.get<double>() == 0.0))
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": BPE with dropout gives no definite ids.", std::string(subject));
    BpeParts parts;
    parts.subject = subject;
    parts.vocabulary = readVocabulary(model, subject);
    readMerges(fields::list(model, "merges", subject), parts);
    parts.unknown = optionalText(model, "unk_token", subject);
    parts.continuingPrefix = affix(model, "continuing_subword_prefix", subject);
    parts.wordSuffix = affix(model, "end_of_word_suffix", subject);
    parts.fuseUnknown = fields::flag(model, "fuse_unk", false, subject);
    parts.byteFallback = fields::flag(model, "byte_fallback", false, subject);
    parts.ignoreMerges = fields::flag(model, "ignore_merges", false, subject);
    return std::make_unique<BpeModel>(std::move(parts));
}

std::unique_ptr<const WordModel> readUnigram(const Json& model, std::string_view subject)
{
    UnigramParts parts;
    parts.subject = subject;
    const Json& listed = fields::list(model, "vocab", subject);
    if (listed.size() > kMaxTokens)
        fields::refuse(subject, "vocab", "of at most 4000000 tokens");
    parts.pieces.reserve(listed.size());
    for (const Json& piece : listed) {
        if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
            fields::refuse(subject, "vocab[" + std::to_string(parts.pieces.size()) + "]", "a token and its score");
        parts.pieces.emplace_back(piece[0].get<std::string>(), piece[1].get<double>());
    }
    if (const Json& unknown = fields::member(model, "unk_id"); !unknown.is_null())
        parts.unknown = fields::id(unknown, "unk_id", subject);
    parts.byteFallback = fields::flag(model, "byte_fallback", false, subject);
    return std::make_unique<UnigramModel>(std::move(parts));
}

std::unique_ptr<const WordModel> readWordPiece(const Json& model, std::string_view subject)
{
    const Json& longest = fields::member(model, "max_input_chars_per_word");
    if (!longest.is_number_unsigned() && !longest.is_null())
        fields::refuse(subject, "max_input_chars_per_word", "a count");
    return std::make_unique<WordPieceModel>(std::string(subject), readVocabulary(model, subject), fields::text(model, "unk_token", subject),
                                            optionalText(model, "continuing_subword_prefix", subject).value_or("##"), longest.is_null() ? 100 : longest.get<std::size_t>());
}

/// What a model that does not say its type is, by what only one type has.
std::string typeOf(const Json& model)
{
    if (model.contains("merges"))
        return "BPE";
    if (fields::member(model, "vocab").is_array())
        return "Unigram";
    return model.contains("max_input_chars_per_word") ? "WordPiece" : model.contains("unk_token") ? "WordLevel" : "without a type";
}

std::unique_ptr<const WordModel> readModel(const Json& model, std::string_view subject)
{
    fields::object(model, "model", subject);
    const std::string type = fields::member(model, "type").is_null() ? typeOf(model) : fields::text(model, "type", subject);
    if (type == "BPE")
        return readBpe(model, subject);
    if (type == "Unigram")
        return readUnigram(model, subject);
    if (type == "WordLevel")
        return std::make_unique<WordLevelModel>(std::string(subject), readVocabulary(model, subject), fields::text(model, "unk_token", subject));
    if (type == "WordPiece")
        return readWordPiece(model, subject);
    throw Error(ErrorKind::Unsupported,
                std::string(subject) + ": the tokenizer model \"" + printable(type) + "\" is not known; known are BPE, Unigram, WordLevel and WordPiece.", std::string(subject));
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
                        std::string(subject) + ": the added token \"" + printable(token.content) + "\" has id " + std::to_string(token.id) + ", but "
                            + std::to_string(*inModel) + " in the vocabulary.",
                        std::string(subject));
        if (!inModel && vocabulary.contains(token.id))
            throw Error(ErrorKind::BadFile,
                        std::string(subject) + ": the added token \"" + printable(token.content) + "\" has id " + std::to_string(token.id)
                            + ", which is that of \"" + printable(vocabulary.text(token.id)) + "\".",
                        std::string(subject));
        if (!token.content.empty())
            tokens.push_back(std::move(token));
    }
    return tokens;
}

constexpr std::size_t kMostAround = 4'096;   // each piece of a template may name all the ids of the file once more

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
            for (const Json& id : fields::list(special, "ids", subject)) {
                if (parts.before.size() + parts.behind.size() + before.size() + behind.size() >= kMostAround)
                    fields::refuse(subject, "single", "a template of at most 4096 tokens");
                (seen ? behind : before).push_back(fields::id(id, "ids", subject));
            }
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
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the post-processor \"" + printable(type) + "\" is not known.",
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
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the version " + printable(version.dump()) + " is not known; known is \"1.0\".",
                    std::string(subject));
    PipelineParts parts;
    parts.normalizer = fields::member(document, "normalizer");
    parts.preTokenizer = fields::member(document, "pre_tokenizer");
    parts.decoder = fields::member(document, "decoder");
    parts.model = readModel(fields::member(document, "model"), subject);
    parts.addedTokens = readAddedTokens(fields::member(document, "added_tokens"), parts.model->vocabulary(), subject);
    parts.subject = subject;
    readPostProcessor(fields::member(document, "post_processor"), parts, subject);
    return std::make_unique<PipelineTokenizer>(std::move(parts));
}

} // namespace halftone
