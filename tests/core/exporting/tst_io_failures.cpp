#include "failing_io.h"
#include "tiny_model.h"

#include "core/base/atomic_file.h"
#include "core/base/atomic_folder.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/exporting/export_job.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"

#include <QtTest>

#include <functional>
#include <set>

#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;
using namespace halftone::testing;

namespace fs = std::filesystem;

/// The n-th opening, writing, syncing, cutting or renaming of a file fails, for n = 1, 2, … until a pass meets no failure. Each time: an Error
/// of kind Io that names a file, or a way around it (the journal goes into the manifest); nothing half-written under a final name, and the next run makes what an undisturbed one makes.
class TestIoFailures : public QObject {
    Q_OBJECT

    static std::set<std::string> temporariesBelow(const fs::path& folder)
    {
        std::set<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(".part") || name.ends_with(".partial") || name.ends_with("-lock"))
                names.insert(entry.path().string());
        }
        return names;
    }

    /// @return how many points of failure there were.
    static int failAtEach(const fs::path& folder, const std::function<void()>& prepare, const std::function<void()>& deed,
                          const std::function<void()>& check)
    {
        constexpr int kMost = 2000;
        for (int n = 1; n < kMost; ++n) {
            prepare();
            const auto before = temporariesBelow(folder);
            QString said;
            failing_io::arm(folder, n);
            try {
                deed();
            } catch (const Error& e) {
                failing_io::disarm();
                said = QString::fromUtf8(e.what());
                if (e.kind() != ErrorKind::Io)
                    qFatal("call %d (%s): not of kind Io: %s", n, failing_io::failedCall().c_str(), e.what());
                if (e.subject().empty() || !said.contains(QString::fromStdString(e.subject())))
                    qFatal("call %d (%s): names no file: %s", n, failing_io::failedCall().c_str(), e.what());
            } catch (const std::exception& e) {
                qFatal("call %d (%s): not an Error: %s", n, failing_io::failedCall().c_str(), e.what());
            }
            failing_io::disarm();
            if (failing_io::failedCall().empty())
                return n - 1;
            if (temporariesBelow(folder) != before)
                qFatal("call %d (%s): left %s", n, failing_io::failedCall().c_str(), temporariesBelow(folder).begin()->c_str());
            check();
        }
        qFatal("there is no end of it");
        return 0;
    }

