#include "core/base/error.h"
#include "core/base/file.h"
#include "core/project/evaluation_store.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"
#include "project_fixture.h"
#include "stored_blocks.h"

#include <QTest>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;

namespace {

class NoProgress final : public Progress {
public:
    void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
    void update(std::int64_t, std::string_view) override {}
    void note(std::string_view) override {}
};

template <typename Deed>
QString errorOf(ErrorKind kind, const Deed& deed)
{
    try {
        deed();
    } catch (const Error& e) {
        return e.kind() == kind ? QString::fromUtf8(e.what()) : QString();
    }
    return {};
}

RunInfo aRun(Project& project, int blocks)
{
    const RunInfo run = beginRun(project, "{}", "print", blocks);
    for (int i = 0; i < blocks; ++i)
        storeBlock(project, run.id, storedBlock(i));
    return run;
}

} // namespace

/// What a person does to runs and projects that are there.
class TestRunEdit : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void wordsAreKeptAndChecked()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            aRun(*project, 1);
            labelRun(*project, "run-001", "für den Vortrag", "first line\nsecond");
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { labelRun(*project, "run-001", "two\nlines", ""); }).contains("control characters"));
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { labelRun(*project, "run-001", "\x1b[31mred", ""); }).contains("control characters"));
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { labelRun(*project, "run-001", "\xff\xfe", ""); }).contains("UTF-8"));
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { labelRun(*project, "run-001", std::string(5000, 'x'), ""); }).contains("200 bytes"));
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { labelRun(*project, "run-007", "x", ""); }).contains("run-007"));
        }
        const RunInfo run = fixture.reopen()->run("run-001");
        QCOMPARE(QString::fromStdString(run.name), QStringLiteral("für den Vortrag"));
        QCOMPARE(QString::fromStdString(run.note), QStringLiteral("first line\nsecond"));
    }

    void aRemovedRunGivesItsNumberToNobody()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            aRun(*project, 2);
            aRun(*project, 1);
            removeRun(*project, "run-002");
            QVERIFY(!std::filesystem::exists(fixture.folder() / "runs" / "run-002"));
        }
        const auto project = fixture.reopen();
        QCOMPARE(project->runs().size(), std::size_t(1));
        QCOMPARE(QString::fromStdString(beginRun(*project, "{}", "print", 1).id), QStringLiteral("run-003"));
    }

    void aRunThatAJobUsesCannotBeRemoved()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 2);
        {
            const RunUse reads(project, "run-001"), writes(project, "run-001", RunUse::Kind::Writes);
            QCOMPARE(QString::fromStdString(runBeingWritten(*project)), QStringLiteral("run-001"));
            QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { removeRun(*project, "run-001"); }).contains("at work with run-001"));
            QCOMPARE(project->results("run-001").size(), std::size_t(2));
        }
        QVERIFY(runBeingWritten(*project).empty());
        removeRun(*project, "run-001");
        QVERIFY(project->runs().empty());
    }

    /// Another program's evaluation, which the job list of this one does not know.
    void aRunThatAnotherProgramReadsCannotBeRemoved()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 2);
        int told[2], done[2];
        QVERIFY(pipe(told) == 0 && pipe(done) == 0);
        const pid_t other = fork();
        if (other == 0) {
            char byte = 0;
            const RunReading reading(*project, "run-001");
            _exit(write(told[1], "r", 1) == 1 && read(done[0], &byte, 1) == 1 ? 0 : 1);
        }
        char byte = 0;
        QVERIFY(read(told[0], &byte, 1) == 1);
        QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { removeRun(*project, "run-001"); }).contains("Another program reads run-001"));
        QCOMPARE(project->results("run-001").size(), std::size_t(2));
        QVERIFY(write(done[1], "d", 1) == 1);
        int status = 1;
        QVERIFY(waitpid(other, &status, 0) == other && status == 0);
        removeRun(*project, "run-001");
        QVERIFY(project->runs().empty());
        for (const int fd : {told[0], told[1], done[0], done[1]})
            close(fd);
    }

    void nothingBehindALinkIsRemoved()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 2);
        const std::filesystem::path elsewhere = fixture.root() / "elsewhere";
        std::filesystem::rename(fixture.folder() / "runs", elsewhere);
        std::filesystem::create_directory_symlink(elsewhere, fixture.folder() / "runs");
        removeRun(*project, "run-001");
        QVERIFY(project->runs().empty());
        QCOMPARE(std::distance(std::filesystem::directory_iterator(elsewhere / "run-001"), std::filesystem::directory_iterator()), std::ptrdiff_t(2));
    }

    void blocksThatABranchSharesStay()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 3);
        const RunInfo branch = branchRun(*project, "run-001", 2, "{}", "other", {});
        removeRun(*project, "run-001");
        QCOMPARE(loadBlock(*project, branch.id, 1).block, 1);
        QVERIFY(runBytes(*project, branch.id) > 0);
        QCOMPARE(runBytes(*project, "run-001"), std::uint64_t(0));
    }

    void aCopyHoldsEveryRunAndItsFigures()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 2);
        labelRun(*project, "run-001", "good", "");
        StoredEvaluation measured{StoredEvaluation::Target::Run, "run-001", "run-001", "/t.txt", 1, 64, 4, 1, "2026-01-01T00:00:00", {}};
        measured.result.perplexity.tokens = 63;
        QCOMPARE(storeEvaluation(fixture.folder(), measured).size(), std::size_t(1));
        NoProgress progress;
        const std::filesystem::path target = fixture.root() / "copy.halftone";
        copyProject(*project, target, progress, {});
        const auto copy = Project::openExisting(target, false);   // while the other one is open
        QVERIFY(!copy->readOnly());
        QCOMPARE(QString::fromStdString(copy->run("run-001").name), QStringLiteral("good"));
        QCOMPARE(loadBlock(*copy, "run-001", 1).block, 1);
        QCOMPARE(readEvaluations(target).size(), std::size_t(1));
        QCOMPARE(copy->modelPath(), project->modelPath());
        QVERIFY(projectBytes(*copy) > runBytes(*copy, "run-001"));

        QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { copyProject(*project, target, progress, {}); }).contains("is there already"));
        QVERIFY(errorOf(ErrorKind::InvalidArgument, [&] { copyProject(*project, fixture.folder() / "inside.halftone", progress, {}); }).contains("lies in the project"));
    }

    void whatThisVersionDoesNotKnowOfEvaluationsIsCopied()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 1);
        const std::string list = R"([{"version": 99, "of": "a later version"}])";
        ProjectFixture::write(fixture.folder() / "evaluations.json", list);
        NoProgress progress;
        const std::filesystem::path target = fixture.root() / "copy.halftone";
        copyProject(*project, target, progress, {});
        QCOMPARE(readTextFile(target / "evaluations.json", 1000), list);
    }

    void aFifoInTheProjectHoldsNobody()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            aRun(*project, 2);
            beginRun(*project, "{}", "other", 5);
        }
        std::filesystem::remove(fixture.folder() / "lock");
        QCOMPARE(::mkfifo((fixture.folder() / "lock").c_str(), 0600), 0);
        QVERIFY(glanceAt(fixture.folder()));   // the list of recent projects, in the window
        std::filesystem::remove(fixture.folder() / "lock");
        const auto project = fixture.open();
        for (const auto& [name, content] : fixture.files())
            if (name.starts_with("runs/run-001/")) {
                std::filesystem::remove(fixture.folder() / name);
                QCOMPARE(::mkfifo((fixture.folder() / name).c_str(), 0600), 0);
            }
        { const RunReading reading(*project, "run-001"); }
        removeRun(*project, "run-001");
    }

    void aDamagedFileIsNotCopied()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        aRun(*project, 1);
        for (const auto& [name, content] : fixture.files())
            if (name.starts_with("runs/"))
                ProjectFixture::write(fixture.folder() / name, std::string(content.size(), 'x'));
        NoProgress progress;
        const std::filesystem::path target = fixture.root() / "copy.halftone";
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { copyProject(*project, target, progress, {}); }).contains("SHA-256"));
        QVERIFY(!std::filesystem::exists(target));
    }

    void aGlanceTellsWhatWaits()
    {
        const ProjectFixture fixture;
        QVERIFY(!glanceAt(fixture.folder()));
        {
            const auto project = fixture.open();
            aRun(*project, 2);
            storeBlock(*project, beginRun(*project, "{}", "other", 5).id, storedBlock(0));
            const auto held = glanceAt(fixture.folder());
            QVERIFY(held);
            QVERIFY2(held->interrupted.empty(), "somebody is at work in it");
        }
        const auto glance = glanceAt(fixture.folder());
        QVERIFY(glance);
        QCOMPARE(glance->runs, 2);
        QCOMPARE(QString::fromStdString(glance->interrupted), QStringLiteral("run-002"));
        QCOMPARE(glance->interruptedAt, 1);
        QCOMPARE(glance->blocks, 5);
        ProjectFixture::write(fixture.folder() / "manifest.json", "{");
        QVERIFY(!glanceAt(fixture.folder()));
    }
};

QTEST_APPLESS_MAIN(TestRunEdit)
#include "tst_run_edit.moc"
