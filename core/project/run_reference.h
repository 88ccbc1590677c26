#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace halftone {

/// PROJECT or PROJECT#run, as a person writes it.
struct RunReference {
    std::filesystem::path project;
    std::string run;   ///< empty: the newest finished one
};

/// What `text` names, if that is a project or a run of one. A path that exists is taken as a whole first: names may hold a '#'.
std::optional<RunReference> runReference(const std::string& text);

} // namespace halftone
