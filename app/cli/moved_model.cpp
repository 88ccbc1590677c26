#include "app/cli/moved_model.h"

#include "core/base/error.h"
#include "core/project/project_model.h"

#include <filesystem>

namespace halftone::cli {

void findModel(const std::string& folder, const std::string& model)
{
    if (model.empty())
        return;
    if (!Project::isProject(folder))
        throw Error(ErrorKind::InvalidArgument, "--model says where a project's model lies, and " + folder + " is no project", "model");
    moveModel(*Project::openExisting(folder, false), std::filesystem::absolute(model));
}

} // namespace halftone::cli
