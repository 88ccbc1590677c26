#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

struct ExportJob;

inline constexpr const char* kCertificateFile = "halftone-certificate.json";

/// The files of an export, as the certificate in its folder lists them, and the certificate. Nothing where there is none, or one that is no list of
/// plain file names.
std::optional<std::vector<std::string>> exportedFiles(const std::filesystem::path& folder);

/// Whether the job may write its target, and which files of an earlier export go with it: none where nothing stands there, or an empty folder. Only with
/// job.overwrite may an earlier export be replaced, and only one with nothing else in it; never the model, the project, or what requireReplaceable() keeps.
/// @throws Error{InvalidArgument} naming what is there.
std::vector<std::string> requireExportTarget(const ExportJob& job);

} // namespace halftone