private Q_SLOTS:
    void aRunEndsAtEachFailureAndGoesOnAfterIt()
    {
        const Recipe recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
        QTemporaryDir calm;
        const auto whole = newProject(calm);
        quantizeTiny(whole, recipe);
        const auto expected = blockHashes(*whole, "run-001");

        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        const fs::path path = root / "p.halftone";
        const auto run = [&] { quantizeTiny(newProject(folder), recipe); };
        const int points = failAtEach(root, [&] { fs::remove_all(path); }, run, [&] {
            const auto project = newProject(folder);   // what there is opens, and the run goes on
            const QuantizeResult result = quantizeTiny(project, recipe);
            if (blockHashes(*project, result.run.id) != expected)
                qFatal("the resumed run differs");
        });
        QVERIFY2(points > 20, qPrintable(QString::number(points)));
        qInfo("%d points of failure", points);
    }

    void anExportIsWholeOrNotThere()
    {
        QTemporaryDir folder, outside;
        const auto project = newProject(folder);
        quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})"));
        ExportJob job;
        job.project = project;
        job.format = "compressed-tensors";
        job.out = fs::path(outside.path().toStdString()) / "out";
        SilentProgress progress;
        const int points = failAtEach(outside.path().toStdString(), [&] { fs::remove_all(job.out); }, [&] { exportRun(job, progress, {}); }, [&] {
            // Only the sync of the folder above, after the rename, may fail with the export in place; then it is whole.
            if (fs::exists(job.out) && !fs::exists(job.out / "halftone-certificate.json"))
                qFatal("half an export stands under its final name");
        });
        QVERIFY2(points > 20, qPrintable(QString::number(points)));
        qInfo("%d points of failure", points);
        fs::remove_all(job.out);
        exportRun(job, progress, {});
    }

    void aReplacedFolderIsTheOldOrTheNewWhereverItIsKilled_data()
    {
        QTest::addColumn<bool>("exchange");
        QTest::newRow("in one step") << true;
        QTest::newRow("in two renames") << false;
    }
    void aReplacedFolderIsTheOldOrTheNewWhereverItIsKilled()
    {
        QFETCH(bool, exchange);
        const auto put = [](const fs::path& file, const std::string& text) {
            fs::create_directories(file.parent_path());
            writeFileAtomically(file, text);
        };
        const auto names = [](const fs::path& folder) {
            std::set<std::string> found;
            for (const auto& entry : fs::recursive_directory_iterator(folder))
                if (entry.is_regular_file() && entry.path().filename().string().find(".halftone-partial") == std::string::npos)
                    found.insert(entry.path().lexically_relative(folder).generic_string());
            return found;
        };
        const std::set<std::string> old{"config.json", "templates/one.jinja"}, made{"config.json", "new.json"};
        const std::vector<std::string> mayGo{"config.json", "new.json", "templates/one.jinja"};
        const auto replace = [&](const fs::path& target) {
            AtomicFolder folder(target, mayGo);
            put(folder.path() / "config.json", "new");
            put(folder.path() / "new.json", "new");
            folder.commit();
        };
        int killed = 0, putBack = 0;
        for (int n = 1;; ++n) {
            QTemporaryDir dir;
            const fs::path root = fs::canonical(dir.path().toStdString()), target = root / "export";
            put(target / "config.json", "old");
            put(target / "templates" / "one.jinja", "old");
            const pid_t child = ::fork();
            if (child == 0) {
                failing_io::allowExchange(exchange);
                failing_io::armToKill(root, n);
                replace(target);
                ::_exit(0);
            }
            int status = 0;
            ::waitpid(child, &status, 0);
            const bool was = WIFEXITED(status) && WEXITSTATUS(status) == failing_io::kKilled;
            killed += was ? 1 : 0;
            const auto after = fs::exists(target) ? names(target) : std::set<std::string>{};
            if (!fs::exists(target))
                QVERIFY2(!exchange, qPrintable(QStringLiteral("call %1: neither is there").arg(n)));
            else
                QVERIFY2(after == old || after == made, qPrintable(QStringLiteral("call %1: a mixture").arg(n)));
            const bool gone = !fs::exists(target);
            const LogSink before = setLogSink([](LogLevel, std::string_view) {});
            {
                const AtomicFolder next(target, mayGo);   // the next start; it changes its mind
            }
            setLogSink(before);
            if (gone) {
                ++putBack;
                QVERIFY(names(target) == old);
            }
            replace(target);
            QVERIFY(names(target) == made);
            for (const auto& entry : fs::directory_iterator(root))   // where two renames were needed, the old one may be left beside it, never anything else
                QVERIFY2(entry.path() == target || (!exchange && entry.path().filename().string().starts_with("export.old-")), entry.path().c_str());
            if (!was)
                break;
        }
        QVERIFY2(killed > 10, qPrintable(QString::number(killed)));
        QVERIFY(exchange || putBack > 0);
    }

    void aSavedRecipeIsTheOldOrTheNew()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString(), file = root / "r.json";
        const Recipe before = tinyRecipe(R"({"weights": {"bits": 4}})"), after = tinyRecipe(R"({"weights": {"bits": 8}})");
        const int points = failAtEach(root, [&] { before.save(file); }, [&] { after.save(file); }, [&] {
            const Recipe now = Recipe::load(file);
            if (!(now == before) && !(now == after))
                qFatal("neither the old nor the new recipe");
        });
        QVERIFY2(points >= 4, qPrintable(QString::number(points)));
    }

    void whatIsInMemoryIsOnDiskAfterEachFailure()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString(), path = root / "p.halftone";
        int points = 0, kept = 0;
        for (bool met = true; met; ++points) {
            fs::remove_all(path);
            const auto project = newProject(folder);
            beginRun(*project, "{}", "print", 1);
            failing_io::arm(root, points + 1);
            try {
                labelRun(*project, "run-001", "named", {});
            } catch (const Error& e) {
                QCOMPARE(e.kind(), ErrorKind::Io);
            }
            failing_io::disarm();
            met = !failing_io::failedCall().empty();
            const std::string held = project->run("run-001").name, onDisk = Project::openExisting(path, true)->run("run-001").name;
            QVERIFY2(held == onDisk, qPrintable(QStringLiteral("call %1 (%2): \"%3\" in memory, \"%4\" on disk")
                                                    .arg(points + 1).arg(QString::fromStdString(failing_io::failedCall()), QString::fromStdString(held), QString::fromStdString(onDisk))));
            kept += met && held == "named" ? 1 : 0;
        }
        QVERIFY2(points >= 4 && kept >= 1, qPrintable(QStringLiteral("%1 points, %2 after the rename").arg(points).arg(kept)));   // the sync of the folder comes last
    }

    void anEditThatCannotBeKeptIsSaidAndTheProjectStillOpens()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString(), path = root / "p.halftone";
        const Recipe first = tinyRecipe(R"({"weights": {"bits": 4}})"), second = tinyRecipe(R"({"weights": {"bits": 8}})");
        std::shared_ptr<Project> project;
        const int points = failAtEach(
            root,
            [&] {
                project.reset();
                fs::remove_all(path);
                project = newProject(folder);
                project->setRecipe(first);
            },
            [&] {
                project->setRecipe(second);
                project->sync();
            },
            [&] {
                project.reset();
                const auto reopened = Project::openExisting(path, false);
                if (!reopened->recipe() || (!(*reopened->recipe() == first) && !(*reopened->recipe() == second)))
                    qFatal("neither the old nor the new recipe");
            });
        QVERIFY2(points >= 2, qPrintable(QString::number(points)));
    }
};

QTEST_GUILESS_MAIN(TestIoFailures)
#include "tst_io_failures.moc"
