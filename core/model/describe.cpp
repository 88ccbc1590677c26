#include "core/model/describe.h"

#include "core/model/config_reader.h"
#include "core/model/model.h"
#include "core/text/tokenizer_class.h"

#include <unordered_set>

namespace halftone {

namespace {

bool hasTokenizer(const std::filesystem::path& folder)
{
    std::error_code error;
    for (const char* name : {"tokenizer.json", "tokenizer.model", "vocab.json"})
        if (std::filesystem::symlink_status(folder / name, error).type() != std::filesystem::file_type::not_found)
            return true;
    return false;
}

} // namespace

ModelDescription describeModel(const std::filesystem::path& path, bool lookForGrid)
{
    const std::shared_ptr<const Model> model = Model::open(path);
    ModelDescription out = model->describe(lookForGrid);
    out.path = path;
    if (model->checkpoint().kind() == Checkpoint::Kind::HuggingFace && !hasTokenizer(model->checkpoint().path()))
        out.notes.push_back(model->checkpoint().path().string() + " holds no tokenizer (tokenizer.json, tokenizer.model or vocab.json): the model can be looked at, but no text can be "
                            "cut into tokens for it, so nothing can be analyzed, calibrated or evaluated.");
    else if (model->checkpoint().kind() == Checkpoint::Kind::HuggingFace)
        if (std::string note = noteOnTokenizerClass(model->checkpoint().path()); !note.empty())
            out.notes.push_back(std::move(note));
    return out;
}

ModelDescription Model::describe(bool lookForGrid) const
{
    const Checkpoint& checkpoint = this->checkpoint();
    ModelDescription out;
    out.path = checkpoint.path();
    out.format = "Hugging Face folder";
    if (checkpoint.kind() == Checkpoint::Kind::Gguf) {
        const Json* version = ConfigReader(checkpoint.metadata(), out.path.string()).find("GGUF.version");
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
    out.notes = notes();
    if (lookForGrid)
        out.coarseGrid = detectCoarseGrid(checkpoint);
    return out;
}

} // namespace halftone
