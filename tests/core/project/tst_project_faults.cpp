#include "core/base/error.h"
#include "core/project/run_store.h"
#include "project_fixture.h"
#include "stored_blocks.h"

#include <QTest>

#include <csignal>
#include <random>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;

namespace {

constexpr int kBlocks = 60;

/// Runs `deed` in a child process of its own. It must not return.
template <typename Deed>
pid_t childOf(const Deed& deed)
{
    const pid_t pid = ::fork();
    if (pid == 0) {
        try {
            deed();
        } catch (const std::exception& e) {
            const std::string text = std::string("child: ") + e.what() + "\n";
            static_cast<void>(!::write(2, text.data(), text.size()));
        }
        ::_exit(99);
    }
    return pid;
}

int exitOf(pid_t pid)
{
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Goes on with the run, editing the recipe as a person would meanwhile, and says each durable block through the pipe.
void work(const ProjectFixture& fixture, int pipe)
{
    const auto project = fixture.reopen();
    if (project->readOnly())
        ::_exit(3);
    const auto resumable = findResumable(*project, "print");
    const RunInfo run = resumable ? *resumable : beginRun(*project, "{}", "print", kBlocks);
    for (int block = run.blocksDone; block < kBlocks; ++block) {
        Recipe recipe;
        recipe.calibration.samples = block + 1;
        project->setRecipe(recipe);
        storeBlock(*project, run.id, storedBlock(block));
        const auto said = static_cast<unsigned char>(block + 1);
        if (::write(pipe, &said, 1) != 1)
            ::_exit(4);
    }
    finishRun(*project, run);
    ::_exit(0);
}

std::vector<std::string> blockNames(const ProjectFixture& fixture)
{
    std::vector<std::string> names;
    for (const auto& [name, content] : fixture.files())
        if (name.ends_with(".h5") || name.ends_with(".part"))
            names.push_back(name);
    return names;
}

} // namespace

class TestProjectFaults : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aKillAtAnyMomentLosesNothingThatWasStored()
    {
        const ProjectFixture fixture;
        fixture.open();
        std::mt19937 random(1);
        int kills = 0, durable = 0;
        bool finished = false;
        for (int round = 0; round < 400 && !finished; ++round) {
            int ends[2];
            QCOMPARE(::pipe(ends), 0);
            const pid_t pid = childOf([&] { work(fixture, ends[1]); });
            ::close(ends[1]);
            // Some die before their first block, some after a few, at a random moment of the next one.
            unsigned char said = 0;
            if (round % 4 != 0)
                static_cast<void>(!::read(ends[0], &said, 1));
            ::usleep(std::uniform_int_distribution<useconds_t>(0, 25'000)(random));
            ::kill(pid, SIGKILL);
            const int exit = exitOf(pid);
            QVERIFY2(exit == -SIGKILL || exit == 0, std::to_string(exit).c_str());
            kills += exit == -SIGKILL;
            unsigned char last = said;
            while (::read(ends[0], &last, 1) == 1)
                said = last;
            ::close(ends[0]);

            const auto project = fixture.reopen(true);
            const auto runs = project->runs();
            const int done = runs.empty() ? 0 : runs[0].blocksDone;
            QVERIFY(runs.size() <= 1);
            finished = !runs.empty() && runs[0].state == "done";   // perhaps killed just after its last word
            QVERIFY2(done >= durable && done >= said, "a block that was stored is gone");
            for (int block = durable; block < done; ++block)
                QVERIFY(sameBlock(loadBlock(*project, "run-001", block), storedBlock(block)));
            if (done > 0)
                QVERIFY(project->recipe().has_value() && project->recipe()->calibration.samples >= done);
            durable = done;
        }
        QVERIFY2(finished, "the run never came to its end");
        QVERIFY2(kills >= 20, std::to_string(kills).c_str());

        // The same run without a kill leaves the same files, byte for byte, and no others.
        fixture.reopen();
        const ProjectFixture calm;
        calm.open();
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        QCOMPARE(exitOf(childOf([&] { work(calm, ends[1]); })), 0);
        ::close(ends[0]);
        ::close(ends[1]);
        auto killed = fixture.files(), whole = calm.files();
        std::erase_if(killed, [](const auto& file) { return !file.first.ends_with(".h5"); });
        std::erase_if(whole, [](const auto& file) { return !file.first.ends_with(".h5"); });
        QCOMPARE(killed.size(), std::size_t(kBlocks));
        QVERIFY(killed == whole);
    }

    void aFullDiskLeavesNothingHalfWritten()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            storeBlock(*project, beginRun(*project, "{}", "print", 3).id, storedBlock(0));
        }
        const auto before = fixture.files();
        const int exit = exitOf(childOf([&] {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{256 << 10, 256 << 10};
            const auto project = fixture.reopen();
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
                ::_exit(2);
            try {
                storeBlock(*project, "run-001", storedBlock(1, 512, 960));
            } catch (const Error& e) {
                const bool good = e.kind() == ErrorKind::Io && std::string(e.what()).find("block-001") != std::string::npos;
                const bool unchanged = project->run("run-001").blocksDone == 1;
                storeBlock(*project, "run-001", storedBlock(1));   // a small one still fits: the project goes on
                ::_exit(good && unchanged && project->run("run-001").blocksDone == 2 ? 0 : 5);
            }
            ::_exit(6);
        }));
        QCOMPARE(exit, 0);
        const auto names = blockNames(fixture);
        QCOMPARE(names.size(), std::size_t(2));
        for (const auto& [name, content] : before)
            if (name.ends_with(".h5"))
                QVERIFY(ProjectFixture::content(fixture.folder() / name) == content);
        const auto project = fixture.reopen(true);
        QVERIFY(sameBlock(loadBlock(*project, "run-001", 0), storedBlock(0)));
        QVERIFY(sameBlock(loadBlock(*project, "run-001", 1), storedBlock(1)));
    }

