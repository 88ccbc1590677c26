// A GGUF file: key-values, tensor list, and every tensor, decoded.
#include "read_checkpoint.h"
#include "reader.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::put(fuzz::folder() / "model.gguf", fuzz::textOf(data, size));
    fuzz::takesOrRefuses([] { fuzz::readAll(*Checkpoint::open(fuzz::folder() / "model.gguf")); });
    return 0;
}
