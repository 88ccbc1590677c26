#include "core/base/atomic_file.h"
#include "core/base/atomic_folder.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/json_paths.h"
#include "core/base/log.h"
#include "core/base/sha256.h"

#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;
namespace fs = std::filesystem;

namespace {

/// No file may grow beyond `bytes` while it lives: a full disk, as far as a writer can see.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes)
    {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &m_old);
        const rlimit tight{bytes, m_old.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &tight);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &m_old); }

private:
    rlimit m_old{};
};

/// What core logs while it lives.
class LogCatcher {
public:
    LogCatcher() { m_old = setLogSink([this](LogLevel, std::string_view message) { m_all += std::string(message) + "\n"; }); }
    ~LogCatcher() { setLogSink(m_old); }
    const std::string& all() const { return m_all; }

private:
    std::string m_all;
    LogSink m_old;
};

std::string contents(const fs::path& path)
{
    return readTextFile(path, 1u << 30);
}

void put(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

std::size_t entries(const fs::path& folder)
{
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

} // namespace

class tst_base_files : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    fs::path m_path;

private Q_SLOTS:
    void init()
    {
        m_path = fs::path(m_folder.path().toStdString()) / QTest::currentTestFunction();
        fs::create_directories(m_path);
    }

    void aFileAppearsWholeOnCommit()
    {
        const fs::path target = m_path / "out.bin";
        put(target, "old");
        AtomicFile file(target);
        file.write("new ");
        file.write("content");
        QCOMPARE(contents(target), std::string("old"));
        QCOMPARE(file.bytesWritten(), std::uint64_t(11));
        const std::string name = file.temporaryPath().filename().string();
        QVERIFY(name.starts_with(".out.bin." + std::to_string(::getpid()) + "-") && name.ends_with(".part"));
        QCOMPARE(file.commit(), sha256("new content"));
        QCOMPARE(contents(target), std::string("new content"));
        QCOMPARE(entries(m_path), std::size_t(1));
        QVERIFY_EXCEPTION_THROWN(file.commit(), Error);
        QVERIFY_EXCEPTION_THROWN(file.write("more"), Error);
    }

    void aFileNotCommittedLeavesNothing()
    {
        const fs::path target = m_path / "out.bin";
        put(target, "old");
        {
            AtomicFile file(target, 1'000'000);
            file.write(std::string(500'000, 'x'));
        }
        QCOMPARE(contents(target), std::string("old"));
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void reservedSpaceIsGivenBack()
    {
        AtomicFile file(m_path / "short.bin", 1'000'000);
        file.write("abc");
        file.commit();
        QCOMPARE(fs::file_size(m_path / "short.bin"), std::uintmax_t(3));
    }

    void anEmptyFileIsAFile()
    {
        writeFileAtomically(m_path / "empty", "");
        QCOMPARE(fs::file_size(m_path / "empty"), std::uintmax_t(0));
    }

    void whatAnotherWriterMadeIsAdopted()
    {
        AtomicFile file(m_path / "block.h5");
        put(file.temporaryPath(), "written by a library");
        file.adopt();
        QCOMPARE(file.commit(), sha256("written by a library"));
        QCOMPARE(contents(m_path / "block.h5"), std::string("written by a library"));
        QCOMPARE(file.bytesWritten(), std::uint64_t(20));
    }

    void aFullDiskLeavesTheOldFile_data()
    {
        QTest::addColumn<bool>("announced");
        QTest::newRow("size announced") << true;
        QTest::newRow("size not known") << false;
    }
    void aFullDiskLeavesTheOldFile()
    {
        QFETCH(bool, announced);
        const fs::path target = m_path / "out.bin";
        put(target, "old");
        bool refused = false;
        {
            const FileSizeLimit limit(64 * 1024);
            try {
                AtomicFile file(target, announced ? 100'000 : 0);
                file.write(std::string(100'000, 'x'));
                file.commit();
            } catch (const Error& e) {
                refused = true;
                QCOMPARE(e.kind(), ErrorKind::Io);
                QCOMPARE(exitCode(e.kind()), 4);
                const QString what = QString::fromUtf8(e.what());
                QVERIFY2(what.contains(QLatin1String("out.bin")) && what.contains(QLatin1String("100000 bytes are needed")), e.what());
                QVERIFY2(what.contains(QLatin1String("may write files of at most 65536 bytes")), e.what());
            }
        }
        QVERIFY(refused);
        QCOMPARE(contents(target), std::string("old"));
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void aFailedWriteCannotBeCommitted()
    {
        const fs::path target = m_path / "out.bin";
        put(target, "old");
        {
            AtomicFile file(target);
            {
                const FileSizeLimit limit(1000);
                QVERIFY_EXCEPTION_THROWN(file.write(std::string(5000, 'x')), Error);
            }
            QVERIFY_EXCEPTION_THROWN(file.commit(), Error);
        }
        QCOMPARE(contents(target), std::string("old"));
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void aPlaceThatCannotBeWrittenIsSaid()
    {
        QVERIFY_EXCEPTION_THROWN(AtomicFile(m_path / "missing" / "out.bin"), Error);
        QVERIFY_EXCEPTION_THROWN(AtomicFile{m_path}, Error);
        if (::geteuid() != 0) {
            fs::permissions(m_path, fs::perms::owner_read | fs::perms::owner_exec);
            QVERIFY_EXCEPTION_THROWN(AtomicFile(m_path / "out.bin"), Error);
            QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "export"), Error);
            fs::permissions(m_path, fs::perms::owner_all);
        }
    }

    void privateFilesAreForTheOwnerOnly()
    {
        const auto mode = [](const fs::path& path) {
            struct stat info {};
            ::stat(path.c_str(), &info);
            return info.st_mode & 0777;
        };
        const mode_t old = ::umask(022);
        writeFileAtomically(m_path / "private", "x", true);
        writeFileAtomically(m_path / "shared", "x");
        ::umask(old);
        QCOMPARE(mode(m_path / "private"), mode_t(0600));
        QCOMPARE(mode(m_path / "shared"), mode_t(0644));
    }

    void aLongNameIsStillWritten()
    {
        const std::string name(250, 'n');
        writeFileAtomically(m_path / name, "x");
        QCOMPARE(contents(m_path / name), std::string("x"));
    }

    void aFolderAppearsWholeOnCommit()
    {
        const fs::path target = m_path / "export";
        fs::create_directories(target);
        put(target / "old.txt", "old");
        {
            AtomicFolder folder(target, {"old.txt", "gone.txt"});
            QCOMPARE(folder.path(), fs::path(target.string() + ".partial"));
            fs::create_directories(folder.path() / "inner");
            put(folder.path() / "inner" / "new.txt", "new");
            QVERIFY(fs::exists(target / "old.txt"));
            folder.commit();
        }
        QCOMPARE(contents(target / "inner" / "new.txt"), std::string("new"));
        QCOMPARE(entries(target), std::size_t(1));
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void aFolderNotCommittedLeavesNothing()
    {
        const fs::path target = m_path / "export/";
        fs::create_directories(target);
        put(target / "old.txt", "old");
        {
            AtomicFolder folder(target, {"old.txt"});
            put(folder.path() / "half.txt", "half");
        }
        QCOMPARE(contents(target / "old.txt"), std::string("old"));
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void whatAKilledExportLeftIsReplaced()
    {
        const fs::path target = m_path / "export";
        const pid_t child = ::fork();
        if (child == 0) {
            AtomicFolder folder(target);
            put(folder.path() / "half.txt", "half");
            ::_exit(0); // no destructor: as if killed
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QVERIFY(fs::exists(target.string() + ".partial/half.txt"));
        {
            AtomicFolder folder(target);
            QVERIFY(!fs::exists(folder.path() / "half.txt"));
            folder.commit();
        }
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void aForeignFolderInTheWayIsNotTouched()
    {
        const fs::path partial = m_path / "export.partial";
        fs::create_directories(partial);
        put(partial / "precious.txt", "mine");
        for (int attempt = 0; attempt < 3; ++attempt)
            QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "export"), Error);
        QCOMPARE(contents(partial / "precious.txt"), std::string("mine"));
        QCOMPARE(entries(m_path), std::size_t(1));
        put(m_path / "file", "a file");
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "file"), Error);
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / ".."), Error);
        QCOMPARE(contents(m_path / "file"), std::string("a file"));
    }

    void whatTheCallerDidNotWriteIsNeverRemoved()
    {
        const fs::path target = m_path / "export";
        fs::create_directories(target / "sub");
        put(target / "old.txt", "old");
        put(target / "sub" / "deep.txt", "deep");
        // A folder is no file, whatever it is called; what is not named stays, and nothing is begun.
        for (const std::vector<std::string>& names : {std::vector<std::string>{}, {"old.txt"}, {"sub"}, {"old.txt", "sub"}, {"old.txt", "sub/other.txt"}, {"sub/deep.txt", "../file"}})
            QVERIFY_EXCEPTION_THROWN(AtomicFolder(target, names), Error);
        QCOMPARE(contents(target / "sub" / "deep.txt"), std::string("deep"));
        QCOMPARE(contents(target / "old.txt"), std::string("old"));
        QCOMPARE(entries(m_path), std::size_t(1));
        // What comes in while the new one is written is kept too, beside it.
        {
            AtomicFolder folder(target, {"old.txt", "sub/deep.txt"});
            put(folder.path() / "new.txt", "new");
            put(target / "late.txt", "late");
            folder.commit();
        }
        QCOMPARE(entries(target), std::size_t(1));
        QCOMPARE(entries(m_path), std::size_t(2));
        bool kept = false;
        for (const fs::directory_entry& entry : fs::directory_iterator(m_path))
            kept = kept || (entry.path().filename().string().starts_with("export.old-") && contents(entry.path() / "late.txt") == "late" && entries(entry.path()) == 1);
        QVERIFY(kept);
    }

    void whatAStoppedReplacementSetAsideIsPutBack()
    {
        // As a kill leaves it between the two renames, where the file system cannot exchange folders.
        const fs::path target = m_path / "export", aside = m_path / "export.old-1700000000000";
        fs::create_directories(aside);
        put(aside / "old.txt", "old");
        const pid_t child = ::fork();
        if (child == 0) {
            AtomicFolder folder(target);
            put(folder.path() / "new.txt", "new");
            put(folder.path() / ".halftone-partial", "set aside for export.old-1700000000000\n");
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
        {
            const LogCatcher said;
            AtomicFolder folder(target, {"old.txt"});
            QVERIFY2(said.all().find(aside.string()) != std::string::npos, said.all().c_str());
            QCOMPARE(contents(target / "old.txt"), std::string("old"));
        }
        QCOMPARE(entries(m_path), std::size_t(1));
    }

    void whatAKilledCommitReplacedIsRemovedOnlyAsFarAsItWasOurs()
    {
        const fs::path target = m_path / "export", partial = m_path / "export.partial";
        fs::create_directories(partial);
        put(partial / "old.txt", "old");
        put(partial / ".halftone-partial", "replaced\nold.txt\n../outside.txt\n");
        put(m_path / "outside.txt", "mine");
        {
            AtomicFolder folder(target);
            folder.commit();
        }
        QCOMPARE(contents(m_path / "outside.txt"), std::string("mine"));
        QVERIFY(!fs::exists(partial));
        fs::create_directories(partial);
        put(partial / "mine.txt", "mine");
        put(partial / ".halftone-partial", "replaced\nold.txt\n");
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "export"), Error);
        QCOMPARE(contents(partial / "mine.txt"), std::string("mine"));
    }

    void aPlantedMarkLeadsNowhereElse()
    {
        // A folder from a stranger that says of itself that it was left by us.
        const fs::path target = m_path / "export", partial = m_path / "export.partial", old = m_path / "export.old-7";
        fs::create_directories(m_path / "mine" / "sub");
        put(m_path / "mine" / "sub" / "file", "mine");
        const auto whole = [&] { return contents(m_path / "mine" / "sub" / "file") == "mine" && entries(m_path / "mine") == 1; };
        fs::create_directories(target);
        for (const fs::path& folder : {partial, old}) {
            fs::create_directories(folder);
            fs::create_symlink("../mine", folder / "link");
            put(folder / ".halftone-partial", "replaced\nlink/sub/file\nlink/sub\n");
        }
        QVERIFY_EXCEPTION_THROWN(AtomicFolder{target}, Error);
        QVERIFY(whole());
        fs::remove_all(partial);
        {
            const LogCatcher said;
            AtomicFolder folder(target, {"link/sub/file"});
        }
        QVERIFY(whole());
        // What the caller names is not reached through a link either.
        fs::remove_all(old);
        fs::create_symlink("../mine", target / "link");
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(target, {"link/sub/file"}), Error);
        {
            const LogCatcher said;
            fs::remove(target / "link");
            AtomicFolder folder(target, {"link/sub/file"});
            fs::create_symlink("../mine", target / "link");
            folder.commit();
        }
        QVERIFY(whole());
        // Nor is anything moved that a replacing export never set aside.
        fs::remove_all(target);
        for (const char* name : {"mine", "export.old-", "export.old-7x", "other.old-7", "export.old-7/..", ""}) {
            fs::create_directories(partial);
            put(partial / ".halftone-partial", std::string("set aside for ") + name + "\n");
            try {
                AtomicFolder folder(target);
                QVERIFY2(*name == '\0', name);
            } catch (const Error&) {
                QVERIFY(fs::exists(partial / ".halftone-partial"));
            }
            QVERIFY(whole());
        }
    }

    void whatAKillLeftBetweenTwoRenamesAndTheEndIsTakenAway()
    {
        // The new one is in place, the old one set aside and not yet taken away: where the file system cannot exchange folders.
        const fs::path target = m_path / "export", ours = m_path / "export.old-1700000000000", both = m_path / "export.old-1700000000001", foreign = m_path / "export.old-3";
        for (const fs::path& folder : {target, ours, both, foreign})
            fs::create_directories(folder);
        put(target / "new.txt", "new");
        put(target / ".halftone-partial", "set aside for export.old-1700000000000\n");
        for (const fs::path& folder : {ours, both}) {
            put(folder / "old.txt", "old");
            put(folder / ".halftone-partial", "replaced\nold.txt\n");
        }
        put(both / "mine.txt", "mine");
        put(foreign / "old.txt", "mine");
        {
            const LogCatcher said;
            AtomicFolder folder(target, {"new.txt"});
            QVERIFY2(said.all().find(both.string()) != std::string::npos, said.all().c_str());
            QVERIFY(said.all().find(ours.string()) == std::string::npos && said.all().find(foreign.string()) == std::string::npos);
        }
        QVERIFY(!fs::exists(ours));
        QCOMPARE(contents(both / "mine.txt"), std::string("mine"));
        QCOMPARE(entries(both), std::size_t(1));
        QCOMPARE(contents(foreign / "old.txt"), std::string("mine"));
        QCOMPARE(contents(target / "new.txt"), std::string("new"));
    }

    void writersThatWaitForALockGetItInTurn()
    {
        // Each reads a number, adds one and writes it back. Files are removed with the lock, which a second weaker lock would trip over.
        constexpr int kThreads = 4, kTurns = 60;
        put(m_path / "number", "0");
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([this] {
                for (int i = 0; i < kTurns; ++i) {
                    const auto lock = FileLock::wait(m_path / "number.lock", std::chrono::seconds(60));
                    const int number = std::stoi(contents(m_path / "number"));
                    put(m_path / "number", std::to_string(number + 1));
                }
            });
        for (std::thread& thread : threads)
            thread.join();
        QCOMPARE(contents(m_path / "number"), std::to_string(kThreads * kTurns));
        QCOMPARE(entries(m_path), std::size_t(1));
        const auto held = FileLock::take(m_path / "number.lock").lock;
        QVERIFY(held);
        QVERIFY_EXCEPTION_THROWN(FileLock::wait(m_path / "number.lock", std::chrono::milliseconds(20)), Error);
    }

    void whatIsNoLockIsNotTaken()
    {
        const fs::path lock = m_path / "lock";
        const auto refused = [&] {
            try {
                FileLock::take(lock);
            } catch (const Error& e) {
                return e.kind() == ErrorKind::BadFile && std::string(e.what()).find(lock.string()) != std::string::npos && std::string(e.what()).find("move it away") != std::string::npos;
            }
            return false;
        };
        for (const std::string& mine : {std::string("mine"), std::string("{\"pid\": 1, \"mine\": 2}"), std::string("{\"host\": \"here\"}"), std::string(2000, '\0'), "{\"pid\": 1}" + std::string(2000, ' ')}) {
            put(lock, mine);
            QVERIFY(refused());
            QCOMPARE(contents(lock), mine);
        }
        fs::remove(lock);
        put(m_path / "mine", "");   // empty, but under another name too
        fs::create_hard_link(m_path / "mine", lock);
        QVERIFY(refused());
        QVERIFY(fs::exists(lock) && contents(m_path / "mine").empty());
        fs::remove(lock);
        fs::create_symlink("mine", lock);
        QVERIFY(refused());
        fs::remove(lock);
        fs::create_directory(lock);
        QVERIFY(refused());
        fs::remove(lock);
        QCOMPARE(::mkfifo(lock.c_str(), 0600), 0);
        QVERIFY(refused());
        QVERIFY_EXCEPTION_THROWN(FileLock::wait(lock, std::chrono::seconds(60)), Error);   // at once
        fs::remove(lock);
        for (const std::string& left : {std::string(), std::string(80, '\0'), std::string("{\"pid\": 2147480000}")}) {   // of a lock that a power failure cut short, of a dead process
            put(lock, left);
            QVERIFY(FileLock::take(lock).lock);
            QVERIFY(!fs::exists(lock));
        }
        auto held = FileLock::take(lock).lock;
        fs::remove(lock);
        put(lock, "somebody's");
        held.reset();
        QCOMPARE(contents(lock), std::string("somebody's"));
    }

    void aPathThatIsNoUtf8SurvivesJson()
    {
        for (const std::string& path : {std::string("/plain"), std::string("/f\xc3\xbcr"), std::string("/f\xfcr/\xff"), std::string()}) {
            Json json;
            putPath(json, "model", path);
            QCOMPARE(takePath(Json::parse(json.dump()), "model"), path);
        }
        Json broken{{"model", "x"}, {"model_bytes", "2f6"}};
        QVERIFY_EXCEPTION_THROWN(takePath(broken, "model"), Error);
        broken["model_bytes"] = 3;
        QVERIFY_EXCEPTION_THROWN(takePath(broken, "model"), Error);
        QVERIFY_EXCEPTION_THROWN(jsonText(Json{{"name", "\xff"}}, 1, "a file"), Error);
    }

    void twoWritersOfOneFolderDoNotMix()
    {
        AtomicFolder first(m_path / "export");
        put(first.path() / "a.txt", "a");
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "export"), Error);
        first.commit();
        QCOMPARE(contents(m_path / "export" / "a.txt"), std::string("a"));
    }

    void oldTemporariesOfDeadProcessesAreRemoved()
    {
        const pid_t child = ::fork();
        if (child == 0)
            ::_exit(0);
        ::waitpid(child, nullptr, 0);
        const std::string dead = std::to_string(child);
        const auto twoHoursAgo = fs::file_time_type::clock::now() - std::chrono::hours(2);
        const auto make = [&](const std::string& name, bool old) {
            put(m_path / name, "x");
            if (old)
                fs::last_write_time(m_path / name, twoHoursAgo);
        };
        make(".model.safetensors." + dead + "-0.part", true);
        make(".young." + dead + "-0.part", false);
        make(".alive." + std::to_string(::getpid()) + "-0.part", true);
        make(".other.part", true);
        make("visible." + dead + "-0.part", true);
        QCOMPARE(removeStaleTemporaries(m_path), 1);
        QCOMPARE(entries(m_path), std::size_t(4));
        QVERIFY(!fs::exists(m_path / (".model.safetensors." + dead + "-0.part")));
    }

    void missingSpaceIsRefusedWithBothFigures()
    {
        const std::uint64_t available = freeDiskBytes(m_path / "not" / "there");
        QVERIFY(available > 0);
        requireDiskSpace(m_path, 1);
        QVERIFY(freeDiskBytes(fs::path("bare-name").parent_path()) > 0);   // where the program stands
        try {
            requireDiskSpace(m_path, std::uint64_t{1} << 60);
            QFAIL("accepted");
        } catch (const Error& e) {
            QCOMPARE(e.kind(), ErrorKind::Io);
            QVERIFY2(QString::fromUtf8(e.what()).contains(QLatin1String("1152921504606846976 bytes are needed")), e.what());
        }
    }

    void onlyRegularFilesAreOpened()
    {
        ::mkfifo((m_path / "fifo").c_str(), 0600);
        for (const fs::path& path : {m_path / "fifo", m_path, m_path / "missing", fs::path("/dev/zero")}) {
            try {
                const InputFile file(path);
                QFAIL("opened");
            } catch (const Error& e) {
                QCOMPARE(e.kind(), ErrorKind::BadFile);
                QVERIFY2(QString::fromUtf8(e.what()).contains(QString::fromStdString(path.string())), e.what());
            }
        }
    }

    void namesInsideAFolderStayInside()
    {
        fs::create_directories(m_path / "model");
        put(m_path / "secret", "secret");
        put(m_path / "model" / "shard", "shard");
        fs::create_symlink("../secret", m_path / "model" / "link");
        fs::create_symlink("..", m_path / "model" / "folder-link");
        ::mkfifo((m_path / "model" / "fifo").c_str(), 0600);
        fs::create_symlink("fifo", m_path / "model" / "fifo-link");
        QCOMPARE(InputFile::openIn(m_path / "model", "shard").size(), std::uint64_t(5));
        QCOMPARE(InputFile::openIn(m_path / "model", "link").size(), std::uint64_t(6)); // hub caches are links to regular files
        for (const std::string_view name :
             {std::string_view("../secret"), std::string_view(".."), std::string_view(""), std::string_view("/etc/passwd"),
              std::string_view("a\\b"), std::string_view(".hidden"), std::string_view("shard\0x", 7), std::string_view("folder-link"),
              std::string_view("fifo"), std::string_view("fifo-link"), std::string_view("missing")})
            QVERIFY_EXCEPTION_THROWN(InputFile::openIn(m_path / "model", name), Error);
    }

    void sideFilesAreLinksInsideTheFolderOrAHubsCacheOnly()
    {
        fs::create_directories(m_path / "hub" / "blobs");
        fs::create_directories(m_path / "hub" / "snapshots" / "abc" / "inner");
        const fs::path folder = m_path / "hub" / "snapshots" / "abc";
        put(m_path / "hub" / "blobs" / "hash", "blob");
        put(m_path / "hub" / "refs", "outside");
        put(folder / "plain.json", "{}");
        fs::create_symlink("../../blobs/hash", folder / "cached.json");
        fs::create_symlink("../../../blobs/hash", folder / "inner" / "cached.json");
        fs::create_symlink("plain.json", folder / "own.json");
        fs::create_symlink("../../refs", folder / "outside.json");
        fs::create_symlink("/etc/passwd", folder / "system.json");
        fs::create_symlink("nothing", folder / "dangling.json");
        for (const char* name : {"plain.json", "cached.json", "own.json", "missing.json"})
            QCOMPARE(fileInside(folder, name), folder / name);
        QCOMPARE(fileInside(folder / "inner", "cached.json"), folder / "inner" / "cached.json");
        for (const char* name : {"outside.json", "system.json", "dangling.json"})
            QVERIFY_EXCEPTION_THROWN(fileInside(folder, name), Error);
        fs::create_directories(m_path / "flat");   // no snapshot: a blob is any other file
        fs::create_symlink("../hub/blobs/hash", m_path / "flat" / "config.json");
        QVERIFY_EXCEPTION_THROWN(fileInside(m_path / "flat", "config.json"), Error);
    }

    void aFileThatShrinksIsAnError()
    {
        put(m_path / "data", std::string(10'000, 'd'));
        const InputFile file(m_path / "data");
        QCOMPARE(file.read(9'990, 10).size(), std::size_t(10));
        QVERIFY_EXCEPTION_THROWN(file.read(9'990, 11), Error);
        QVERIFY_EXCEPTION_THROWN(file.read(10'001, 0), Error);
        QVERIFY_EXCEPTION_THROWN(file.read(8, UINT64_MAX), Error);
        file.checkUnchanged();
        fs::resize_file(m_path / "data", 100);
        QVERIFY_EXCEPTION_THROWN(file.read(0, 200), Error);
        QVERIFY_EXCEPTION_THROWN(file.checkUnchanged(), Error);
    }

    void aReplacedFileIsNoticed()
    {
        put(m_path / "data", "one");
        const InputFile file(m_path / "data");
        writeFileAtomically(m_path / "data", "two");
        QVERIFY_EXCEPTION_THROWN(file.checkUnchanged(), Error);
    }
};

QTEST_APPLESS_MAIN(tst_base_files)
#include "tst_base_files.moc"
