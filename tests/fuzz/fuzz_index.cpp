// model.safetensors.index.json beside two good shards.
#include "read_checkpoint.h"
#include "reader.h"

using namespace halftone;

namespace {

/// One tensor of one float.
std::string shard(const std::string& tensor)
{
    const std::string header = R"({")" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return bytes + header + std::string(4, '\1');
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const bool made = [] {
        fuzz::put(fuzz::folder() / "config.json", "{}");
        fuzz::put(fuzz::folder() / "m-1.safetensors", shard("a"));
        fuzz::put(fuzz::folder() / "m-2.safetensors", shard("b"));
        return true;
    }();
    static_cast<void>(made);
    fuzz::put(fuzz::folder() / "model.safetensors.index.json", fuzz::textOf(data, size));
    fuzz::takesOrRefuses([] { fuzz::readAll(*Checkpoint::open(fuzz::folder())); });
    return 0;
}
