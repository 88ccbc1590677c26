#include <QDir>
#include <QDirIterator>
#include <QElapsedTimer>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>
#include <sys/resource.h>

using Json = nlohmann::json;

namespace {

struct Outcome {
    int code = -1;
    QByteArray out, err;
    Json json() const { return Json::parse(out.toStdString()); }
};

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");
const QString kText = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt");

Outcome halftone(const QStringList& arguments, qint64 fileSizeLimit = 0)
{
    QProcess process;
    if (fileSizeLimit > 0)
        process.setChildProcessModifier([fileSizeLimit] {
            const rlimit limit{static_cast<rlim_t>(fileSizeLimit), static_cast<rlim_t>(fileSizeLimit)};
            ::setrlimit(RLIMIT_FSIZE, &limit);
        });
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    if (!process.waitForFinished(300000))
        process.kill();
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, process.readAllStandardOutput(), process.readAllStandardError()};
}

QString writeFile(const QTemporaryDir& folder, const char* name, const QByteArray& content)
{
    const QString path = folder.filePath(QString::fromUtf8(name));
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(content) != content.size())
        qFatal("cannot write the test's file");
    return path;
}

const QByteArray kRecipe = R"({"halftone_recipe": 1, "calibration": {"samples": 6, "length": 64},
 "defaults": {"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}},
 "rules": [{"match": "*.down_proj", "weights": {"bits": 8, "group": 0}, "activations": {"scheme": "per_token", "bits": 8}}]})";

/// Every file below a folder with its bytes, by relative name.
QMap<QString, QByteArray> filesBelow(const QString& folder, const QString& suffix)
{
    QMap<QString, QByteArray> files;
    QDirIterator entries(folder, QDir::Files, QDirIterator::Subdirectories);
    while (entries.hasNext()) {
        QFile file(entries.next());
        if (file.fileName().endsWith(suffix) && file.open(QIODevice::ReadOnly))
            files.insert(QDir(folder).relativeFilePath(file.fileName()), file.readAll());
    }
    return files;
}

} // namespace

class TestCli : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void inspectSaysWhatTheModelIs();
    void theMainJobGoesEndToEnd();
    void killedInTheMiddleItResumesToTheSameBytes();
    void badInputIsASentenceAndAnExitCode_data();
    void badInputIsASentenceAndAnExitCode();
    void aFullDiskLeavesNothingHalfWritten();
    void interruptedItSaysSoAndCanResume();
    void resumingWithOtherSettingsSaysWhatDiffers();
    void aRunIsBranchedFromAnother();
    void filesThatItDidNotMakeStay();
    void evaluationsAtOnceAreAllKept();
    void aPathIsTakenAsItIs();
    void samplesAreAsManyAsTheTextHas();
    void roundingToNearestNeedsNoText();
    void textsAreFilesFoldersAndRows();
    void unknownWordsAreBadUsage();
    void listsNameWhatThereIs();
    void recipesAreCheckedAndResolved();
};

void TestCli::inspectSaysWhatTheModelIs()
{
    const Outcome o = halftone({QStringLiteral("inspect"), kModel, QStringLiteral("--json")});
    QCOMPARE(o.code, 0);
    const Json json = o.json();
    QCOMPARE(json.at("architecture").get<std::string>(), std::string("llama"));
    const auto blocks = json.at("blocks").get<std::size_t>();
    QCOMPARE(json.at("linears").size(), blocks * 7);
    for (const char* key : {"name", "out", "in", "site", "dtype"})
        QVERIFY2(json.at("linears").at(0).contains(key), key);
    QVERIFY(json.at("parameters").get<std::int64_t>() > 0);
    QVERIFY(json.at("vocabulary").get<int>() > 0);
}

