#pragma once

#include "core/base/progress.h"
#include "core/project/project.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace halftone {

/// A job is at work with a run of this project: it cannot be removed meanwhile. Held by the job, for as long as it waits and works.
class RunUse {
public:
    enum class Kind { Reads, Writes };
    RunUse(std::shared_ptr<Project> project, std::string run, Kind kind = Kind::Reads);
    ~RunUse();
    RunUse(const RunUse&) = delete;
    RunUse& operator=(const RunUse&) = delete;

private:
    std::shared_ptr<Project> m_project;
    std::string m_run;
    Kind m_kind;
};

/// This process reads a run's blocks: no other process removes it meanwhile. A shared lock on the file of its last block, which nobody changes, so
/// that a project which may only be read can be read like this; where the file system has no locks, none.
class RunReading {
public:
    RunReading(const Project& project, std::string_view run);
    ~RunReading();
    RunReading(const RunReading&) = delete;
    RunReading& operator=(const RunReading&) = delete;

private:
    int m_fd = -1;
};

/// The run that a job of this process writes; empty: none.
std::string runBeingWritten(const Project& project);

/// A person's name for a run, one line, and a note beside it, kept with it in the manifest. Both may be empty.
/// @throws Error{InvalidArgument} where there is no such run or the words are too long or hold control characters, Error{Io}.
void labelRun(Project& project, std::string_view run, const std::string& name, const std::string& note);

/// Takes a run out of the project: first its entry in the manifest, then those of its files that no other run shares, then what was measured of it.
/// Its number is not given to another run. @throws Error{InvalidArgument} where there is no such run or a job, of this process or of another, is at work with it,
/// Error{Io}.
void removeRun(Project& project, std::string_view run);

/// Bytes of the run's files; those that another run shares count too. 0 where there is no such run.
std::uint64_t runBytes(const Project& project, std::string_view run);
/// Bytes of all that lies in the project's folder.
std::uint64_t projectBytes(const Project& project);

/// Copies the project, with its runs and what was measured of them, into the folder `target`, which appears whole or not at all. Every file is
/// checked against its hash, on reading and on writing. What lies in caches that can be made again stays behind.
/// @throws Error{InvalidArgument} where `target` exists or lies in the project, Error{BadFile} for a damaged file, Error{Io}, Cancelled.
void copyProject(const Project& project, const std::filesystem::path& target, Progress& progress, const std::stop_token& stop);

/// What can be said of a project without opening it.
struct ProjectGlance {
    int runs = 0, finished = 0;
    int blocks = 0;                ///< of the model, as its runs know it; 0: there is no run
    std::string interrupted;       ///< the newest run that was stopped before its end and that nobody is at work on; empty: none
    int interruptedAt = 0;         ///< its finished blocks
};
/// Reads the manifest alone and takes no lock. Empty for what is no project, or cannot be read.
std::optional<ProjectGlance> glanceAt(const std::filesystem::path& folder);

} // namespace halftone
