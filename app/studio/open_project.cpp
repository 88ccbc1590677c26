#include "app/studio/open_project.h"

#include "app/studio/text.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/base/sha256.h"
#include "core/project/project_model.h"

#include <QCoreApplication>

namespace halftone {

namespace fs = std::filesystem;

fs::path projectFolderFor(const fs::path& model, const fs::path& root)
{
    std::error_code ignored;
    fs::path canonical = fs::weakly_canonical(model, ignored);
    if (ignored)
        canonical = fs::absolute(model);
    if (!canonical.has_filename())
        canonical = canonical.parent_path();
    const std::string name = canonical.extension() == ".gguf" ? canonical.stem().string() : canonical.filename().string();
    return root / (name + "-" + sha256(canonical.string()).substr(0, 8) + ".halftone");
}

namespace {

/// What was made with another model can still be looked at; jobs refuse.
void noteAChangedModel(OpenedProject& opened)
{
    try {
        requireSameModel(*opened.project, *Checkpoint::open(opened.model.path));
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile)
            throw;
        opened.changed = toQString(withoutRules(e.what()));
    }
}

} // namespace

OpenedProject openModelOrProject(const fs::path& path, const fs::path& projectsRoot)
{
    OpenedProject opened;
    if (!fs::exists(path))
        throw Error(ErrorKind::BadFile, path.string() + ": there is no such file or folder", path.string());

    const bool isProject = Project::isProject(path);
    const fs::path folder = isProject ? path : projectFolderFor(path, projectsRoot);
    const fs::path model = fs::absolute(path).lexically_normal();
    if (!isProject)
        opened.model = describeModel(model);   // first: what is no model leaves no project behind
    std::string reason;
    try {
        if (isProject) {
            opened.project = Project::openExisting(folder, false);
        } else {
            fs::create_directories(projectsRoot);
            opened.project = Project::open(folder, model);
        }
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::Io || !Project::isProject(folder))
            throw;
        opened.project = Project::openExisting(folder, true);
        reason = e.what();
    }
    if (opened.project->readOnly())
        opened.note = QCoreApplication::translate("OpenProject", "The project is open read-only: %1. Edits of the recipe are not kept, "
                                                                 "and nothing can be quantized into it.")
                          .arg(reason.empty() ? QCoreApplication::translate("OpenProject", "it is open elsewhere, or may not be written") : withoutStop(toQString(withoutRules(reason))));
    if (isProject) {
        std::error_code ignored;
        opened.modelGone = !fs::exists(opened.project->modelPath(), ignored);
        if (opened.modelGone)
            return opened;
        opened.model = describeModel(opened.project->modelPath());
    }
    noteAChangedModel(opened);
    opened.recipe = opened.project->recipe();
    opened.runs = opened.project->runs();
    try {
        opened.evaluations = readRecords(folder);
    } catch (const Error& e) {   // the rest of the project is as good as before
        opened.note += (opened.note.isEmpty() ? QString() : QStringLiteral(" "))
            + QCoreApplication::translate("OpenProject", "The project's evaluations cannot be read: %1. The file is kept; the next evaluation begins a new list.")
                  .arg(withoutStop(toQString(withoutRules(e.what()))));
    }
    return opened;
}

} // namespace halftone