void TestCli::theMainJobGoesEndToEnd()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QString project = folder.filePath(QStringLiteral("p.halftone"));
    const QString out = folder.filePath(QStringLiteral("export"));
    const QStringList windows{QStringLiteral("--windows"), QStringLiteral("4"), QStringLiteral("--length"), QStringLiteral("64"), QStringLiteral("--json")};

    const Outcome analysis = halftone(QStringList{QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--project"), project} + windows);
    QVERIFY2(analysis.code == 0, analysis.err.constData());
    const Json site = analysis.json().at("sites").at(0);
    for (const char* key : {"name", "linears", "absmax", "median_channel_absmax", "outlier_ratio", "outlier_channel"})
        QVERIFY2(site.contains(key), key);
    for (const char* group : {"kernel", "lost", "clipped"})
        for (const char* scheme : {"per_tensor", "per_token", "per_channel", "cross", "cross_static"})
            QVERIFY2(site.at(group).at(scheme).is_number(), scheme);
    QCOMPARE(site.at("clipped").at("cross").get<double>(), 0.0);   // never clips on its own window

    const Outcome run = halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText,
                                  QStringLiteral("--project"), project, QStringLiteral("--json")});
    QVERIFY2(run.code == 0, run.err.constData());
    for (const char* key : {"run", "bits_per_weight", "bytes", "seconds", "peak_bytes"})
        QVERIFY2(run.json().contains(key), key);
    for (const Json& linear : run.json().at("linears")) {
        QVERIFY(linear.at("weight_sqnr_db").get<double>() > 10);
        QVERIFY(linear.at("output_mse").get<double>() >= 0);
    }

    const Outcome exported = halftone({QStringLiteral("export"), project, QStringLiteral("--format"), QStringLiteral("compressed-tensors"), QStringLiteral("--dtype"),
                                       QStringLiteral("f32"), QStringLiteral("--out"), out, QStringLiteral("--json")});
    QVERIFY2(exported.code == 0, exported.err.constData());
    for (const Json& file : exported.json().at("files"))
        QVERIFY(QFile::exists(out + u'/' + QString::fromStdString(file.get<std::string>())));
    QVERIFY(QFile::exists(out + QStringLiteral("/tokenizer.json")));
    QVERIFY(exported.json().at("left_behind").is_array());

    // What the formats hold is said before a run, by check and resolve alike.
    const QString three = writeFile(folder, "three.json", R"({"halftone_recipe": 1, "defaults": {"weights": {"bits": 3, "group": 32}}})");
    for (const char* command : {"check", "resolve"}) {
        const Outcome asked = halftone({QStringLiteral("recipe"), QString::fromLatin1(command), three, QStringLiteral("--model"), kModel, QStringLiteral("--json")});
        QVERIFY2(asked.code == 0, asked.err.constData());
        for (const Json& format : asked.json().at("formats")) {
            QCOMPARE(format.at("holds").get<bool>(), !format.at("packed").get<bool>());
            QCOMPARE(format.at("reasons").empty(), format.at("holds").get<bool>());
        }
    }
    const Outcome words = halftone({QStringLiteral("recipe"), QStringLiteral("resolve"), three, QStringLiteral("--model"), kModel});
    QVERIFY2(words.out.contains("dense only: no packed format holds it"), words.out.constData());

    const Outcome ofRun = halftone(QStringList{QStringLiteral("evaluate"), project, QStringLiteral("--text"), kText, QStringLiteral("--against"), kModel} + windows);
    QVERIFY2(ofRun.code == 0, ofRun.err.constData());
    const Outcome ofExport = halftone(QStringList{QStringLiteral("evaluate"), out, QStringLiteral("--text"), kText} + windows);
    QVERIFY2(ofExport.code == 0, ofExport.err.constData());
    for (const char* key : {"perplexity", "perplexity_stderr", "tokens", "kl_mean", "kl_p99", "kl_max", "top1_agreement"})
        QVERIFY2(ofRun.json().contains(key), key);
    // The served model's 8-bit token scales are absmax/127.5, Halftone's absmax/127: not bit-equal, but the same model.
    const double a = ofRun.json().at("perplexity");
    const double b = ofExport.json().at("perplexity");
    QVERIFY2(std::abs(a / b - 1) < 0.005, qPrintable(QStringLiteral("%1 against %2").arg(a).arg(b)));
    QVERIFY(ofRun.json().at("kl_mean").get<double>() > 0);

    for (const QString& target : {project, out}) {   // what is quantized already takes no recipe on the fly
        const Outcome refused = halftone(QStringList{QStringLiteral("evaluate"), target, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText} + windows);
        QVERIFY(refused.code != 0 && refused.err.contains("applied on the fly to a float model"));
    }
}

