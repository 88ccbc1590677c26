#include "core/model/describe.h"

#include "core/model/config_reader.h"
#include "core/model/model.h"

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
    if (lookForGrid)
        out.coarseGrid = detectCoarseGrid(checkpoint);
    return out;
}

} // namespace halftone
