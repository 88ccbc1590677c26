// What the text room makes of texts, for tokenizers.py to compare with the package tokenizers.
//
// Each line of the input is one question, each line of the output its answer, both JSON:
//     {"folder": F, "texts": […]}       → [[ids], …]           of the tokenizer in a folder
//     {"normalizer": N, "texts": […]}   → [text, …]            of a "normalizer" of tokenizer.json
//     {"regex": R, "texts": […]}        → [[[begin, end], …], …]  in bytes, without the empty ones
// Where it refuses: {"error": "…"}, in the place of the answer or of one text's.

#include "core/base/error.h"
#include "core/text/normalizer.h"
#include "core/text/regex.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>

using namespace halftone;

namespace {

using Answer = nlohmann::json;

Answer refused(const std::string& why)
{
    return {{"error", why}};
}

template <typename One>
Answer each(const Answer& question, One one)
{
    Answer answers = Answer::array();
    for (const Answer& text : question.at("texts"))
        try {
            answers.push_back(one(text.get<std::string>()));
        } catch (const Error& error) {
            answers.push_back(refused(error.what()));
        }
    return answers;
}

Answer answer(const Answer& question)
{
    if (question.contains("folder")) {
        const auto tokenizer = Tokenizer::openFolder(question.at("folder").get<std::string>());
        return each(question, [&](const std::string& text) { return Answer(tokenizer->encode(text, false)); });
    }
    if (question.contains("normalizer")) {
        const Normalizer normalizer(Json::parse(question.at("normalizer").dump()), "normalizer");
        return each(question, [&](const std::string& text) { return Answer(normalizer.apply(text, TextBudget(text.size()))); });
    }
    const Regex regex(question.at("regex").get<std::string>(), "regex");
    return each(question, [&](const std::string& text) {
        Answer found = Answer::array();
        for (const auto& [begin, end] : regex.all(text, TextBudget(text.size())))
            if (begin < end)
                found.push_back(Answer::array({begin, end}));
        return found;
    });
}

} // namespace

int main()
{
    for (std::string line; std::getline(std::cin, line);) {
        Answer said;
        try {
            said = answer(Answer::parse(line));
        } catch (const Error& error) {
            said = refused(error.what());
        }
        std::cout << said.dump(-1, ' ', true) << std::endl;
    }
    return 0;
}