void TestCli::killedInTheMiddleItResumesToTheSameBytes()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    auto arguments = [&](const QString& project) {
        return QStringList{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"),
                           project, QStringLiteral("--samples"), QStringLiteral("8"), QStringLiteral("--threads"), QStringLiteral("2"), QStringLiteral("--resume")};
    };
    const QString whole = folder.filePath(QStringLiteral("whole.halftone"));
    QElapsedTimer timer;
    timer.start();
    QCOMPARE(halftone(arguments(whole)).code, 0);
    const qint64 took = timer.elapsed();
    const auto expected = filesBelow(whole + QStringLiteral("/runs"), QStringLiteral(".h5"));
    QVERIFY(expected.size() >= 4);
    const QString killed = folder.filePath(QStringLiteral("killed.halftone"));
    int deaths = 0;
    for (int i = 1; i <= 12; ++i) {   // dies again and again, ever later, until it gets through
        QProcess process;
        process.start(QStringLiteral(HALFTONE_CLI), arguments(killed));
        QVERIFY(process.waitForStarted());
        if (process.waitForFinished(static_cast<int>(took * (3 + i) / 12)))
            break;
        ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
        process.waitForFinished();
        ++deaths;
    }
    QVERIFY(deaths > 0);
    const Outcome last = halftone(arguments(killed));
    QVERIFY2(last.code == 0, last.err.constData());
    const auto got = filesBelow(killed + QStringLiteral("/runs"), QStringLiteral(".h5"));
    for (auto file = expected.begin(); file != expected.end(); ++file)
        QVERIFY2(got.value(file.key()) == file.value(), qPrintable(file.key()));
}

void TestCli::badInputIsASentenceAndAnExitCode_data()
{
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("says");
    const QString none = QStringLiteral("/nowhere/model");
    const QStringList analyze{QStringLiteral("analyze"), kModel, QStringLiteral("--text")};
    QTest::newRow("no such model") << QStringList{QStringLiteral("inspect"), none} << 3 << none;
    QTest::newRow("no such text") << analyze + QStringList{QStringLiteral("/nowhere/text")} << 3 << QStringLiteral("/nowhere/text");
    QTest::newRow("empty text") << analyze + QStringList{QStringLiteral("@empty")} << 3 << QStringLiteral("empty");
    QTest::newRow("binary text") << analyze + QStringList{QStringLiteral("@binary")} << 3 << QStringLiteral("binary");
    QTest::newRow("text shorter than a window") << analyze + QStringList{QStringLiteral("@short"), QStringLiteral("--length"), QStringLiteral("64")} << 3
                                                << QStringLiteral("64");
    QTest::newRow("truncated checkpoint") << QStringList{QStringLiteral("inspect"), QStringLiteral("@truncated")} << 3 << QStringLiteral("model.safetensors");
    QTest::newRow("unknown architecture") << QStringList{QStringLiteral("inspect"), QStringLiteral("@unknown")} << 3 << QStringLiteral("llama");
    QTest::newRow("tokenizer missing") << QStringList{QStringLiteral("analyze"), QStringLiteral("@untokenized"), QStringLiteral("--text"), kText} << 3
                                       << QStringLiteral("tokenizer");
    QTest::newRow("faulty recipe") << QStringList{QStringLiteral("recipe"), QStringLiteral("check"), QStringLiteral("@recipe"), QStringLiteral("--model"), kModel} << 3
                                   << QStringLiteral("/defaults/weights/bits");
    QTest::newRow("read-only folder") << QStringList{QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--length"), QStringLiteral("64"),
                                                     QStringLiteral("--project"), QStringLiteral("/proc/p.halftone")}
                                      << 4 << QStringLiteral("/proc/p.halftone");
    QTest::newRow("no such project") << QStringList{QStringLiteral("export"), QStringLiteral("/nowhere/p.halftone"), QStringLiteral("--format"), QStringLiteral("dense"),
                                                    QStringLiteral("--out"), QStringLiteral("/tmp/never")}
                                     << 3 << QStringLiteral("/nowhere/p.halftone");
    const QStringList gpu{QStringLiteral("--device"), QStringLiteral("cuda:0")};
    const QString sentence = QStringLiteral("computes on the CPU only");
    const QString never = QStringLiteral("/tmp/never.halftone");
    QTest::newRow("analyze on a GPU") << analyze + QStringList{kText} + gpu << 3 << QStringLiteral("analyze ") + sentence;
    QTest::newRow("quantize on a GPU") << QStringList{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), QStringLiteral("@recipe"), QStringLiteral("--text"), kText,
                                                      QStringLiteral("--project"), never} + gpu << 3 << QStringLiteral("quantize ") + sentence;
    QTest::newRow("export on a GPU") << QStringList{QStringLiteral("export"), never, QStringLiteral("--format"), QStringLiteral("dense"), QStringLiteral("--out"), QStringLiteral("/tmp/never")} + gpu
                                     << 3 << QStringLiteral("export ") + sentence;
    QTest::newRow("a study on a GPU") << QStringList{QStringLiteral("study"), QStringLiteral("@study"), QStringLiteral("--project"), never} + gpu << 3 << QStringLiteral("study ") + sentence;
    QTest::newRow("no such device") << QStringList{QStringLiteral("evaluate"), kModel, QStringLiteral("--text")} + QStringList{kText, QStringLiteral("--device"), QStringLiteral("cuda:63")} << 3 << QStringLiteral("cuda:63");
}

