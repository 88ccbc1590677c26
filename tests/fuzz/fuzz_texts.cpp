// Texts to calibrate with and to evaluate on: the same bytes as JSON lines, as a JSON table and as plain text.
#include "reader.h"

#include "core/text/text_choice.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    for (const char* name : {"t.jsonl", "t.json", "t.txt"}) {
        fuzz::put(fuzz::folder() / name, fuzz::textOf(data, size));
        fuzz::takesOrRefuses([&] { readTexts(fuzz::folder() / name); });
    }
    TextChoice chat(fuzz::folder() / "t.jsonl");
    chat.field = "turns";
    fuzz::takesOrRefuses([&] { readTexts(chat); });
    const TextChoice choice = TextChoice::parse(fuzz::textOf(data, size));
    if (!choice.empty() && TextChoice::parse(choice.line()) != choice)
        fuzz::finding("a choice of texts does not come back from its line");
    return 0;
}
