// A pattern in the dialect of tokenizer files, and a text behind it.
#include "parts.h"
#include "reader.h"

#include "core/text/regex.h"
#include "core/text/unicode.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest = fuzz::textOf(data, size);
    const std::string_view pattern = fuzz::nextPart(rest);
    const std::string text = unicode::repaired(rest);
    fuzz::takesOrRefuses([&] {
        std::size_t behind = 0;
        for (const auto& [begin, end] : Regex(pattern, "tokenizer.json").all(text, TextBudget(text.size()))) {
            if (begin < behind || end < begin || end > text.size())
                fuzz::finding("matches are out of order");
            behind = end;
        }
    });
    fuzz::takesOrRefuses([&] { Regex::literal(unicode::repaired(pattern), "tokenizer.json").search(text, 0); });
    return 0;
}
