#pragma once

#include "core/base/json.h"
#include "core/text/tokenizer.h"
#include "tests/core/text/gguf_key_values.h"

#include <sstream>
#include <string>
#include <vector>

namespace halftone::test {

using Ids = std::vector<std::int32_t>;

inline std::string dataFile(const std::string& name)
{
    return std::string(HALFTONE_TEST_DATA) + "/text/" + name;
}

/// The texts of lines.bin.
inline const std::vector<std::string>& goldenLines()
{
    static const std::vector<std::string> lines = [] {
        std::vector<std::string> out;
        const std::string bytes = bytesOfFile(dataFile("lines.bin"));
        std::size_t at = 0;
        for (std::size_t end = bytes.find('\0'); end != std::string::npos; end = bytes.find('\0', at)) {
            out.push_back(bytes.substr(at, end - at));
            at = end + 1;
        }
        out.push_back(bytes.substr(at));
        return out;
    }();
    return lines;
}

/// A line of ids a text.
inline std::vector<Ids> readIds(const std::string& path)
{
    std::vector<Ids> rows;
    std::istringstream lines(bytesOfFile(path));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream numbers(line);
        rows.emplace_back();
        for (std::int32_t id = 0; numbers >> id;)
            rows.back().push_back(id);
    }
    return rows;
}

inline std::string shown(const Ids& ids)
{
    std::string out;
    for (const std::int32_t id : ids)
        out += std::to_string(id) + " ";
    return out;
}

/// The first text whose ids differ, in words; empty if all agree.
inline std::string firstDifference(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const std::vector<Ids>& expected)
{
    if (texts.size() != expected.size())
        return std::to_string(texts.size()) + " texts, but " + std::to_string(expected.size()) + " rows of ids";
    for (std::size_t i = 0; i < texts.size(); ++i)
        if (const Ids ids = tokenizer.encode(texts[i], false); ids != expected[i])
            return "text " + std::to_string(i) + " \"" + texts[i] + "\" gives " + shown(ids) + "instead of " + shown(expected[i]);
    return {};
}

/// The vocabulary of a byte-level tokenizer.json as a GGUF file would carry it.
inline GgufVocabulary asGguf(const std::string& kind, const std::string& pre)
{
    const Json document = Json::parse(bytesOfFile(dataFile(kind + "/tokenizer.json")));
    const Json& model = document["model"];
    GgufVocabulary out;
    out.file = kind + ".gguf";
    out.model = "gpt2";
    out.pre = pre;
    out.tokens.resize(model["vocab"].size());
    out.types.assign(out.tokens.size(), 1);
    for (const auto& [text, id] : model["vocab"].items())
        out.tokens[id.get<std::size_t>()] = text;
    for (const Json& merge : model["merges"])
        out.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    for (const Json& added : document["added_tokens"])
        out.types[added["id"].get<std::size_t>()] = 4;
    out.bos = 0;
    out.eos = 1;
    out.addBos = false;
    return out;
}

/// A SentencePiece vocabulary likewise.
inline GgufVocabulary spmAsGguf()
{
    GgufVocabulary out;
    out.file = "sentencepiece-bpe.gguf";
    out.model = "llama";
    for (const Json& piece : Json::parse(bytesOfFile(dataFile("sentencepiece-bpe/pieces.json")))) {
        out.tokens.push_back(piece[0]);
        out.scores.push_back(piece[1]);
        out.types.push_back(piece[2]);
    }
    out.unk = 0;
    out.bos = 1;
    out.eos = 2;
    return out;
}

} // namespace halftone::test
