#include "core/base/error.h"
#include "core/base/json.h"
#include "core/project/journal.h"
#include "core/project/project.h"
#include "project_fixture.h"

#include <QTest>

#include <sys/stat.h>
#include <unistd.h>

using namespace halftone;

namespace {

Recipe recipeOfBits(int bits)
{
    Recipe recipe;
    recipe.defaults.bits = bits;
    return recipe;
}

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

} // namespace

class TestProject : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aNewProjectIsAFolderWithAManifest()
    {
        const ProjectFixture fixture;
        QVERIFY(!Project::isProject(fixture.folder()));
        {
            const auto project = fixture.open();
            QVERIFY(!project->readOnly());
            QVERIFY(project->readOnlyReason().empty());
            QCOMPARE(project->modelPath(), fixture.model());
            QVERIFY(!project->recipe().has_value());
            QVERIFY(project->runs().empty());
            QVERIFY(!project->analysis().has_value());
            QVERIFY(std::filesystem::exists(fixture.folder() / "lock"));
        }
        QVERIFY(Project::isProject(fixture.folder()));
        QVERIFY(!std::filesystem::exists(fixture.folder() / "lock"));
        struct stat mode {};
        QCOMPARE(::stat((fixture.folder() / "manifest.json").c_str(), &mode), 0);
        QCOMPARE(mode.st_mode & 0777u, 0600u);
        QCOMPARE(fixture.open()->modelPath(), fixture.model());
    }

    void missingParentsAreMade()
    {
        const ProjectFixture fixture;
        const auto folder = fixture.root() / "a" / "b" / "y.halftone";
        QVERIFY(!Project::open(folder, fixture.model())->readOnly());
        QVERIFY(Project::isProject(folder));
    }

    void whatIsNoProjectIsRefused()
    {
        const ProjectFixture fixture;
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.reopen(); }).contains("no Halftone project"));
        std::filesystem::create_directory(fixture.folder());
        ProjectFixture::write(fixture.folder() / "thesis.tex", "precious");
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.open(); }).contains("thesis.tex"));
        QCOMPARE(fixture.files().size(), std::size_t(1));
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { Project::open(fixture.model(), fixture.model()); }).contains("is a file"));
    }

    void aProjectBelongsToOneModel()
    {
        const ProjectFixture fixture;
        fixture.open();
        const auto other = fixture.root() / "other.gguf";
        ProjectFixture::write(other, "weights");
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { Project::open(fixture.folder(), other); }).contains("model.gguf"));
        std::filesystem::remove(fixture.model());   // moved: the new place is taken over
        QCOMPARE(Project::open(fixture.folder(), other)->modelPath(), other);
        QCOMPARE(fixture.reopen()->modelPath(), other);
    }

    void aProjectFindsAModelThatMovedAlong()
    {
        const ProjectFixture fixture;
        fixture.open();
        const auto moved = fixture.root() / "moved";
        std::filesystem::create_directory(moved);
        std::filesystem::rename(fixture.folder(), moved / "x.halftone");
        std::filesystem::rename(fixture.model(), moved / "model.gguf");
        QCOMPARE(Project::openExisting(moved / "x.halftone", true)->modelPath(), moved / "model.gguf");
    }

    void editsAreInTheJournalAtOnceAndInTheManifestAfterClosing()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            const std::string before = ProjectFixture::content(fixture.folder() / "manifest.json");
            for (int bits = 2; bits <= 8; ++bits)
                project->setRecipe(recipeOfBits(bits));
            project->sync();
            QVERIFY(*project->recipe() == recipeOfBits(8));
            QCOMPARE(readJournal(fixture.folder() / "journal.log").edits.size(), std::size_t(7));
            QCOMPARE(ProjectFixture::content(fixture.folder() / "manifest.json"), before);
            QVERIFY(*fixture.reopen(true)->recipe() == recipeOfBits(8));   // a reader replays, too
        }
        QVERIFY(readJournal(fixture.folder() / "journal.log").edits.empty());
        const auto again = fixture.reopen();
        QVERIFY(*again->recipe() == recipeOfBits(8));
        again->setRecipe(recipeOfBits(3));
        QVERIFY(*again->recipe() == recipeOfBits(3));
    }

    void aLongJournalIsTakenIntoTheManifest()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        Recipe recipe;
        for (int i = 0; i < 2000; ++i)
            recipe.rules.push_back({"model.layers." + std::to_string(i) + ".*", recipeOfBits(4).defaults});
        for (int i = 0; i < 40; ++i) {
            recipe.calibration.samples = i + 1;
            project->setRecipe(recipe);
        }
        project->sync();
        QVERIFY(std::filesystem::file_size(fixture.folder() / "journal.log") < (std::uintmax_t(4) << 20));
        QVERIFY(*fixture.reopen(true)->recipe() == recipe);
    }

    void aTornJournalKeepsWhatIsGood_data()
    {
        QTest::addColumn<QByteArray>("tail");
        QTest::newRow("cut line") << QByteArray("0123abcd {\"sequence\": 9, \"rec");
        QTest::newRow("wrong sum") << QByteArray("00000000 {\"sequence\":9,\"recipe\":{\"halftone_recipe\":1}}\n");
        QTest::newRow("zeros") << QByteArray(300, '\0');
        QTest::newRow("no JSON, right sum") << QByteArray("352441c2 abc\n");
        QTest::newRow("newline only") << QByteArray("\n");
    }
    void aTornJournalKeepsWhatIsGood()
    {
        QFETCH(QByteArray, tail);
        const ProjectFixture fixture;
        fixture.open();
        {
            JournalWriter journal(fixture.folder() / "journal.log", 0);
            journal.append({{"sequence", 1}, {"recipe", Json::parse(recipeOfBits(4).toJson())}});
            journal.append({{"sequence", 2}, {"recipe", Json::parse(recipeOfBits(5).toJson())}});
        }
        const std::string good = ProjectFixture::content(fixture.folder() / "journal.log");
        ProjectFixture::write(fixture.folder() / "journal.log", good + tail.toStdString());
        QVERIFY(*fixture.reopen(true)->recipe() == recipeOfBits(5));
        QCOMPARE(ProjectFixture::content(fixture.folder() / "journal.log"), good + tail.toStdString());   // a reader changes nothing
        const auto project = fixture.reopen();
        QVERIFY(*project->recipe() == recipeOfBits(5));
        QCOMPARE(project->notices().size(), std::size_t(1));
        QCOMPARE(ProjectFixture::content(fixture.folder() / "journal.log"), good);
        std::string kept;
        for (const auto& [name, content] : fixture.files())
            if (name.starts_with("journal.bad-"))
                kept = content;
        QCOMPARE(kept, tail.toStdString());
        project->setRecipe(recipeOfBits(7));
        QVERIFY(*fixture.reopen(true)->recipe() == recipeOfBits(7));
    }

    void theChecksumIsTheUsualOne()
    {
        QCOMPARE(crc32("123456789"), 0xCBF43926u);
        QCOMPARE(crc32(""), 0u);
        QCOMPARE(crc32("abc"), 0x352441c2u);
    }

    void theSecondToOpenMayOnlyRead()
    {
        const ProjectFixture fixture;
        auto first = fixture.open();
        const auto second = fixture.reopen();
        QVERIFY(second->readOnly());
        QVERIFY(QString::fromStdString(second->readOnlyReason()).contains(QString::number(::getpid())));
        const auto alsoSecond = fixture.open();
        QVERIFY(alsoSecond->readOnly());
        for (const auto& deed : std::vector<std::function<void()>>{[&] { second->setRecipe(recipeOfBits(4)); },
            [&] { second->beginAnalysis({}, 1, 2, "t"); }})
            QVERIFY(errorOf(ErrorKind::Io, deed).contains("read-only"));
        first->setRecipe(recipeOfBits(4));
        first.reset();
        const auto third = fixture.reopen();
        QVERIFY(!third->readOnly());
        QVERIFY(*third->recipe() == recipeOfBits(4));
    }

    void aLockOfADeadProcessIsStaleAForeignOneIsNot()
    {
        const ProjectFixture fixture;
        fixture.open();
        char host[256] = {};
        QCOMPARE(::gethostname(host, sizeof host - 1), 0);
        const auto lock = fixture.folder() / "lock";
        ProjectFixture::write(lock, Json{{"pid", 2147480000}, {"host", host}, {"started", "1"}}.dump());
        QVERIFY(!fixture.reopen()->readOnly());
        ProjectFixture::write(lock, std::string(90, '\0'));   // as a power failure leaves it
        QVERIFY(!fixture.reopen()->readOnly());
        for (const std::string mine : {"garbage", "{\"pid\": 1, \"notes\": \"mine\"}"}) {   // not ours: kept
            ProjectFixture::write(lock, mine);
            QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.reopen(); }).contains(QString::fromStdString(lock.string())));
            QCOMPARE(ProjectFixture::content(lock), mine);
        }
        ProjectFixture::write(lock, Json{{"pid", 1}, {"host", "another-machine"}, {"started", "1"}}.dump());
        const auto project = fixture.reopen();
        QVERIFY(project->readOnly());
        QVERIFY(QString::fromStdString(project->readOnlyReason()).contains("another-machine"));
        QVERIFY(std::filesystem::exists(lock));
        std::filesystem::remove(lock);
        std::filesystem::create_symlink(fixture.model(), lock);   // never followed
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.reopen(); }).contains("move it away"));
        QCOMPARE(ProjectFixture::content(fixture.model()), std::string("weights"));
    }

    void aNewerFormatIsOpenedForReadingOnly()
    {
        const ProjectFixture fixture;
        fixture.open()->setRecipe(recipeOfBits(6));
        Json manifest = Json::parse(ProjectFixture::content(fixture.folder() / "manifest.json"));
        manifest["format"] = {2, 3};
        manifest["something_new"] = true;
        ProjectFixture::write(fixture.folder() / "manifest.json", manifest.dump());
        const auto before = fixture.files();
        {
            const auto project = fixture.reopen();
            QVERIFY(project->readOnly());
            QVERIFY(QString::fromStdString(project->readOnlyReason()).contains("2.3"));
            QVERIFY(*project->recipe() == recipeOfBits(6));
            QVERIFY(!errorOf(ErrorKind::Io, [&] { project->setRecipe(recipeOfBits(4)); }).isEmpty());
        }
        QVERIFY(fixture.files() == before);
        manifest.erase("runs");
        ProjectFixture::write(fixture.folder() / "manifest.json", manifest.dump());
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.reopen(); }).contains("newer Halftone"));
    }

    void aNewerMinorFormatIsUsed()
    {
        const ProjectFixture fixture;
        fixture.open();
        Json manifest = Json::parse(ProjectFixture::content(fixture.folder() / "manifest.json"));
        manifest["format"] = {1, 9};
        ProjectFixture::write(fixture.folder() / "manifest.json", manifest.dump());
        QVERIFY(!fixture.reopen()->readOnly());
    }

    void brokenManifestsAreBadFiles_data()
    {
        QTest::addColumn<QByteArray>("patch");
        QTest::newRow("no JSON") << QByteArray();
        const char* file = R"({"bytes": 1, "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "file": "%1"})";
        const auto withFile = [&](const char* name) { return QByteArray(QString(R"({"analysis": {"bits": 8, "alpha": 0.1, "windows": 1, "length": 2, "text_hash": "", "blocks": [{"block": 0, "file": %1}]}})")
                                                                             .arg(QString(file).arg(name)).toUtf8()); };
        for (const char* name : {"../secret", "/etc/passwd", "stats/../../x", "stats//x", "stats/.x", "manifest.json", "stats/",
            "runs/a b", "stats/x\\u0000"})
            QTest::newRow(name) << withFile(name);
        QTest::newRow("format missing") << QByteArray(R"({"format": null})");
        QTest::newRow("format of one") << QByteArray(R"({"format": [1]})");
        QTest::newRow("model a number") << QByteArray(R"({"model": 3})");
        QTest::newRow("sequence negative") << QByteArray(R"({"sequence": -1})");
        QTest::newRow("runs an object") << QByteArray(R"({"runs": {}})");
        QTest::newRow("run without id") << QByteArray(R"({"runs": [{}]})");
        QTest::newRow("recipe faulty") << QByteArray(R"({"recipe": {"halftone_recipe": 1, "defaults": {"weights": {"bits": 1}}}})");
    }
    void brokenManifestsAreBadFiles()
    {
        QFETCH(QByteArray, patch);
        const ProjectFixture fixture;
        fixture.open();
        const auto path = fixture.folder() / "manifest.json";
        Json manifest = Json::parse(ProjectFixture::content(path));
        if (!patch.isEmpty())
            manifest.update(Json::parse(patch.toStdString()));
        ProjectFixture::write(path, patch.isEmpty() ? "{" : manifest.dump());
        const std::string before = ProjectFixture::content(path);
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.reopen(); }).contains("manifest.json"));
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { fixture.open(); }).contains("manifest.json"));
        QCOMPARE(ProjectFixture::content(path), before);
    }
};

QTEST_APPLESS_MAIN(TestProject)
#include "tst_project.moc"
