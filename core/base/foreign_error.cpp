#include "core/base/foreign_error.h"

#include "core/base/json.h"

#include <filesystem>
#include <system_error>

namespace halftone {
namespace {

ErrorKind kindOf(const std::error_code& code)
{
    for (const std::errc disk : {std::errc::no_space_on_device, std::errc::io_error, std::errc::read_only_file_system, std::errc::file_too_large,
                                 std::errc::too_many_files_open, std::errc::too_many_files_open_in_system})
        if (code == disk)
            return ErrorKind::Io;
    return code == std::errc::not_enough_memory ? ErrorKind::OutOfMemory : ErrorKind::BadFile;
}

} // namespace

Error foreignError(const std::exception& error, const std::string& subject)
{
    const std::string before = subject.empty() ? "" : subject + ": ";
    if (const auto* files = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
        const std::string path = files->path1().empty() ? std::string() : files->path1().string() + ": ";
        return Error(kindOf(files->code()), before + path + files->code().message() + ".", files->path1().string());
    }
    if (dynamic_cast<const Json::exception*>(&error) != nullptr)
        return Error(ErrorKind::BadFile, before + "a file or a name holds text that is no UTF-8, which JSON cannot hold (" + error.what() + ").", subject);
    return Error(ErrorKind::Internal, before + error.what(), subject);
}

} // namespace halftone
