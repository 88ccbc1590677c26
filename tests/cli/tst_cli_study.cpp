#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <cmath>
#include <csignal>

using Json = nlohmann::json;

namespace {

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");
const QString kText = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt");

struct Outcome {
    int code = -1;
    QByteArray out, err;
    Json json() const { return Json::parse(out.toStdString()); }
};

Outcome halftone(const QStringList& arguments)
{
    QProcess process;
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    if (!process.waitForFinished(300000))
        process.kill();
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, process.readAllStandardOutput(), process.readAllStandardError()};
}

QByteArray readFile(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// A study whose texts lie beside it, so that it needs no other argument.
QString studyFile(const QTemporaryDir& folder, const QByteArray& bits = "[16, 4, 3]")
{
    QFile::copy(kText, folder.filePath(QStringLiteral("text.txt")));
    const QString path = folder.filePath(QStringLiteral("s.json"));
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        qFatal("cannot write the test's file");
    file.write(R"({"halftone_study": 1, "name": "test", "model": ")" + QDir(folder.path()).relativeFilePath(kModel).toUtf8() + R"(",
        "calibration_text": "text.txt", "evaluation": {"texts": ["text.txt"], "windows": 3, "length": 64},
        "base": {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 64}},
        "axes": {"methods": [{"name": "RTN", "rounding": {"method": "rtn"}}, {"name": "GPTQ", "rounding": {"method": "gptq"}}],
                 "weight_bits": )" + bits + R"(, "groups": [32], "activations": [{"scheme": "none"}, {"scheme": "cross", "bits": [8, 4]}]}})");
    return path;
}

/// The figures of a study, without times.
Json figures(Json members)
{
    for (Json& member : members)
        member.erase("seconds");
    return members;
}

} // namespace

