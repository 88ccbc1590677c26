// vocab.json, merges.txt and tokenizer_config.json of a folder without tokenizer.json; they stand in this order in one input.
#include "parts.h"
#include "use_tokenizer.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest = fuzz::textOf(data, size);
    for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"})
        fuzz::put(fuzz::folder() / name, fuzz::nextPart(rest));
    fuzz::takesOrRefuses([] { fuzz::use(*Tokenizer::openFolder(fuzz::folder())); });
    return 0;
}
