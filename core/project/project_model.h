#pragma once

#include "core/project/project.h"

#include <filesystem>
#include <memory>

namespace halftone {

class Checkpoint;
class Model;

/// The model of a project, and only that: where it lies, and whether it still is what the project's results were made with. A project knows the parts
/// of its model from its first analysis, run or study on; projects of older versions learn them at the next one.

/// Where the project's model lies. @throws Error{BadFile} when nothing is there any more, with what to type.
std::filesystem::path modelPathOf(const Project& project);
/// The project's model, opened. @throws Error{BadFile} when it is gone, with what to type, or changed, with what changed.
std::shared_ptr<const Model> openModelOf(const Project& project);
/// @throws Error{BadFile} naming file or tensor when the checkpoint is not the one of the project's results.
void requireSameModel(const Project& project, const Checkpoint& checkpoint);
/// The same, and from now on this is the project's model where none was known.
void bindModel(Project& project, const Checkpoint& checkpoint);
/// The model has moved: it is looked at, and the project remembers where it lies. @throws Error{BadFile} when it is another one, Error{Io} when the
/// project cannot be written.
void moveModel(Project& project, const std::filesystem::path& model);

} // namespace halftone
