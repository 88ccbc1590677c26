#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// What must be neither replaced nor removed, nor lie below what is.
struct Precious {
    std::filesystem::path path;
    std::string what;   ///< "the source model"
};

/// The one place that says no to replacing or removing what stands at `target`, however it is named: relative, through links, with slashes or
/// ".." in it (compared as files, by device and number). Refused are a root, a home, the folder that we work in and whatever is `precious`, with
/// every folder above them; a Halftone project and what is in it; a link; and a file right in a precious folder. Where nothing stands, nothing is refused.
/// @throws Error{InvalidArgument} naming what is there.
void requireReplaceable(const std::filesystem::path& target, const std::vector<Precious>& precious);

/// A project holds what Halftone keeps in it: whatever else is put there is left behind by a copy. @throws Error{InvalidArgument} for a target in one.
void requireOutsideProjects(const std::filesystem::path& target);

/// Before a file is written that a person named: what stands there is replaced only where that was `allowed`, and only if it is a file that
/// requireReplaceable() gives up. @throws Error{InvalidArgument}.
void requireFileTarget(const std::filesystem::path& target, bool allowed, const std::vector<Precious>& precious);

} // namespace halftone
