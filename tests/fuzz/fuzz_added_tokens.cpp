// Added tokens, each a byte of switches and its text, and a last part that they are cut out of.
#include "parts.h"
#include "reader.h"

#include "core/text/added_tokens.h"
#include "core/text/unicode.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest = fuzz::textOf(data, size);
    std::vector<AddedToken> tokens;
    std::vector<std::string> patterns;
    while (rest.find('\x1e') != std::string_view::npos) {
        std::string_view part = fuzz::nextPart(rest);
        const unsigned switches = part.empty() ? 0u : static_cast<unsigned char>(part.front());
        part.remove_prefix(part.empty() ? 0 : 1);
        AddedToken token;
        token.content = unicode::repaired(part);
        token.id = static_cast<std::int32_t>(tokens.size());
        token.special = (switches & 1u) != 0;
        token.normalized = (switches & 2u) != 0;
        token.stripLeft = (switches & 4u) != 0;
        token.stripRight = (switches & 8u) != 0;
        token.singleWord = (switches & 16u) != 0;
        patterns.push_back(token.content);
        tokens.push_back(std::move(token));
    }
    const std::string text = unicode::repaired(rest);
    fuzz::takesOrRefuses([&] {
        const AddedTokens added(tokens, patterns, "tokenizer.json");
        const TextBudget budget(text.size());
        for (const Segment& segment : added.split(text, budget))   // may take white space twice, as the reference does
            if (segment.end <= segment.begin || segment.end > text.size())
                fuzz::finding("a segment is no part of the text");
        std::size_t behind = 0;
        for (const Segment& segment : added.splitLongestFirst(text, budget)) {
            if (segment.begin < behind || segment.end < segment.begin || segment.end > text.size())
                fuzz::finding("segments are out of order");
            behind = segment.end;
        }
    });
    return 0;
}
