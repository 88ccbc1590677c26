// tokenizer.model: what stands before the SentencePiece library, and the library.
#include "use_tokenizer.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::put(fuzz::folder() / "tokenizer.model", fuzz::textOf(data, size));
    fuzz::takesOrRefuses([] { fuzz::use(*Tokenizer::openFolder(fuzz::folder())); });
    return 0;
}
