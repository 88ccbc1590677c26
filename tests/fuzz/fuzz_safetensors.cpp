// model.safetensors of a Hugging Face folder: the header, and every tensor that it then claims to hold.
#include "read_checkpoint.h"
#include "reader.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool made = [] {
        fuzz::put(fuzz::folder() / "config.json", "{}");
        return true;
    }();
    static_cast<void>(made);
    fuzz::put(fuzz::folder() / "model.safetensors", fuzz::textOf(data, size));
    fuzz::takesOrRefuses([] { fuzz::readAll(*Checkpoint::open(fuzz::folder())); });
    return 0;
}
