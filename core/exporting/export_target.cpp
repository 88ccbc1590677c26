#include "core/exporting/export_target.h"

#include "core/base/atomic_folder.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/exporting/export_job.h"
#include "core/project/replace_guard.h"

#include <algorithm>
#include <map>

namespace fs = std::filesystem;

namespace halftone {

namespace {

constexpr JsonLimits kCertificateLimits{64u << 20, 8};

/// "name" or "folder/name", hidden ones and what leads elsewhere left out.
bool isPlainName(std::string_view name)
{
    const fs::path path(name);
    return !path.empty() && path.is_relative() && name.find('\0') == std::string_view::npos && name.back() != '/'
        && std::all_of(path.begin(), path.end(), [](const fs::path& part) { return !part.empty() && part.string().front() != '.'; });
}

/// What the certificate lists, each with its hash, and the certificate.
std::optional<std::map<std::string, std::string>> certifiedFiles(const fs::path& folder)
{
    std::error_code error;
    const fs::path certificate = folder / kCertificateFile;
    if (!fs::is_regular_file(fs::symlink_status(certificate, error)))
        return std::nullopt;
    std::map<std::string, std::string> files{{kCertificateFile, {}}};
    try {
        const Json json = readJsonFile(certificate, kCertificateLimits);
        if (!json.is_object() || !json.contains("halftone_certificate") || !json.contains("files") || !json["files"].is_object())
            return std::nullopt;
        for (const auto& [name, hash] : json["files"].items()) {
            if (!isPlainName(name) || !hash.is_string())
                return std::nullopt;
            files[name] = hash.get<std::string>();
        }
    } catch (const Error&) {
        return std::nullopt;
    }
    return files;
}

/// Files that are there and no longer what the export wrote: somebody's work by now.
std::vector<std::string> changedFiles(const fs::path& folder, const std::map<std::string, std::string>& files)
{
    std::vector<std::string> changed;
    std::error_code error;
    for (const auto& [name, hash] : files) {
        const fs::file_status status = fs::symlink_status(folder / name, error);
        if (name != kCertificateFile && status.type() != fs::file_type::not_found && (!fs::is_regular_file(status) || sha256File(folder / name) != hash))
            changed.push_back(name);
    }
    return changed;
}

/// A replacement that was cut short by an older version left the earlier export beside its target.
void requireNothingSetAside(const fs::path& target)
{
    const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
    const std::string stem = target.filename().string() + ".old-";
    std::error_code error;
    for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        const bool ours = name.starts_with(stem) && name.size() > stem.size() && name.find_first_not_of("0123456789", stem.size()) == std::string::npos;
        if (ours && exportedFiles(it->path()))
            throw Error(ErrorKind::InvalidArgument, target.string() + ": is missing, and " + it->path().string()
                        + " holds the earlier export, which a replacement that was cut short set aside. Rename it back, or move it away.", target.string());
    }
}

} // namespace

std::optional<std::vector<std::string>> exportedFiles(const fs::path& folder)
{
    const std::optional<std::map<std::string, std::string>> files = certifiedFiles(folder);
    if (!files)
        return std::nullopt;
    std::vector<std::string> names;
    for (const auto& [name, hash] : *files)
        names.push_back(name);
    return names;
}

std::vector<std::string> requireExportTarget(const ExportJob& job)
{
    if (job.out.empty())
        throw Error(ErrorKind::InvalidArgument, "The folder to write has no name.", "out");
    const fs::path target = job.out.has_filename() ? job.out : job.out.parent_path();
    std::error_code error;
    const fs::file_status status = fs::symlink_status(target, error);
    if (status.type() == fs::file_type::none)
        throw Error(ErrorKind::InvalidArgument, job.out.string() + ": cannot be written: " + error.message() + ".", job.out.string());
    if (status.type() == fs::file_type::not_found) {
        requireOutsideProjects(target);
        requireNothingSetAside(target);
        return {};
    }
    if (fs::is_directory(status) && otherEntries(target, {}).empty()) {
        requireOutsideProjects(target);
        return {};
    }
    if (!job.overwrite)
        throw Error(ErrorKind::InvalidArgument, job.out.string() + " exists already: choose another folder, or overwrite it", job.out.string());
    const fs::path model = job.project->modelPath();
    std::vector<Precious> precious{{model, "the source model"}, {job.project->folder(), "the project"}};
    if (!fs::is_directory(model, error))
        precious.push_back({model.has_parent_path() ? model.parent_path() : fs::path("."), "the source model's folder"});
    requireReplaceable(target, precious);
    if (!fs::is_directory(status))
        throw Error(ErrorKind::InvalidArgument, job.out.string() + ": is no folder; choose another name.", job.out.string());
    const std::optional<std::map<std::string, std::string>> certified = certifiedFiles(target);
    const std::vector<std::string> files = exportedFiles(target).value_or(std::vector<std::string>{});
    const std::vector<std::string> others = otherEntries(target, files);
    if (!certified)
        throw Error(ErrorKind::InvalidArgument, job.out.string() + ": is not replaced, since it is no earlier export of Halftone's (it has no "
                    + std::string(kCertificateFile) + ") and holds " + shortList(others) + "; choose another folder.", job.out.string());
    if (!others.empty())
        throw Error(ErrorKind::InvalidArgument, job.out.string() + ": is not replaced, since it holds what no export of Halftone's wrote: " + shortList(others)
                    + "; move that away or choose another folder.", job.out.string());
    if (const std::vector<std::string> changed = changedFiles(target, *certified); !changed.empty())
        throw Error(ErrorKind::InvalidArgument, job.out.string() + ": is not replaced, since it holds what was changed after the export: " + shortList(changed)
                    + "; move that away or choose another folder.", job.out.string());
    return files;
}

} // namespace halftone
