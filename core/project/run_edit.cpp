#include "core/project/run_edit.h"

#include "core/base/error.h"
#include "core/base/json_paths.h"
#include "core/project/evaluation_store.h"
#include "core/project/project_impl.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace halftone {
namespace {

constexpr std::size_t kLongestName = 200, kLongestNote = 8000;   // bytes: what a list and a window can show

RunRecord& recordOf(Manifest& manifest, std::string_view run)
{
    RunRecord* record = manifest.find(run);
    if (!record)
        throw Error(ErrorKind::InvalidArgument, "The project has no run \"" + std::string(run) + "\".", std::string(run));
    return *record;
}

/// @throws Error{InvalidArgument} for control characters (a note may hold line ends) and words without end.
void checkWords(const char* what, const std::string& words, std::size_t longest, bool lines)
{
    if (words.size() > longest)
        throw Error(ErrorKind::InvalidArgument, std::string("The ") + what + " of a run may have " + std::to_string(longest) + " bytes; this has " + std::to_string(words.size()) + ".", what);
    if (asUtf8(words) != words)
        throw Error(ErrorKind::InvalidArgument, std::string("The ") + what + " of a run must be UTF-8.", what);
    const bool control = std::any_of(words.begin(), words.end(), [lines](char c) { return (static_cast<unsigned char>(c) < 32 && !(lines && (c == '\n' || c == '\t'))) || c == 127; });
    if (control)
        throw Error(ErrorKind::InvalidArgument, std::string("The ") + what + " of a run may hold no control characters" + (lines ? " but line ends and tabs" : "") + ".", what);
}

bool isUsed(const Project::Impl& impl, std::string_view run)
{
    const std::lock_guard guard(impl.state);
    return std::any_of(impl.used.begin(), impl.used.end(), [&](const auto& use) { return use.first == run; });
}

/// Of the file of the run's last block, opened to be read; −1: there is none. Runs that branched from each other share their first ones. A FIFO in its
/// place must not hang us.
int openLastBlock(const Project::Impl& impl, const RunRecord* record)
{
    if (!record || record->blocks.empty())
        return -1;
    return ::open((impl.folder / record->blocks.back().file.file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

bool isReadElsewhere(const Project::Impl& impl, const RunRecord& record)
{
    const int fd = openLastBlock(impl, &record);
    if (fd < 0)
        return false;
    const bool read = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(fd);
    return read;
}

} // namespace

RunReading::RunReading(const Project& project, std::string_view run)
{
    const Manifest manifest = project.impl().snapshot();
    m_fd = openLastBlock(project.impl(), manifest.find(run));
    if (m_fd >= 0)
        ::flock(m_fd, LOCK_SH | LOCK_NB);
}

RunReading::~RunReading()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

RunUse::RunUse(std::shared_ptr<Project> project, std::string run, Kind kind)
    : m_project(std::move(project))
    , m_run(std::move(run))
    , m_kind(kind)
{
    Project::Impl& impl = m_project->impl();
    const std::lock_guard guard(impl.state);
    impl.used.emplace_back(m_run, m_kind == Kind::Writes);
}

RunUse::~RunUse()
{
    Project::Impl& impl = m_project->impl();
    const std::lock_guard guard(impl.state);
    const auto found = std::find(impl.used.begin(), impl.used.end(), std::pair{m_run, m_kind == Kind::Writes});
    if (found != impl.used.end())
        impl.used.erase(found);
}

std::string runBeingWritten(const Project& project)
{
    const Project::Impl& impl = project.impl();
    const std::lock_guard guard(impl.state);
    const auto found = std::find_if(impl.used.begin(), impl.used.end(), [](const auto& use) { return use.second; });
    return found == impl.used.end() ? std::string() : found->first;
}

void labelRun(Project& project, std::string_view run, const std::string& name, const std::string& note)
{
    checkWords("name", name, kLongestName, false);
    checkWords("note", note, kLongestNote, true);
    project.impl().update([&](Manifest& manifest) {
        RunRecord& record = recordOf(manifest, run);
        record.info.name = name;
        record.info.note = note;
    });
}

void removeRun(Project& project, std::string_view run)
{
    Project::Impl& impl = project.impl();
    std::vector<RunBlock> left;
    impl.update([&](Manifest& manifest) {
        RunRecord& record = recordOf(manifest, run);
        if (isUsed(impl, run))
            throw Error(ErrorKind::InvalidArgument, "A job is at work with " + record.info.id + ": wait for its end or cancel it, then delete the run.", record.info.id);
        if (isReadElsewhere(impl, record))
            throw Error(ErrorKind::InvalidArgument, "Another program reads " + record.info.id + ", to evaluate or to export it: wait for its end, then delete the run.", record.info.id);
        left = std::move(record.blocks);
        manifest.lastRun = std::max(manifest.lastRun, runNumber(record.info.id));
        std::erase_if(manifest.runs, [&](const RunRecord& other) { return other.info.id == run; });
    });
    for (const RunBlock& block : left)
        impl.discard(block.file);
    std::error_code ignored;
    const bool real = fs::is_directory(fs::symlink_status(impl.folder / "runs", ignored));
    if (real && runNumber(run) > 0)   // a name of ours, which leads nowhere else
        fs::remove(impl.folder / "runs" / run, ignored);   // where it is empty now
    removeEvaluationsOf(impl.folder, run);
}

std::uint64_t runBytes(const Project& project, std::string_view run)
{
    const Manifest manifest = project.impl().snapshot();
    std::uint64_t bytes = 0;
    if (const RunRecord* record = manifest.find(run))
        for (const RunBlock& block : record->blocks)
            bytes += block.file.bytes;
    return bytes;
}

std::uint64_t projectBytes(const Project& project)
{
    std::uint64_t bytes = 0;
    std::error_code error;
    fs::recursive_directory_iterator at(project.folder(), fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        std::error_code gone;   // a temporary may go while it is looked at
        if (fs::is_regular_file(at->symlink_status(gone)) && !gone)
            if (const std::uint64_t size = at->file_size(gone); !gone)
                bytes += size;
    }
    return bytes;
}

} // namespace halftone
