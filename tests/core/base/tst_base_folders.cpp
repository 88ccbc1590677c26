#include "core/base/atomic_folder.h"
#include "core/base/error.h"
#include "core/base/file_lock.h"
#include "core/base/log.h"
#include "small_files.h"

#include <QTemporaryDir>
#include <QTest>

#include <thread>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;
namespace fs = std::filesystem;

namespace {

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

} // namespace

class tst_base_folders : public QObject {
    Q_OBJECT

private:
    TestFolder m_folder;
    fs::path m_path;

private Q_SLOTS:
    void init() { m_path = m_folder.ofThisFunction(); }

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

    void twoWritersOfOneFolderDoNotMix()
    {
        AtomicFolder first(m_path / "export");
        put(first.path() / "a.txt", "a");
        QVERIFY_EXCEPTION_THROWN(AtomicFolder(m_path / "export"), Error);
        first.commit();
        QCOMPARE(contents(m_path / "export" / "a.txt"), std::string("a"));
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
};

QTEST_APPLESS_MAIN(tst_base_folders)
#include "tst_base_folders.moc"
