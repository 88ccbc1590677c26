#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/text/gguf_pre_tokenizers.h"
#include "core/text/gguf_vocabulary.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <tuple>

namespace halftone {

namespace {

Json addedTokenJson(const AddedToken& token, bool withId)
{
    Json out = {{"content", token.content}, {"special", token.special},   {"normalized", token.normalized},
                {"lstrip", token.stripLeft}, {"rstrip", token.stripRight}, {"single_word", token.singleWord}};
    if (withId)
        out["id"] = token.id;
    return out;
}

Json postProcessor(const GgufTokens& tokens)
{
    if (tokens.before.empty() && tokens.behind.empty())
        return nullptr;
    Json single = Json::array(), special = Json::object();
    const auto add = [&](std::int32_t id) {
        const std::string& text = tokens.texts[static_cast<std::size_t>(id)];
        single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
        special[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
    };
    for (const std::int32_t id : tokens.before)
        add(id);
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    for (const std::int32_t id : tokens.behind)
        add(id);
    Json pair = single;
    for (Json piece : single) {
        if (piece.contains("Sequence"))
            piece["Sequence"]["id"] = "B";
        for (auto& [kind, value] : piece.items())
            value["type_id"] = 1;
        pair.push_back(std::move(piece));
    }
    return {{"type", "TemplateProcessing"}, {"single", std::move(single)}, {"pair", std::move(pair)},
            {"special_tokens", std::move(special)}};
}

Json vocabularyJson(const GgufTokens& tokens)
{
    Json out = Json::object();
    for (std::size_t id = 0; id < tokens.texts.size(); ++id)
        out[tokens.texts[id]] = id;
    return out;
}

/// Merges that rebuild each token from every two tokens it consists of, best score first; of one token, the longer left part first.
Json mergesFromScores(const GgufVocabulary& vocabulary, const Vocabulary& known)
{
    std::vector<std::tuple<float, std::int32_t, std::size_t>> merges;  // score, token, bytes of its left part
    for (std::int32_t id = 0; id < known.size(); ++id) {
        const std::string_view text = known.text(id);
        for (std::size_t cut = text.empty() ? 0 : unicode::lengthAt(text, 0); cut < text.size(); cut += unicode::lengthAt(text, cut))
            if (known.find(text.substr(0, cut)) && known.find(text.substr(cut)))
                merges.emplace_back(vocabulary.scores[static_cast<std::size_t>(id)], id, cut);
    }
    std::sort(merges.begin(), merges.end(), [](const auto& a, const auto& b) {
        return std::tuple(-std::get<0>(a), std::get<1>(a), -static_cast<std::ptrdiff_t>(std::get<2>(a)))
            < std::tuple(-std::get<0>(b), std::get<1>(b), -static_cast<std::ptrdiff_t>(std::get<2>(b)));
    });
    Json out = Json::array();
    for (const auto& [score, id, cut] : merges)
        out.push_back(Json::array({known.text(id).substr(0, cut), known.text(id).substr(cut)}));
    return out;
}

Json spmDocument(const GgufVocabulary& vocabulary, const GgufTokens& tokens)
{
    if (vocabulary.scores.size() != tokens.texts.size())
        throw Error(ErrorKind::BadFile, vocabulary.file + ": a \"llama\" vocabulary needs the scores of its tokens.", vocabulary.file);
    const std::int32_t unknown = std::max(vocabulary.unk, 0);
    Vocabulary known;
    for (std::size_t id = 0; id < tokens.texts.size(); ++id)
        known.add(tokens.texts[id], static_cast<std::int32_t>(id), vocabulary.file);
    const std::string mark(kMark);
    const bool prefix = vocabulary.addSpacePrefix.value_or(true);
    Json normalizers = Json::array(), decoders = Json::array();
    if (prefix)
        normalizers.push_back({{"type", "Prepend"}, {"prepend", mark}});
    normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}});
    decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}});
    decoders.push_back({{"type", "ByteFallback"}});
    decoders.push_back({{"type", "Fuse"}});
    if (prefix)
        decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    return {{"normalizer", {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}}},
            {"pre_tokenizer", nullptr},
            {"decoder", {{"type", "Sequence"}, {"decoders", std::move(decoders)}}},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", tokens.texts[static_cast<std::size_t>(unknown)]},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", true},
              {"byte_fallback", true},
              {"ignore_merges", false},
              {"vocab", vocabularyJson(tokens)},
              {"merges", mergesFromScores(vocabulary, known)}}}};
}

Json bpeDocument(const GgufVocabulary& vocabulary, const GgufTokens& tokens, const GgufPreTokenizer& pre)
{
    Json merges = Json::array();
    for (const std::string& merge : vocabulary.merges) {
        const std::size_t space = merge.find(' ', 1);
        if (space == std::string::npos)
            throw Error(ErrorKind::BadFile, vocabulary.file + ": the merge \"" + merge + "\" is no pair.", vocabulary.file);
        merges.push_back(Json::array({merge.substr(0, space), merge.substr(space + 1)}));
    }
    return {{"normalizer", pre.normalizer},
            {"pre_tokenizer", pre.description},
            {"decoder", pre.decoder},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", pre.byteFallback},
              {"ignore_merges", pre.ignoreMerges},
              {"vocab", vocabularyJson(tokens)},
              {"merges", std::move(merges)}}}};
}

