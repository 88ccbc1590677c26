#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

using Json = nlohmann::json;
using namespace Qt::StringLiterals;

namespace {

struct Outcome {
    int code = -1;
    QByteArray out, err;
    Json json() const { return Json::parse(out.toStdString()); }
};

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");
const QString kText = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt");

Outcome halftone(const QStringList& arguments)
{
    QProcess process;
    process.setStandardInputFile(QProcess::nullDevice());
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    if (!process.waitForFinished(300000))
        process.kill();
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, process.readAllStandardOutput(), process.readAllStandardError()};
}

} // namespace

/// Runs of a project, by the command line.
class TestCliRun : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void runsAreListedNamedNotedAndDeleted()
    {
        QTemporaryDir folder;
        const QString project = folder.filePath(u"p.halftone"_s);
        for (int i = 0; i < 2; ++i) {
            const Outcome made = halftone({u"quantize"_s, kModel, u"--recipe"_s, u"preset:w4a16-rtn-g64"_s, u"--text"_s, kText, u"--project"_s, project, u"--samples"_s, u"4"_s,
                                           u"--length"_s, u"64"_s, u"--quiet"_s});
            QVERIFY2(made.code == 0, made.err.constData());
        }
        QCOMPARE(halftone({u"run"_s, u"name"_s, project + u"#run-001"_s, u"the \"good\" one"_s}).code, 0);
        QCOMPARE(halftone({u"run"_s, u"note"_s, project + u"#run-001"_s, u"kept for the talk"_s}).code, 0);
        const Outcome listed = halftone({u"run"_s, u"list"_s, project, u"--json"_s});
        QCOMPARE(listed.code, 0);
        const Json runs = listed.json().at("runs");
        QCOMPARE(runs.size(), std::size_t(2));
        QCOMPARE(QString::fromStdString(runs[0].at("name").get<std::string>()), u"the \"good\" one"_s);
        QCOMPARE(QString::fromStdString(runs[0].at("note").get<std::string>()), u"kept for the talk"_s);
        QCOMPARE(QString::fromStdString(runs[0].at("method").get<std::string>()), u"RTN 4 bits"_s);
        QVERIFY(runs[0].at("disk_bytes").get<std::int64_t>() > 0);
        const Outcome table = halftone({u"run"_s, u"list"_s, project});
        QVERIFY(table.out.contains("the \"good\" one") && table.out.contains(", 2 runs"));

        QCOMPARE(halftone({u"run"_s, u"delete"_s, project + u"#run-002"_s}).code, 2);   // nobody can be asked
        QCOMPARE(halftone({u"run"_s, u"delete"_s, project, u"--yes"_s}).code, 2);       // which one?
        const Outcome gone = halftone({u"run"_s, u"delete"_s, project + u"#run-002"_s, u"--yes"_s});
        QVERIFY2(gone.code == 0 && gone.out.contains("run-002 is deleted"), gone.err.constData());
        QCOMPARE(halftone({u"run"_s, u"list"_s, project, u"--json"_s}).json().at("runs").size(), std::size_t(1));
        QCOMPARE(halftone({u"run"_s, u"delete"_s, project + u"#run-002"_s, u"--yes"_s}).code, 3);
        QCOMPARE(halftone({u"run"_s, u"list"_s, kModel}).code, 3);

        const QString copy = folder.filePath(u"q.halftone"_s);
        const Outcome copied = halftone({u"project"_s, u"copy"_s, project, copy, u"--quiet"_s});
        QVERIFY2(copied.code == 0, copied.err.constData());
        QCOMPARE(halftone({u"run"_s, u"list"_s, copy, u"--json"_s}).json().at("runs"), halftone({u"run"_s, u"list"_s, project, u"--json"_s}).json().at("runs"));
        QCOMPARE(halftone({u"project"_s, u"copy"_s, project, copy}).code, 3);
    }

    void aWordThatWouldWriteToTheTerminalIsRefused()
    {
        QTemporaryDir folder;
        const QString project = folder.filePath(u"p.halftone"_s);
        QCOMPARE(halftone({u"quantize"_s, kModel, u"--recipe"_s, u"preset:w4a16-rtn-g64"_s, u"--text"_s, kText, u"--project"_s, project, u"--samples"_s, u"4"_s, u"--length"_s,
                           u"64"_s, u"--quiet"_s}).code, 0);
        const Outcome refused = halftone({u"run"_s, u"name"_s, project + u"#run-001"_s, u"\u001b[31mred"_s});
        QVERIFY(refused.code == 3 || refused.code == 2);
        QVERIFY(!refused.err.contains('\x1b'));
    }
};

QTEST_GUILESS_MAIN(TestCliRun)
#include "tst_cli_run.moc"
