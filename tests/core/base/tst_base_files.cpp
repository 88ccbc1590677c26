#include "core/base/atomic_file.h"
#include "core/base/atomic_folder.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_paths.h"
#include "core/base/sha256.h"
#include "small_files.h"

#include <QTemporaryDir>
#include <QTest>

#include <csignal>

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

} // namespace

class tst_base_files : public QObject {
    Q_OBJECT

private:
    TestFolder m_folder;
    fs::path m_path;

private Q_SLOTS:
    void init() { m_path = m_folder.ofThisFunction(); }

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