void TestCli::badInputIsASentenceAndAnExitCode()
{
    QFETCH(QStringList, arguments);
    QFETCH(int, code);
    QFETCH(QString, says);
    QTemporaryDir folder;
    auto copyModel = [&](const QString& name) {
        const QString to = folder.filePath(name);
        QDir().mkpath(to);
        for (const QString& file : QDir(kModel).entryList(QDir::Files))
            QFile::copy(kModel + u'/' + file, to + u'/' + file);
        return to;
    };
    for (QString& argument : arguments) {
        if (argument == u"@empty")
            argument = writeFile(folder, "empty.txt", {});
        else if (argument == u"@binary")
            argument = writeFile(folder, "binary.bin", QByteArray(4096, '\0'));
        else if (argument == u"@short")
            argument = writeFile(folder, "short.txt", "Too short.");
        else if (argument == u"@recipe")
            argument = writeFile(folder, "r.json", R"({"halftone_recipe": 1, "defaults": {"weights": {"bits": 9}}})");
        else if (argument == u"@study")
            argument = writeFile(folder, "s.json", R"({"halftone_study": 1, "name": "s", "base": {"halftone_recipe": 1}, "axes": {"bits": [4]}})");
        else if (argument == u"@truncated") {
            argument = copyModel(QStringLiteral("truncated"));
            QFile::setPermissions(argument + QStringLiteral("/model.safetensors"), QFile::ReadOwner | QFile::WriteOwner);
            QFile file(argument + QStringLiteral("/model.safetensors"));
            QVERIFY(file.resize(file.size() / 2));
        } else if (argument == u"@unknown") {
            argument = copyModel(QStringLiteral("unknown"));
            QFile::remove(argument + QStringLiteral("/config.json"));
            QFile file(argument + QStringLiteral("/config.json"));
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(R"({"model_type": "perceptron", "architectures": ["PerceptronForCausalLM"]})");
        } else if (argument == u"@untokenized") {
            argument = copyModel(QStringLiteral("untokenized"));
            for (const QString& file : QDir(argument).entryList({QStringLiteral("token*"), QStringLiteral("vocab*"), QStringLiteral("merges*")}))
                QFile::remove(argument + u'/' + file);
        }
    }
    const Outcome o = halftone(arguments);
    QVERIFY2(o.code == code, qPrintable(QStringLiteral("exit %1: %2").arg(o.code).arg(QString::fromUtf8(o.err))));
    QVERIFY2(QString::fromUtf8(o.err).contains(says), o.err.constData());
    QVERIFY(o.out.isEmpty());
    QVERIFY(!QFile::exists(QStringLiteral("/tmp/never")));
}

void TestCli::aFullDiskLeavesNothingHalfWritten()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QString project = folder.filePath(QStringLiteral("p.halftone"));
    QCOMPARE(halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"), project}).code, 0);
    const QString out = folder.filePath(QStringLiteral("export"));
    const QStringList exporting{QStringLiteral("export"), project, QStringLiteral("--format"), QStringLiteral("dense"), QStringLiteral("--dtype"), QStringLiteral("f32"),
                                QStringLiteral("--out"), out};
    const Outcome full = halftone(exporting, 20000);
    QVERIFY2(full.code == 4, full.err.constData());
    QCOMPARE(QDir(folder.path()).entryList({QStringLiteral("*export*")}, QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot), QStringList());
    QCOMPARE(halftone(exporting).code, 0);
    QVERIFY(QFile::exists(out + QStringLiteral("/model.safetensors")));
}

void TestCli::interruptedItSaysSoAndCanResume()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QString project = folder.filePath(QStringLiteral("p.halftone"));
    const QStringList arguments{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"), project,
                                QStringLiteral("--samples"), QStringLiteral("40"), QStringLiteral("--length"), QStringLiteral("128"), QStringLiteral("--resume")};
    QProcess process;
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    QVERIFY(process.waitForStarted());
    QTRY_VERIFY_WITH_TIMEOUT(QDir(project + QStringLiteral("/runs")).exists() || process.state() == QProcess::NotRunning, 60000);
    ::kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(20000));
    QVERIFY(process.exitStatus() == QProcess::NormalExit);
    QVERIFY2(process.exitCode() == 130 || process.exitCode() == 0, process.readAllStandardError().constData());
    QCOMPARE(halftone(arguments).code, 0);
}

