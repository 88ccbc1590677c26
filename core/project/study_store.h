#pragma once

#include "core/project/project.h"
#include "core/recipe/study_result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// Studies in a project: what is studied and each finished member are immutable JSON files under studies/<id>, on disk the moment they exist, then
/// named by the manifest. All throw Error{Io} (nothing half-written stays) and Error{BadFile} (a file is not what the manifest says).

struct StudyInfo {
    std::string id, name, created;
    bool done = false;
    int finished = 0;   ///< members
};
/// In the order they were made. Names need their files read: a study whose file is damaged has none.
std::vector<StudyInfo> studies(const Project& project);
/// An empty id: the newest. @throws Error{BadFile} when there is none.
StudyResult loadStudy(const Project& project, std::string_view id = {});

/// Begins a study; the result gets its id and the time. Members' figures are not stored by this.
void beginStudy(Project& project, StudyResult& result, const std::string& fingerprint, const RunInputs& conditions = {});
/// The newest study that is not done, and what it was measured under.
struct UnfinishedStudy {
    std::string id;
    RunInputs conditions;
};
std::optional<UnfinishedStudy> findUnfinishedStudy(const Project& project);
/// The newest study of this fingerprint, with the members it has.
std::optional<StudyResult> findStudy(const Project& project, const std::string& fingerprint);
void storeMember(Project& project, const StudyResult& result, int member, const std::string& fingerprint);
/// A member of any study with this fingerprint: its figures, under whatever name.
std::optional<StudyMemberResult> findMember(const Project& project, const std::string& fingerprint);
/// Keeps seconds, walks and whether it is done.
void updateStudy(Project& project, const StudyResult& result);

} // namespace halftone
