#include "failing_io.h"
#include "tiny_model.h"

#include "core/base/error.h"
#include "core/exporting/export_job.h"

#include <QtTest>

#include <functional>
#include <set>

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