/// A project with a run that was interrupted after its first block.
static QString interruptedProject(const QTemporaryDir& folder, const QStringList& quantize)
{
    const QString project = folder.filePath(QStringLiteral("p.halftone"));
    QProcess process;
    process.start(QStringLiteral(HALFTONE_CLI), QStringList(quantize) << QStringLiteral("--samples") << QStringLiteral("40") << QStringLiteral("--length") << QStringLiteral("128"));
    if (!process.waitForStarted())
        qFatal("cannot start");
    while (process.state() == QProcess::Running && QDir(project + QStringLiteral("/runs/run-001")).entryList({QStringLiteral("block-*.h5")}).isEmpty())
        process.waitForFinished(2);
    process.kill();
    process.waitForFinished();
    return project;
}

void TestCli::resumingWithOtherSettingsSaysWhatDiffers()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QStringList quantize{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"),
                               folder.filePath(QStringLiteral("p.halftone")), QStringLiteral("--resume")};
    const QStringList sampled = QStringList(quantize) << QStringLiteral("--samples") << QStringLiteral("40") << QStringLiteral("--length") << QStringLiteral("128");
    interruptedProject(folder, QStringList(quantize) << QStringLiteral("--threads") << QStringLiteral("2"));
    const auto refused = [&](const QStringList& more, const char* says) {
        const Outcome o = halftone((more.contains(QStringLiteral("--samples")) ? quantize : sampled) + more);
        return o.code == 3 && o.err.contains("run-001 cannot be resumed") && o.err.contains(says);
    };
    const QStringList seed{QStringLiteral("--seed"), QStringLiteral("5")};
    QVERIFY(refused(seed, "seed 0, now 5"));
    QVERIFY(refused({QStringLiteral("--samples"), QStringLiteral("30"), QStringLiteral("--length"), QStringLiteral("64")}, "length 128, now 64"));
    QVERIFY(!QDir(folder.filePath(QStringLiteral("p.halftone/runs/run-002"))).exists());
    const Outcome anew = halftone(sampled + seed + QStringList{QStringLiteral("--start-anew"), QStringLiteral("--json")});
    QVERIFY2(anew.code == 0, anew.err.constData());
    QCOMPARE(anew.json().at("run").get<std::string>(), std::string("run-002"));
    const Outcome same = halftone(sampled + QStringList{QStringLiteral("--threads"), QStringLiteral("1"), QStringLiteral("--json")});   // gives the same result
    QVERIFY2(same.code == 0, same.err.constData());
    QCOMPARE(same.json().at("run").get<std::string>(), std::string("run-001"));
}

void TestCli::aRunIsBranchedFromAnother()
{
    QTemporaryDir folder;
    const QString first = writeFile(folder, "a.json", kRecipe);
    const QString second = writeFile(folder, "b.json", QByteArray(kRecipe).replace("*.down_proj", "*.1.*.down_proj"));
    const auto quantize = [&](const QString& recipe, const QStringList& more) {
        return halftone(QStringList{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"),
                                    folder.filePath(QStringLiteral("p.halftone")), QStringLiteral("--json")} + more);
    };
    QCOMPARE(quantize(second, {}).code, 0);
    const QString third = writeFile(folder, "c.json", QByteArray(kRecipe).replace("*.down_proj", "*.1.*.up_proj"));
    const Outcome branch = quantize(third, {QStringLiteral("--branch-from"), QStringLiteral("run-001")});
    QVERIFY2(branch.code == 0 && branch.err.contains("run-002 takes over the first 1 of"), branch.err.constData());
    const Outcome none = quantize(first, {QStringLiteral("--branch-from"), QStringLiteral("run-001")});   // differs from the first block on
    QVERIFY2(none.code == 3 && none.err.contains("could take over"), none.err.constData());
    QCOMPARE(quantize(first, {QStringLiteral("--branch-from"), QStringLiteral("run-009")}).code, 3);
    // With --resume, the finished ones and what they are asked for are not passed over.
    const QString resume = QStringLiteral("--resume");
    const Outcome both = quantize(first, {QStringLiteral("--branch-from"), QStringLiteral("run-001"), resume});
    QVERIFY2(both.code == 3 && both.err.contains("could take over"), both.err.constData());
    QCOMPARE(quantize(first, {QStringLiteral("--branch-from"), QStringLiteral("run-001"), QStringLiteral("--start-anew")}).code, 2);
    const Outcome other = quantize(first, {resume});
    QVERIFY2(other.code == 3 && other.err.contains("run-002 is finished and was made otherwise") && other.err.contains("--start-anew"), other.err.constData());
    const Outcome again = quantize(third, {resume});
    QVERIFY2(again.code == 0 && again.err.contains("run-002 is finished already"), again.err.constData());
    QCOMPARE(again.json().at("run").get<std::string>(), std::string("run-002"));
    QVERIFY(!QDir(folder.filePath(QStringLiteral("p.halftone/runs/run-003"))).exists());
    const Outcome anew = quantize(first, {resume, QStringLiteral("--start-anew")});
    QVERIFY2(anew.code == 0, anew.err.constData());
    QCOMPARE(anew.json().at("run").get<std::string>(), std::string("run-003"));
}

