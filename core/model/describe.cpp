#include "core/model/describe.h"

#include "core/model/config_reader.h"
#include "core/model/model.h"

#include <unordered_set>

namespace halftone {

ModelDescription describeModel(const std::filesystem::path& path, bool lookForGrid)
{
    ModelDescription out = Model::open(path)->describe(lookForGrid);
    out.path = path;
    return out;
}

ModelDescription Model::describe(bool lookForGrid) const
{
    const Checkpoint& checkpoint = this->checkpoint();
    ModelDescription out;
    out.path = checkpoint.path();
    out.format = "Hugging Face folder";
    if (checkpoint.kind() == Checkpoint::Kind::Gguf) {
        const Json* version = ConfigReader(checkpoint.metadata(), out.path.filename().string()).find("GGUF.version");
        out.format = version && version->is_number_integer() ? "GGUF v" + version->dump() : "GGUF";
    }
    out.config = config();
    out.linears = linears();
    out.sites = sites();
    out.parameters = parameters();
    out.bytes = checkpoint.totalBytes();
    std::unordered_set<std::string> weights;
    for (const LinearInfo& linear : out.linears)
        weights.insert(linear.name + ".weight");
    for (NamedShape& tensor : tensors())
        if (!weights.contains(tensor.name))
            out.others.push_back({std::move(tensor.name), std::move(tensor.shape), std::string(halftone::name(tensor.stored))});
    if (lookForGrid)
        out.coarseGrid = detectCoarseGrid(checkpoint);
    return out;
}

} // namespace halftone
