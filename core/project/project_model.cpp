#include "core/project/project_model.h"

#include "core/base/error.h"
#include "core/checkpoint/identity.h"
#include "core/model/model.h"
#include "core/project/project_impl.h"

namespace fs = std::filesystem;

namespace halftone {

namespace {

std::optional<ModelIdentity> knownIdentity(const Project& project)
{
    const std::optional<FileEntry> entry = project.impl().snapshot().modelIdentity;
    if (!entry)
        return std::nullopt;
    const std::vector<std::byte> bytes = project.impl().read(*entry);
    return ModelIdentity::parse({static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()}, (project.folder() / entry->file).string());
}

[[noreturn]] void refuse(const Project& project, const fs::path& model, const std::string& differs)
{
    throw Error(ErrorKind::BadFile,
                project.folder().string() + ": the model " + model.string() + " is not the one that this project's results were made with: " + differs
                    + ". Put the model back as it was, say with --model PATH where it lies now, or begin a new project for this one.",
                model.string());
}

/// @return what the checkpoint is made of.
ModelIdentity compare(const Project& project, const std::optional<ModelIdentity>& known, const Checkpoint& checkpoint)
{
    ModelIdentity now = identityOf(checkpoint, known ? known->version : ModelIdentity::kVersion);
    if (known)
        if (const std::string differs = whatDiffers(*known, now); !differs.empty())
            refuse(project, checkpoint.path(), differs);
    return now;
}

} // namespace

fs::path modelPathOf(const Project& project)
{
    const fs::path path = project.modelPath();
    std::error_code error;
    if (!fs::exists(path, error))
        throw Error(ErrorKind::BadFile,
                    project.folder().string() + ": its model " + path.string() + " is not there any more. Say where it is now: evaluate or export with --model PATH (it is looked "
                    "at, and remembered).",
                    path.string());
    return path;
}

std::shared_ptr<const Model> openModelOf(const Project& project)
{
    std::shared_ptr<const Model> model = Model::open(modelPathOf(project));
    requireSameModel(project, model->checkpoint());
    return model;
}

void requireSameModel(const Project& project, const Checkpoint& checkpoint)
{
    if (const std::optional<ModelIdentity> known = knownIdentity(project))
        compare(project, known, checkpoint);
}

void bindModel(Project& project, const Checkpoint& checkpoint)
{
    const std::optional<ModelIdentity> known = knownIdentity(project);
    const ModelIdentity now = compare(project, known, checkpoint);
    if (known)
        return;
    const std::string text = now.toJson();
    const FileEntry entry = project.impl().store("stats", "model", std::as_bytes(std::span(text)), ".json");
    project.impl().update([&](Manifest& manifest) { manifest.modelIdentity = entry; });
}

void moveModel(Project& project, const fs::path& model)
{
    project.impl().requireWritable();
    const std::optional<ModelIdentity> known = knownIdentity(project);
    const fs::path before = project.modelPath();
    std::error_code error;
    if (known)
        compare(project, known, *Checkpoint::open(model));
    else if (fs::exists(before, error) && !fs::equivalent(before, model, error))   // nothing tells that it is the same
        throw Error(ErrorKind::BadFile,
                    project.folder().string() + ": is the project of the model " + before.string() + ", not of " + model.string() + "; choose another project folder.",
                    project.folder().string());
    project.impl().update([&](Manifest& manifest) { manifest.place(model, project.folder()); });
}

} // namespace halftone