void TestCli::filesThatItDidNotMakeStay()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe), project = folder.filePath(QStringLiteral("p.halftone"));
    QCOMPARE(halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"), project}).code, 0);
    QDir().mkpath(folder.filePath(QStringLiteral("work/docs")));
    const QString notes = writeFile(folder, "work/docs/notes.txt", "precious");
    const auto everything = filesBelow(folder.path(), {});
    for (const QString& out : {folder.filePath(QStringLiteral("work")), notes, project, folder.path(), project + QStringLiteral("/runs/")}) {
        const Outcome o = halftone({QStringLiteral("export"), project, QStringLiteral("--format"), QStringLiteral("dense"), QStringLiteral("--out"), out, QStringLiteral("--overwrite")});
        QVERIFY2(o.code == 3, o.err.constData());
    }
    // A project is no folder for other things, nor the reverse.
    QCOMPARE(halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"),
                       folder.filePath(QStringLiteral("work"))}).code, 3);
    const QString study = writeFile(folder, "s.json", R"({"halftone_study": 1, "axes": {"weight_bits": [8]}, "evaluation": {"windows": 1, "length": 32}})");
    const QString model = folder.filePath(QStringLiteral("m"));
    QDir().mkpath(model);
    for (const QString& file : QDir(kModel).entryList(QDir::Files))
        QFile::copy(kModel + u'/' + file, model + u'/' + file);
    for (const QStringList& more : {QStringList{}, QStringList{QStringLiteral("--overwrite")}}) {
        const Outcome o = halftone(QStringList{QStringLiteral("study"), study, model, QStringLiteral("--text"), kText, QStringLiteral("--eval"), kText, QStringLiteral("--project"),
                                               folder.filePath(QStringLiteral("q.halftone")), QStringLiteral("--csv"), model + QStringLiteral("/config.json")} + more);
        QVERIFY2(o.code == 3 && o.err.contains("config.json"), o.err.constData());
    }
    QVERIFY(!QDir(folder.filePath(QStringLiteral("q.halftone"))).exists());   // before any work
    auto now = filesBelow(folder.path(), {});
    for (auto at = everything.begin(); at != everything.end(); ++at)
        QVERIFY2(now.value(at.key()) == at.value(), qPrintable(at.key()));
}