    void aFullDiskDoesNotTearTheJournalOrTheManifest()
    {
        const ProjectFixture fixture;
        fixture.open();
        const int exit = exitOf(childOf([&] {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{4096, 4096};
            const auto project = fixture.reopen();
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
                ::_exit(2);
            int kept = 0;
            Recipe recipe;
            try {
                for (;;) {
                    recipe.calibration.samples = kept + 1;
                    project->setRecipe(recipe);
                    ++kept;
                }
            } catch (const Error& e) {
                // In memory it stays; on disk are whole lines only.
                const bool good = e.kind() == ErrorKind::Io && project->recipe()->calibration.samples == kept + 1;
                ::_exit(good && kept > 3 ? 0 : 5);
            }
        }));
        QCOMPARE(exit, 0);
        const auto project = fixture.reopen();
        QVERIFY(project->notices().empty());
        QVERIFY(project->recipe()->calibration.samples > 3);
    }

    void aFolderThatCannotBeWrittenIsReadButNeverChanged()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            storeBlock(*project, beginRun(*project, "{}", "print", 2).id, storedBlock(0));
            project->setRecipe(Recipe{});
        }
        constexpr uid_t kNobody = 65534;
        const bool root = ::geteuid() == 0;   // root writes anywhere: then the child becomes somebody else
        for (const auto& entry : std::filesystem::recursive_directory_iterator(fixture.root()))
            if (root)
                QCOMPARE(::lchown(entry.path().c_str(), kNobody, kNobody), 0);
        if (root)
            QCOMPARE(::chown(fixture.root().c_str(), kNobody, kNobody), 0);
        const auto before = fixture.files();
        const auto folders = {fixture.folder(), fixture.folder() / "runs", fixture.folder() / "runs" / "run-001"};
        for (const auto& folder : folders)
            QCOMPARE(::chmod(folder.c_str(), 0555), 0);
        const int exit = exitOf(childOf([&] {
            if (root && (::setegid(kNobody) != 0 || ::seteuid(kNobody) != 0))
                ::_exit(2);
            const auto project = fixture.reopen();
            if (!project->readOnly() || project->readOnlyReason().empty() || !project->recipe())
                ::_exit(3);
            if (!sameBlock(loadBlock(*project, "run-001", 0), storedBlock(0)))
                ::_exit(4);
            try {
                fixture.open();
                ::_exit(5);
            } catch (const Error& e) {
                if (e.kind() != ErrorKind::Io || std::string(e.what()).find("x.halftone") == std::string::npos)
                    ::_exit(6);
            }
            try {
                Project::open(fixture.folder() / "inside.halftone", fixture.model());
                ::_exit(7);
            } catch (const Error& e) {
                ::_exit(e.kind() == ErrorKind::Io ? 0 : 8);
            }
        }));
        for (const auto& folder : folders)
            ::chmod(folder.c_str(), 0755);
        QCOMPARE(exit, 0);
        QVERIFY(fixture.files() == before);
    }

    void aKilledOwnerFreesTheProject()
    {
        const ProjectFixture fixture;
        fixture.open();
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        const pid_t pid = childOf([&] {
            const auto project = fixture.reopen();
            const char ready = project->readOnly() ? 'r' : 'w';
            static_cast<void>(!::write(ends[1], &ready, 1));
            for (;;)
                ::pause();
        });
        char ready = 0;
        QCOMPARE(::read(ends[0], &ready, 1), ssize_t(1));
        QCOMPARE(ready, 'w');
        QVERIFY(fixture.reopen()->readOnly());
        ::kill(pid, SIGKILL);
        QCOMPARE(exitOf(pid), -SIGKILL);
        QVERIFY(!fixture.reopen()->readOnly());
        ::close(ends[0]);
        ::close(ends[1]);
    }

    void anEditSurvivesAKillRightAfterIt()
    {
        const ProjectFixture fixture;
        fixture.open();
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        const pid_t pid = childOf([&] {
            const auto project = fixture.reopen();
            Recipe recipe;
            recipe.calibration.samples = 77;
            project->setRecipe(recipe);
            static_cast<void>(!::write(ends[1], "x", 1));
            for (;;)
                ::pause();
        });
        char ready = 0;
        QCOMPARE(::read(ends[0], &ready, 1), ssize_t(1));
        ::kill(pid, SIGKILL);
        QCOMPARE(exitOf(pid), -SIGKILL);
        ::close(ends[0]);
        ::close(ends[1]);
        QCOMPARE(fixture.reopen()->recipe()->calibration.samples, 77);
    }
};

QTEST_APPLESS_MAIN(TestProjectFaults)
#include "tst_project_faults.moc"
