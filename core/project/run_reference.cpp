#include "core/project/run_reference.h"

#include "core/project/project.h"

#include <system_error>

namespace halftone {

std::optional<RunReference> runReference(const std::string& text)
{
    if (Project::isProject(text))
        return RunReference{text, {}};
    std::error_code ignored;
    const std::size_t hash = text.rfind('#');
    if (hash == std::string::npos || std::filesystem::exists(std::filesystem::symlink_status(text, ignored)))
        return std::nullopt;
    const std::string folder = text.substr(0, hash);
    if (!Project::isProject(folder))
        return std::nullopt;
    return RunReference{folder, text.substr(hash + 1)};
}

} // namespace halftone