void TestCli::evaluationsAtOnceAreAllKept()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe), project = folder.filePath(QStringLiteral("p.halftone"));
    QCOMPARE(halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"), project}).code, 0);
    std::vector<std::unique_ptr<QProcess>> programs;
    for (int n = 1; n <= 4; ++n) {
        programs.push_back(std::make_unique<QProcess>());
        programs.back()->start(QStringLiteral(HALFTONE_CLI), {QStringLiteral("evaluate"), project, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QString::number(n),
                                                              QStringLiteral("--length"), QStringLiteral("32"), QStringLiteral("--threads"), QStringLiteral("1")});
    }
    for (const auto& program : programs) {
        QVERIFY(program->waitForFinished(120000));
        QVERIFY2(program->exitCode() == 0, program->readAllStandardError().constData());
    }
    QFile file(project + QStringLiteral("/evaluations.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(Json::parse(file.readAll().toStdString()).size(), std::size_t{4});
}

void TestCli::aPathIsTakenAsItIs()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QStringList evaluate{QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("1"), QStringLiteral("--length"), QStringLiteral("32")};
    // A '#' in a folder's name, with and without a run after it.
    const QString tagged = folder.filePath(QStringLiteral("hash#tag/p.halftone"));
    QCOMPARE(halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--project"), tagged}).code, 0);
    for (const QString& target : {tagged, tagged + QStringLiteral("#run-001")}) {
        const Outcome o = halftone(QStringList{QStringLiteral("evaluate"), target} + evaluate);
        QVERIFY2(o.code == 0, o.err.constData());
    }
    QCOMPARE(halftone({QStringLiteral("export"), tagged, QStringLiteral("--format"), QStringLiteral("dense"), QStringLiteral("--out"), folder.filePath(QStringLiteral("out#1"))}).code, 0);
    // A name in Latin-1: bytes that are no UTF-8.
    const QByteArray model = folder.path().toLocal8Bit() + "/f\xfcr", project = folder.path().toLocal8Bit() + "/\xe4.halftone";
    std::filesystem::copy(kModel.toStdString(), model.toStdString(), std::filesystem::copy_options::recursive);
    const auto shell = [&](const QByteArray& command) {   // QProcess would make question marks of these bytes
        return std::system(("'" HALFTONE_CLI "' " + command + " >/dev/null 2>&1").constData());
    };
    const QByteArray text = kText.toLocal8Bit();
    QCOMPARE(shell("quantize '" + model + "' --recipe '" + recipe.toLocal8Bit() + "' --text '" + text + "' --project '" + project + "'"), 0);
    QCOMPARE(shell("evaluate '" + project + "' --text '" + text + "' --windows 1 --length 32"), 0);
    QCOMPARE(shell("export '" + project + "#run-001' --format dense --out '" + folder.path().toLocal8Bit() + "/\xf6'"), 0);
}

void TestCli::samplesAreAsManyAsTheTextHas()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QStringList quantize{QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText, QStringLiteral("--samples"),
                               QStringLiteral("5000"), QStringLiteral("--project"), folder.filePath(QStringLiteral("p.halftone"))};
    const Outcome o = halftone(quantize + QStringList{QStringLiteral("--json")});
    QVERIFY2(o.code == 0, o.err.constData());
    const Json calibration = o.json().at("calibration");
    const int samples = calibration.at("samples").get<int>();
    QVERIFY(samples > 6 && samples < 5000);
    QCOMPARE(calibration.at("wanted").get<int>(), 5000);
    const QByteArray sentence = QByteArray::number(samples) + " of 5000 samples: the text is short";
    QVERIFY2(QByteArray::fromStdString(calibration.at("notes").at(0).get<std::string>()).startsWith(sentence), o.out.constData());
    QVERIFY2(o.err.contains(sentence), o.err.constData());
    QVERIFY2(o.err.contains("blocks, " + QByteArray::number(samples * 64) + " calibration tokens"), o.err.constData());   // planned with what is there

    const Outcome tooShort = halftone(quantize + QStringList{QStringLiteral("--length"), QStringLiteral("900000")});
    QCOMPARE(tooShort.code, 3);
    QVERIFY2(tooShort.err.contains("tiny-text.txt: the text has ") && tooShort.err.contains("one window needs 900000"), tooShort.err.constData());
}

void TestCli::roundingToNearestNeedsNoText()
{
    QTemporaryDir folder;
    const QString nearest = writeFile(folder, "nearest.json", R"({"halftone_recipe": 1, "defaults": {"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}}})");
    const QString project = folder.filePath(QStringLiteral("p.halftone"));
    const auto quantize = [&](const QString& recipe) {
        return halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--project"), project, QStringLiteral("--json")});
    };
    const Outcome o = quantize(nearest);
    QVERIFY2(o.code == 0, o.err.constData());
    QVERIFY2(o.err.contains("no calibration text: the recipe learns from none"), o.err.constData());
    QVERIFY(o.json().at("canary_reference").get<double>() > 0);
    const Outcome learned = quantize(writeFile(folder, "gptq.json", kRecipe));
    QCOMPARE(learned.code, 2);
    QVERIFY2(learned.err.contains("--text") && learned.err.contains("gptq"), learned.err.constData());
}