class TestCliStudy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aFileAloneIsEnough()
    {
        QTemporaryDir folder;
        const QString csv = folder.filePath(QStringLiteral("t.csv"));
        const Outcome o = halftone({QStringLiteral("study"), studyFile(folder), QStringLiteral("--csv"), csv, QStringLiteral("--json")});
        QVERIFY2(o.code == 0, o.err.constData());
        const Json json = o.json();
        QVERIFY(json.at("float").at("perplexity").get<double>() > 1);
        QCOMPARE(json.at("members").size(), std::size_t{3 + 2 * 2 * 3});
        for (const Json& member : json.at("members")) {
            for (const char* key : {"name", "weights", "activations", "perplexity", "degradation", "ratio", "class", "kl_mean", "kernel", "lost", "clipped", "bits_per_weight",
                                    "bytes", "seconds", "state"})
                QVERIFY2(member.contains(key), key);
            QCOMPARE(member.at("state").get<std::string>(), std::string("done"));
            const double degradation = member.at("degradation");
            QCOMPARE(member.at("class").get<int>(), degradation <= 0.1 ? 1 : degradation <= 0.5 ? 2 : 3);
            QCOMPARE(member.at("kernel").is_number(), member.at("activations") != "A16");
        }
        QVERIFY(QFile::exists(folder.filePath(QStringLiteral("s.halftone/manifest.json"))));
        const QList<QByteArray> lines = readFile(csv).split('\n');
        QCOMPARE(lines.size(), qsizetype{1 + 15 + 1});
        QVERIFY(lines[0].startsWith("setting,method,weights,activations,state,perplexity,degradation,ratio,class,"));
        // The window's two plots of it.
        for (const char* view : {"study", "kernel-perplexity"})
            for (const char* ending : {".png", ".csv"}) {
                const QString file = folder.filePath(QString::fromLatin1(view) + QString::fromLatin1(ending));
                const Outcome plotted = halftone({QStringLiteral("plot"), folder.filePath(QStringLiteral("s.halftone")), QStringLiteral("--view"), QString::fromLatin1(view),
                                                  QStringLiteral("--out"), file});
                QVERIFY2(plotted.code == 0, plotted.err.constData());
                QVERIFY(QFileInfo(file).size() > 200);
            }
        QCOMPARE(readFile(folder.filePath(QStringLiteral("study.csv"))), readFile(csv));
        QCOMPARE(readFile(folder.filePath(QStringLiteral("kernel-perplexity.csv"))).count('\n'), 1 + 2 + 2 * 2 * 2);
        // The same figure as evaluate's.
        const Outcome alone = halftone({QStringLiteral("evaluate"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("3"),
                                        QStringLiteral("--length"), QStringLiteral("64"), QStringLiteral("--json")});
        QCOMPARE(json.at("float").at("perplexity").get<double>(), alone.json().at("perplexity").get<double>());
    }

    void killedItResumesToTheSameFigures()
    {
        QTemporaryDir folder;
        const QString study = studyFile(folder);
        const auto arguments = [&](const char* project, int threads = 2) {   // how many of them is no difference
            return QStringList{QStringLiteral("study"), study, QStringLiteral("--project"), folder.filePath(QString::fromLatin1(project)), QStringLiteral("--threads"),
                               QString::number(threads), QStringLiteral("--resume"), QStringLiteral("--json")};
        };
        QElapsedTimer timer;
        timer.start();
        const Outcome whole = halftone(arguments("whole.halftone"));
        QVERIFY2(whole.code == 0, whole.err.constData());
        const qint64 took = timer.elapsed();
        int deaths = 0;
        for (int i = 1; i <= 8; ++i) {   // dies again and again, ever later, until it gets through
            QProcess process;
            process.start(QStringLiteral(HALFTONE_CLI), arguments("killed.halftone", 1 + i % 3));
            QVERIFY(process.waitForStarted());
            if (process.waitForFinished(static_cast<int>(took * (2 + i) / 10)))
                break;
            ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
            process.waitForFinished();
            ++deaths;
        }
        QVERIFY(deaths > 0);
        const Outcome last = halftone(arguments("killed.halftone"));
        QVERIFY2(last.code == 0, last.err.constData());
        QCOMPARE(last.json().at("study").get<std::string>(), std::string("study-001"));
        QCOMPARE(QString::fromStdString(figures(last.json().at("members")).dump(1)), QString::fromStdString(figures(whole.json().at("members")).dump(1)));
    }

    void interruptedItSays130()
    {
        QTemporaryDir folder;
        const QStringList arguments{QStringLiteral("study"), studyFile(folder, "[4, 3, 2, 8, 6, 5]"), QStringLiteral("--resume")};
        QProcess process;
        process.start(QStringLiteral(HALFTONE_CLI), arguments);
        QVERIFY(process.waitForStarted());
        QTRY_VERIFY_WITH_TIMEOUT(QDir(folder.filePath(QStringLiteral("s.halftone/studies"))).exists() || process.state() == QProcess::NotRunning, 60000);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(20000));
        QVERIFY2(process.exitCode() == 130, process.readAllStandardError().constData());
        QCOMPARE(halftone(arguments).code, 0);
    }

    void resumedWithSomethingElseItSaysWhatDiffers()
    {
        QTemporaryDir folder;
        const QString study = studyFile(folder, "[4, 3, 2, 8, 6, 5]"), other = folder.filePath(QStringLiteral("other.txt"));
        QFile text(other);
        QVERIFY(text.open(QIODevice::WriteOnly) && text.write(readFile(kText).mid(100)) > 0);
        text.close();
        const QStringList arguments{QStringLiteral("study"), study, QStringLiteral("--resume")};
        QProcess process;
        process.start(QStringLiteral(HALFTONE_CLI), arguments);
        QVERIFY(process.waitForStarted());
        const QString begun = folder.filePath(QStringLiteral("s.halftone/studies/study-001"));
        QTRY_VERIFY_WITH_TIMEOUT(QDir(begun).exists() || process.state() == QProcess::NotRunning, 60000);
        process.kill();
        QVERIFY(process.waitForFinished(20000));
        const QByteArray manifest = readFile(folder.filePath(QStringLiteral("s.halftone/manifest.json")));
        if (!manifest.contains("study-001"))
            QSKIP("killed before the study stood in the manifest");
        for (const QStringList& more : {QStringList{QStringLiteral("--length"), QStringLiteral("32")}, {QStringLiteral("--windows"), QStringLiteral("2")}, {QStringLiteral("--eval"), other}}) {
            const Outcome o = halftone(arguments + more);
            QVERIFY2(o.code == 3 && o.err.contains("study-001 cannot be resumed like this"), o.err.constData());
            QVERIFY2(!o.err.contains("thread"), o.err.constData());
            QVERIFY(!QDir(folder.filePath(QStringLiteral("s.halftone/studies/study-002"))).exists());
        }
        QCOMPARE(halftone(arguments + QStringList{QStringLiteral("--windows"), QStringLiteral("2"), QStringLiteral("--start-anew")}).code, 0);
        QVERIFY(QDir(folder.filePath(QStringLiteral("s.halftone/studies/study-002"))).exists());
        const Outcome last = halftone(arguments + QStringList{QStringLiteral("--json")});
        QVERIFY2(last.code == 0, last.err.constData());
        QCOMPARE(last.json().at("study").get<std::string>(), std::string("study-001"));
    }

    void faultsHaveAPlaceAndACode_data()
    {
        QTest::addColumn<QByteArray>("bits");
        QTest::addColumn<QStringList>("more");
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("says");
        QTest::newRow("bits") << QByteArray("[4, 9]") << QStringList() << 3 << QStringLiteral("/axes/weight_bits/1");
        QTest::newRow("no such text") << QByteArray("[4]") << QStringList{QStringLiteral("--eval"), QStringLiteral("/nowhere/t")} << 3 << QStringLiteral("/nowhere/t");
        QTest::newRow("no such option") << QByteArray("[4]") << QStringList{QStringLiteral("--evil")} << 2 << QStringLiteral("--evil");
        QTest::newRow("windows") << QByteArray("[4]") << QStringList{QStringLiteral("--windows"), QStringLiteral("-1")} << 2 << QStringLiteral("--windows");
    }

    void faultsHaveAPlaceAndACode()
    {
        QFETCH(QByteArray, bits);
        QFETCH(QStringList, more);
        QFETCH(int, code);
        QFETCH(QString, says);
        QTemporaryDir folder;
        const Outcome o = halftone(QStringList{QStringLiteral("study"), studyFile(folder, bits)} + more);
        QVERIFY2(o.code == code, o.err.constData());
        QVERIFY2(QString::fromUtf8(o.err).contains(says), o.err.constData());
    }

    void aPlanComputesNothing()
    {
        QTemporaryDir folder;
        const Outcome o = halftone({QStringLiteral("study"), studyFile(folder), QStringLiteral("--plan"), QStringLiteral("--json")});
        QVERIFY2(o.code == 0, o.err.constData());
        QCOMPARE(o.json().at("runs").get<int>(), 6);
        QCOMPARE(o.json().at("members").at(0).at("how").get<std::string>(), std::string("float"));
        QVERIFY(!QFile::exists(folder.filePath(QStringLiteral("s.halftone"))));
    }
};

QTEST_GUILESS_MAIN(TestCliStudy)
#include "tst_cli_study.moc"
