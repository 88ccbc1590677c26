// What a project remembers of its model.
#include "reader.h"

#include "core/checkpoint/identity.h"

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::takesOrRefuses([&] {
        const ModelIdentity identity = ModelIdentity::parse(fuzz::textOf(data, size), "model.json");
        if (ModelIdentity::parse(identity.toJson(), "model.json").parts != identity.parts)
            fuzz::finding("an identity does not come back from its JSON");
        identity.digest();
        whatDiffers(identity, {});
        whatDiffers({}, identity);
    });
    return 0;
}