void TestCli::textsAreFilesFoldersAndRows()
{
    QTemporaryDir folder;
    QFile text(kText);
    QVERIFY(text.open(QIODevice::ReadOnly));
    const QByteArray whole = text.readAll();
    const auto half = whole.indexOf("\n\n", whole.size() / 2);
    QVERIFY(half > 0);
    const QByteArray first = whole.left(half), second = whole.mid(half + 2);
    const QString one = writeFile(folder, "1.txt", first), two = writeFile(folder, "2.txt", second);
    const auto row = [](const char* key, const QByteArray& value) { return QByteArray::fromStdString(Json{{key, value.toStdString()}}.dump()) + '\n'; };
    QVERIFY(QDir(folder.path()).mkdir(QStringLiteral("texts")));
    QVERIFY(QFile::copy(one, folder.filePath(QStringLiteral("texts/a.txt"))));
    writeFile(folder, "texts/b.jsonl", row("text", second));
    const QString rows = writeFile(folder, "rows.jsonl", row("story", first) + row("story", second));
    const QString chat = writeFile(folder, "chat.jsonl", QByteArray::fromStdString(Json{{"messages", {{{"role", "user"}, {"content", whole.toStdString()}}}}}.dump()) + '\n');
    const auto evaluate = [&](const QStringList& texts) {
        return halftone(QStringList{QStringLiteral("evaluate"), kModel, QStringLiteral("--length"), QStringLiteral("64"), QStringLiteral("--json")}
                        + texts);
    };
    const QString option = QStringLiteral("--text");
    const Outcome plain = evaluate({option, kText});
    QVERIFY2(plain.code == 0, plain.err.constData());
    for (const QStringList& texts : {QStringList{option, one, option, two}, QStringList{option, folder.filePath(QStringLiteral("texts"))},
                                     QStringList{option, rows, QStringLiteral("--text-field"), QStringLiteral("story")}}) {
        const Outcome o = evaluate(texts);
        QVERIFY2(o.code == 0, o.err.constData());
        QCOMPARE(o.json().at("perplexity").get<double>(), plain.json().at("perplexity").get<double>());
    }
    const Outcome chatted = evaluate({option, chat});
    QVERIFY2(chatted.code == 0, chatted.err.constData());
    QVERIFY2(chatted.err.contains("chats are written as lines"), chatted.err.constData());
    const Outcome unnamed = evaluate({option, rows});
    QCOMPARE(unnamed.code, 3);
    QVERIFY2(unnamed.err.contains("rows.jsonl: line 1: there is no \"text\", but \"story\""), unnamed.err.constData());
}

void TestCli::unknownWordsAreBadUsage()
{
    for (const char* seed : {"-1", "99999999999999999999999", "1x", ""})
        QCOMPARE(halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--seed=") + QString::fromLatin1(seed)}).code, 2);
    for (const char* budget : {"-1", "-1b", "-1G", "99999999999999999999999", "99999999999G", "G", "1.5G"})
        QCOMPARE(halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--memory-budget=") + QString::fromLatin1(budget)}).code, 2);

    QCOMPARE(halftone({QStringLiteral("dance")}).code, 2);
    QCOMPARE(halftone({QStringLiteral("inspect")}).code, 2);
    QCOMPARE(halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--bits"), QStringLiteral("1")}).code, 2);
    QCOMPARE(halftone({QStringLiteral("--help")}).code, 0);
}

void TestCli::listsNameWhatThereIs()
{
    const Json methods = halftone({QStringLiteral("methods"), QStringLiteral("--json")}).json().at("methods");
    QStringList ids;
    for (const Json& m : methods) {
        ids << QString::fromStdString(m.at("id"));
        for (const char* key : {"name", "kind", "paper", "parameters", "folds", "folds_note"})
            QVERIFY2(m.contains(key), key);
    }
    QVERIFY(ids.contains(QStringLiteral("rtn")) && ids.contains(QStringLiteral("gptq")) && ids.contains(QStringLiteral("cross")));
    QCOMPARE(halftone({QStringLiteral("formats"), QStringLiteral("--json")}).json().at("formats").size(), std::size_t{2});
    QVERIFY(halftone({QStringLiteral("architectures"), QStringLiteral("--json")}).json().at("architectures").size() >= 3);
}

void TestCli::recipesAreCheckedAndResolved()
{
    QTemporaryDir folder;
    const QString recipe = writeFile(folder, "r.json", kRecipe);
    const QStringList rest{recipe, QStringLiteral("--model"), kModel, QStringLiteral("--json")};
    QCOMPARE(halftone(QStringList{QStringLiteral("recipe"), QStringLiteral("check")} + rest).json().at("ok").get<bool>(), true);
    const Json resolved = halftone(QStringList{QStringLiteral("recipe"), QStringLiteral("resolve")} + rest).json();
    int eight = 0;
    for (const Json& plan : resolved.at("plans"))
        if (plan.at("linear").get<std::string>().ends_with("down_proj")) {
            QCOMPARE(plan.at("weights").at("bits").get<int>(), 8);
            ++eight;
        } else {
            QCOMPARE(plan.at("weights").at("bits").get<int>(), 4);
        }
    QVERIFY(eight > 0);
    QVERIFY(resolved.at("bits_per_weight").get<double>() > 4.5 && resolved.at("bits_per_weight").get<double>() < 8);
}

QTEST_GUILESS_MAIN(TestCli)
#include "tst_cli.moc"
