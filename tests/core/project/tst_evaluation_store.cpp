#include "project_fixture.h"

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/project/evaluation_store.h"
#include "core/project/replace_guard.h"
#include "core/project/run_reference.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"

#include <QtTest>

#include <set>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;
namespace fs = std::filesystem;

namespace {

StoredEvaluation evaluationOf(const std::string& run, const std::string& text, double perplexity = 20)
{
    StoredEvaluation record;
    record.target = StoredEvaluation::Target::Run;
    record.run = record.label = run;
    record.textPath = text;
    record.windows = 4;
    record.length = 64;
    record.when = "2026-01-02T03:04:05";
    record.result.perplexity = {perplexity, 0.1, 3, 256, 4, 64};
    return record;
}

std::set<std::string> textsOf(const std::vector<StoredEvaluation>& records)
{
    std::set<std::string> texts;
    for (const StoredEvaluation& record : records)
        texts.insert(record.textPath);
    return texts;
}

std::vector<std::string> badFiles(const fs::path& project)
{
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(project))
        if (entry.path().filename().string().starts_with("evaluations.json.bad-"))
            names.push_back(entry.path().string());
    return names;
}

} // namespace

class TestEvaluationStore : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void programsThatWriteAtOnceLoseNothing()
    {
        const ProjectFixture fixture;
        const auto window = fixture.open();   // the project itself is open elsewhere
        constexpr int kPrograms = 4, kEach = 12;
        std::vector<pid_t> children;
        for (int p = 0; p < kPrograms; ++p) {
            const pid_t child = ::fork();
            if (child == 0) {
                int failed = 0;
                for (int i = 0; i < kEach; ++i) {
                    try {
                        storeEvaluation(fixture.folder(), evaluationOf("run-001", "/text-" + std::to_string(p) + "-" + std::to_string(i)));
                    } catch (const Error&) {
                        ++failed;
                    }
                }
                ::_exit(failed);
            }
            children.push_back(child);
        }
        std::thread own([&] {
            for (int i = 0; i < kEach; ++i)
                storeEvaluation(fixture.folder(), evaluationOf("run-002", "/own-" + std::to_string(i)));
        });
        own.join();
        for (const pid_t child : children) {
            int status = 0;
            ::waitpid(child, &status, 0);
            QCOMPARE(WEXITSTATUS(status), 0);
        }
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t((kPrograms + 1) * kEach));
        QCOMPARE(textsOf(readEvaluations(fixture.folder())).size(), std::size_t((kPrograms + 1) * kEach));
    }

    void theNewerOfOneSubjectCounts()
    {
        const ProjectFixture fixture;
        fixture.open();
        storeEvaluation(fixture.folder(), evaluationOf("run-001", "/a", 20));
        storeEvaluation(fixture.folder(), evaluationOf("run-002", "/a", 21));
        const auto all = storeEvaluation(fixture.folder(), evaluationOf("run-001", "/a", 19));
        QCOMPARE(all.size(), std::size_t(2));
        QCOMPARE(all.back().result.perplexity.perplexity, 19.0);
        QCOMPARE(removeEvaluation(fixture.folder(), evaluationOf("run-002", "/a")).size(), std::size_t(1));
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t(1));
    }

    void aBrokenFileIsKeptAndSaid_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("cut off") << QByteArray("[{\"target\": \"run\", \"run\": \"run-0");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("no list") << QByteArray(R"({"evaluations": 1})");
        QTest::newRow("binary") << QByteArray("\0\xff\x01", 3);
    }
    void aBrokenFileIsKeptAndSaid()
    {
        QFETCH(QByteArray, content);
        const ProjectFixture fixture;
        fixture.open();
        const fs::path file = fixture.folder() / "evaluations.json";
        ProjectFixture::write(file, content.toStdString());
        QVERIFY_EXCEPTION_THROWN(readEvaluations(fixture.folder()), Error);
        QCOMPARE(ProjectFixture::content(file), content.toStdString());
        std::string said;
        const LogSink old = setLogSink([&](LogLevel, std::string_view message) { said += message; });
        const auto all = storeEvaluation(fixture.folder(), evaluationOf("run-001", "/a"));
        setLogSink(old);
        QCOMPARE(all.size(), std::size_t(1));
        const auto kept = badFiles(fixture.folder());
        QCOMPARE(kept.size(), std::size_t(1));
        QCOMPARE(ProjectFixture::content(kept.front()), content.toStdString());
        QVERIFY2(said.find(kept.front()) != std::string::npos, said.c_str());
    }

    void whatThisVersionDoesNotKnowStays()
    {
        const ProjectFixture fixture;
        fixture.open();
        const fs::path file = fixture.folder() / "evaluations.json";
        ProjectFixture::write(file, R"([{"target": "benchmark", "score": "high", "tokens": "many"}, {"target": "run", "run": "run-001", "label": "run-001",
            "text": "/a", "windows": 4, "length": 64, "tokens": 9, "perplexity": 5, "colour": "red"}])");
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t(1));
        storeEvaluation(fixture.folder(), evaluationOf("run-002", "/a"));
        const std::string text = ProjectFixture::content(file);
        for (const char* word : {"benchmark", "high", "many", "red", "run-002"})
            QVERIFY2(text.find(word) != std::string::npos, word);
    }

    void countsThatAreNoWholeNumbersOfTheirTypeAreNoRecord_data()
    {
        QTest::addColumn<QString>("counts");
        QTest::addColumn<bool>("good");
        QTest::addRow("as we write them") << R"("windows": 4, "length": 64, "tokens": 9)" << true;
        QTest::addRow("windows beyond an int") << R"("windows": 4294967300, "length": 64, "tokens": 9)" << false;
        QTest::addRow("a length beyond any whole number") << R"("windows": 4, "length": 1e300, "tokens": 9)" << false;
        QTest::addRow("half a token") << R"("windows": 4, "length": 64, "tokens": 9.5)" << false;
        QTest::addRow("positions beyond 64 bits") << R"("windows": 4, "length": 64, "tokens": 9, "not_finite": 18446744073709551615)" << false;
        QTest::addRow("blocks of a trace") << R"("windows": 4, "length": 64, "tokens": 9, "trace": {"texts": ["a"], "nll": [1], "blocks": -4294967295})" << false;
    }

    void countsThatAreNoWholeNumbersOfTheirTypeAreNoRecord()
    {
        QFETCH(QString, counts);
        QFETCH(bool, good);
        const ProjectFixture fixture;
        fixture.open();
        ProjectFixture::write(fixture.folder() / "evaluations.json",
            R"([{"target": "run", "run": "run-001", "label": "run-001", "text": "/a", "perplexity": 5, )" + counts.toStdString() + "}]");
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t(good ? 1 : 0));
    }

    void anOlderProjectsListIsTakenOver()
    {
        const ProjectFixture fixture;
        fixture.open();
        const fs::path old = fixture.folder() / "cache" / "evaluations.json";
        fs::create_directories(old.parent_path());
        ProjectFixture::write(old, R"([{"target": "run", "run": "run-001", "label": "run-001", "text": "/a", "windows": 4, "length": 64, "tokens": 9, "perplexity": 5}])");
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t(1));
        storeEvaluation(fixture.folder(), evaluationOf("run-001", "/b"));
        fs::remove_all(fixture.folder() / "cache");   // may be deleted at any time
        QCOMPARE(readEvaluations(fixture.folder()).size(), std::size_t(2));
    }

    void aRunGoesWithItsEvaluations()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        beginRun(*project, "{}", "a", 1);
        beginRun(*project, "{}", "b", 1);
        storeEvaluation(fixture.folder(), evaluationOf("run-001", "/a"));
        storeEvaluation(fixture.folder(), evaluationOf("run-002", "/a"));
        removeRun(*project, "run-001");
        QCOMPARE(project->runs().size(), std::size_t(1));
        const auto left = readEvaluations(fixture.folder());
        QCOMPARE(left.size(), std::size_t(1));
        QCOMPARE(left.front().run, std::string("run-002"));
    }

    void aPathThatExistsIsNoRunOfAnotherProject()
    {
        const ProjectFixture fixture;
        fixture.open();
        const fs::path tagged = fixture.root() / "hash#tag" / "p#1.halftone";
        Project::open(tagged, fixture.model());
        const auto is = [](const std::string& text, const fs::path& project, const std::string& run) {
            const auto named = runReference(text);
            return named && named->project == project && named->run == run;
        };
        QVERIFY(is(fixture.folder().string(), fixture.folder(), ""));
        QVERIFY(is(fixture.folder().string() + "#run-001", fixture.folder(), "run-001"));
        QVERIFY(is(tagged.string(), tagged, ""));
        QVERIFY(is(tagged.string() + "#run-002", tagged, "run-002"));
        QVERIFY(!runReference(fixture.model().string()));
        QVERIFY(!runReference(fixture.root().string() + "/nothing#run-001"));
        // A model beside a project whose name is the part before its '#'.
        fs::create_directories(fixture.folder().string() + "#7b");
        QVERIFY(!runReference(fixture.folder().string() + "#7b"));
    }

    void filesOfModelsAndProjectsAreNotWrittenOver()
    {
        const ProjectFixture fixture;
        fixture.open();
        const fs::path model = fixture.root() / "model", link = fixture.root() / "link.csv", csv = fixture.root() / "out.csv";
        fs::create_directories(model);
        fs::create_directories(fixture.root() / "x");
        ProjectFixture::write(model / "config.json", "{}");
        ProjectFixture::write(csv, "a,b");
        fs::create_symlink(model / "config.json", link);
        const std::vector<Precious> precious{{model, "the model"}};
        const auto refused = [&](const fs::path& path, bool allowed) {
            try {
                requireFileTarget(path, allowed, precious);
            } catch (const Error& e) {
                return e.kind() == ErrorKind::InvalidArgument;
            }
            return false;
        };
        QVERIFY(!refused(fixture.root() / "new.csv", false));
        QVERIFY(refused(csv, false));
        QVERIFY(!refused(csv, true));
        for (const fs::path& path : {model / "config.json", fixture.root() / "x" / ".." / "model" / "config.json", link, model, model / "", fixture.folder() / "manifest.json",
                                     fixture.root() / std::string(300, 'n')})
            QVERIFY2(refused(path, true), path.c_str());
        QCOMPARE(ProjectFixture::content(model / "config.json"), std::string("{}"));
    }
};

QTEST_GUILESS_MAIN(TestEvaluationStore)
#include "tst_evaluation_store.moc"
