#include "core/model/describe.h"

#include "core/model/config_reader.h"
#include "core/model/model.h"

namespace halftone {

ModelDescription describeModel(const std::filesystem::path& path, bool lookForGrid)
{
    const std::shared_ptr<const Model> model = Model::open(path);
    const Checkpoint& checkpoint = model->checkpoint();
    ModelDescription out;
    out.path = path;
    out.format = "Hugging Face folder";
    if (checkpoint.kind() == Checkpoint::Kind::Gguf) {
        const Json* version = ConfigReader(checkpoint.metadata(), path.filename().string()).find("GGUF.version");
        out.format = version && version->is_number_integer() ? "GGUF v" + version->dump() : "GGUF";
    }
    out.config = model->config();
    out.linears = model->linears();
    out.sites = model->sites();
    out.parameters = model->parameters();
    out.bytes = checkpoint.totalBytes();
    if (lookForGrid)
        out.coarseGrid = detectCoarseGrid(checkpoint);
    return out;
}

} // namespace halftone