/// All the vocabulary's words, joined in three ways: a text that meets each of them.
std::string probe(const GgufVocabulary& vocabulary)
{
    std::string spaced, joined, tripled;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        if (!vocabulary.types.empty() && vocabulary.types[id] != 1)
            continue;
        std::string text;
        const std::string& token = vocabulary.tokens[id];
        for (std::size_t at = 0; at < token.size();) {
            const bool mark = std::string_view(token).substr(at, kMark.size()) == kMark;
            text += mark ? ' ' : token[at];
            at += mark ? kMark.size() : 1;
        }
        spaced += text + " ";
        joined += text;
        tripled += text + text + text + "\n";
    }
    return spaced + "\n" + joined + "\n" + tripled;
}

/// What is written must give the ids of the vocabulary it stands for.
void requireSameIds(const GgufVocabulary& vocabulary, const GgufTokens& tokens, Json document)
{
    Json added = Json::array();  // only those that a GGUF's tokenizer looks for in a text
    for (const AddedToken& token : tokens.userDefined)
        added.push_back(addedTokenJson(token, true));
    document["added_tokens"] = std::move(added);
    const std::string text = probe(vocabulary);
    const auto ours = Tokenizer::fromGguf(vocabulary)->encode(text, true);
    const auto written = tokenizerFromJson(document, vocabulary.file)->encode(text, true);
    if (ours != written)
        throw Error(ErrorKind::Unsupported,
                    vocabulary.file + ": this vocabulary cannot be written as tokenizer.json: the ids would differ, first at token "
                        + std::to_string(std::mismatch(ours.begin(), ours.end(), written.begin(), written.end()).first - ours.begin())
                        + " of a text of all its words.",
                    vocabulary.file);
}

std::string dumped(const Json& document, int indent, const GgufVocabulary& vocabulary)
{
    try {
        return document.dump(indent) + "\n";
    } catch (const Json::exception&) {
        throw Error(ErrorKind::Unsupported, vocabulary.file + ": a token of the vocabulary is not UTF-8, which JSON cannot hold.",
                    vocabulary.file);
    }
}

} // namespace

std::vector<std::string> writeHuggingFaceTokenizer(const GgufVocabulary& vocabulary, const std::filesystem::path& folder)
{
    const bool spm = vocabulary.model == "llama";
    if (!spm && vocabulary.model != "gpt2" && vocabulary.model != "gemma4")
        throw Error(ErrorKind::Unsupported,
                    vocabulary.file + ": the tokenizer model \"" + vocabulary.model + "\" cannot be written as tokenizer.json.",
                    vocabulary.file);
    const GgufPreTokenizer pre = spm ? GgufPreTokenizer{{}, {}, {}, false, false, true, false} : ggufPreTokenizer(preTokenizerName(vocabulary), vocabulary.file);
    const GgufTokens tokens = ggufTokens(vocabulary, pre.addBos, pre.noBos);
    for (const std::string& text : tokens.texts)
        if (unicode::validPrefix(text) != text.size())
            throw Error(ErrorKind::Unsupported, vocabulary.file + ": a token of the vocabulary is not UTF-8, which JSON cannot hold.",
                        vocabulary.file);
    Json document = spm ? spmDocument(vocabulary, tokens) : bpeDocument(vocabulary, tokens, pre);
    document["version"] = "1.0";
    document["truncation"] = nullptr;
    document["padding"] = nullptr;
    document["post_processor"] = postProcessor(tokens);
    requireSameIds(vocabulary, tokens, document);

    std::vector<AddedToken> all = tokens.special;
    all.insert(all.end(), tokens.userDefined.begin(), tokens.userDefined.end());
    std::sort(all.begin(), all.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    Json added = Json::array(), decoder = Json::object();
    for (const AddedToken& token : all) {
        added.push_back(addedTokenJson(token, true));
        decoder[std::to_string(token.id)] = addedTokenJson(token, false);
    }
    document["added_tokens"] = std::move(added);

    Json special = Json::object();
    for (const auto& [role, id] : {std::pair("bos_token", vocabulary.bos), std::pair("eos_token", vocabulary.eos),
                                   std::pair("unk_token", vocabulary.unk), std::pair("pad_token", vocabulary.pad)})
        if (id >= 0)
            special[role] = tokens.texts[static_cast<std::size_t>(id)];
    Json configuration = special;
    configuration["tokenizer_class"] = "PreTrainedTokenizerFast";
    configuration["clean_up_tokenization_spaces"] = false;
    configuration["added_tokens_decoder"] = std::move(decoder);

    std::vector<std::string> names = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"};
    writeFileAtomically(folder / names[0], dumped(document, -1, vocabulary));
    writeFileAtomically(folder / names[1], dumped(configuration, 2, vocabulary));
    writeFileAtomically(folder / names[2], dumped(special, 2, vocabulary));
    if (!vocabulary.chatTemplate.empty()) {
        names.emplace_back("chat_template.jinja");
        writeFileAtomically(folder / names.back(), vocabulary.chatTemplate);
    }
    return names;
}

} // namespace halftone
