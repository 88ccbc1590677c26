#pragma once

#include "app/studio/evaluations.h"
#include "core/model/describe.h"
#include "core/project/project.h"

#include <QString>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace halftone {

/// What opening a model or a project gives, read on a worker thread.
struct OpenedProject {
    ModelDescription model;
    std::shared_ptr<Project> project;
    std::optional<Recipe> recipe;
    std::vector<RunInfo> runs;
    std::vector<EvaluationRecord> evaluations;
    bool modelGone = false;  ///< nothing lies where the project's model was; then only `project` is set
    QString changed;         ///< a sentence: the model is not the one of the project's results, and what differs; empty when it is
    QString note;            ///< a sentence to show ("opened read-only, since …"); may be empty
};

/// The folder a model's project lives in: `root`/<name>-<first 8 hex digits of the SHA-256 of the model's canonical path>.halftone.
std::filesystem::path projectFolderFor(const std::filesystem::path& model, const std::filesystem::path& root);

/// Opens a model (its project is made if there is none) or an existing project folder. A project that cannot be written, or is open
/// elsewhere, opens read-only with a note.
/// @throws Error as describeModel and Project::open.
OpenedProject openModelOrProject(const std::filesystem::path& path, const std::filesystem::path& projectsRoot);

} // namespace halftone
