#pragma once

#include <string>

namespace halftone::cli {

/// What --model says of a project's model that has moved: looked at, and remembered. Nothing where it is empty.
/// @throws Error{InvalidArgument} where `folder` is no project, Error{BadFile} where another model lies there.
void findModel(const std::string& folder, const std::string& model);

} // namespace halftone::cli
