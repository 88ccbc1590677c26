#include <QDir>
#include <QFile>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

namespace {

const QString kModel = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama");
const QString kText = QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt");

struct Outcome {
    int code = -1;
    QByteArray out, err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
};

Outcome halftone(const QStringList& arguments)
{
    QProcess process;
    process.start(QStringLiteral(HALFTONE_CLI), arguments);
    if (!process.waitForFinished(300000))
        process.kill();
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2, process.readAllStandardOutput(), process.readAllStandardError()};
}

/// Rows of fields.
QList<QStringList> csv(const QString& path)
{
    QFile file(path);
    QList<QStringList> rows;
    if (file.open(QIODevice::ReadOnly))
        for (const QString& line : QString::fromUtf8(file.readAll()).split(QStringLiteral("\r\n"), Qt::SkipEmptyParts))
            rows << line.split(QLatin1Char(','));
    return rows;
}

} // namespace

/// The window's views as files, from a real analysis of a tiny model.
class TestCliPlot : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    QString m_project;
    QList<QJsonObject> m_measured;   ///< run-001, run-002

    QStringList plot(const QString& view, const QStringList& more = {}) const { return QStringList{QStringLiteral("plot"), m_project, QStringLiteral("--view"), view, QStringLiteral("--overwrite")} + more; }
    QJsonArray analyzedAt(int bits) const
    {
        return halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("2"), QStringLiteral("--length"),
                            QStringLiteral("32"), QStringLiteral("--bits"), QString::number(bits), QStringLiteral("--json")})
            .json()[QStringLiteral("sites")].toArray();
    }

private Q_SLOTS:
    void initTestCase()
    {
        m_project = m_folder.filePath(QStringLiteral("p.halftone"));
        const Outcome analyzed = halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("2"),
            QStringLiteral("--length"), QStringLiteral("32"), QStringLiteral("--project"), m_project});
        QVERIFY2(analyzed.code == 0, analyzed.err);
        for (const char* bits : {"4", "3"}) {
            const QString recipe = m_folder.filePath(QStringLiteral("recipe.json"));
            QFile file(recipe);
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(QByteArray(R"({"halftone_recipe": 1, "defaults": {"rounding": {"method": "rtn"}, "weights": {"bits": )") + bits + R"(, "group": 16}}})");
            file.close();
            const Outcome quantized = halftone({QStringLiteral("quantize"), kModel, QStringLiteral("--recipe"), recipe, QStringLiteral("--text"), kText,
                QStringLiteral("--project"), m_project, QStringLiteral("--samples"), QStringLiteral("2"), QStringLiteral("--length"), QStringLiteral("32")});
            QVERIFY2(quantized.code == 0, quantized.err);
        }
        for (const char* run : {"run-001", "run-002"}) {
            const Outcome evaluated = halftone({QStringLiteral("evaluate"), m_project + QLatin1Char('#') + QString::fromLatin1(run), QStringLiteral("--text"), kText,
                QStringLiteral("--windows"), QStringLiteral("2"), QStringLiteral("--length"), QStringLiteral("32"), QStringLiteral("--against"), kModel, QStringLiteral("--json")});
            QVERIFY2(evaluated.code == 0, evaluated.err);
            m_measured << evaluated.json();
        }
    }

    void theListNamesEveryView()
    {
        const Outcome listed = halftone({QStringLiteral("plot"), QStringLiteral("--list"), QStringLiteral("--json")});
        QCOMPARE(listed.code, 0);
        QStringList ids;
        for (const QJsonValue& view : listed.json()[QStringLiteral("views")].toArray())
            ids << view[QStringLiteral("id")].toString();
        for (const char* id : {"outliers", "kernel", "channels", "tokens", "weights", "run", "curves", "tradeoff", "texts", "differences"})
            QVERIFY2(ids.contains(QString::fromLatin1(id)), id);
    }

    void everyViewBecomesAFile_data()
    {
        QTest::addColumn<QStringList>("arguments");
        const auto row = [](const char* name, const QString& arguments) { QTest::newRow(name) << arguments.split(QLatin1Char(' ')); };
        row("outliers", QStringLiteral("--view outliers"));
        row("kernel, 4 bits", QStringLiteral("--view kernel --bits 4 --scheme cross --alpha 0.5"));
        row("channels", QStringLiteral("--view channels --site mlp_mid"));
        row("channels after", QStringLiteral("--view channels --site mlp_mid --mode after --bits 3"));
        row("tokens", QStringLiteral("--view tokens --site model.layers.1.mlp.down_proj"));
        row("tokens, kernel", QStringLiteral("--view tokens --mode kernel --scheme per_tensor"));
        row("tokens, error", QStringLiteral("--view tokens --mode error --theme dark"));
        row("weights", QStringLiteral("--view weights --site model.layers.1.mlp.down_proj"));
        row("run", QStringLiteral("--view run --run run-001"));
        row("curves", QStringLiteral("--view curves --mode mse"));
        row("texts", QStringLiteral("--view texts --mode kl --theme dark"));
        row("differences", QStringLiteral("--view differences --run run-002 --against run-001 --site model.layers.1.mlp.down_proj"));
        row("tradeoff", QStringLiteral("--view tradeoff --mode kl --run run-002"));
    }
    void everyViewBecomesAFile()
    {
        QFETCH(QStringList, arguments);
        for (const char* ending : {"png", "svg", "pdf", "csv"}) {
            const QString file = m_folder.filePath(QStringLiteral("view.") + QString::fromLatin1(ending));
            const Outcome drawn = halftone(QStringList{QStringLiteral("plot"), m_project} + arguments + QStringList{QStringLiteral("--overwrite"), QStringLiteral("--out"), file});
            QVERIFY2(drawn.code == 0, drawn.err);
            QVERIFY(QFileInfo(file).size() > 150);
        }
        QVERIFY(QImage(m_folder.filePath(QStringLiteral("view.png"))).width() >= 1800);   // twice 900, the narrowest
        const QString large = m_folder.filePath(QStringLiteral("large.png"));
        QCOMPARE(halftone(QStringList{QStringLiteral("plot"), m_project} + arguments +
                          QStringList{QStringLiteral("--overwrite"), QStringLiteral("--out"), large, QStringLiteral("--scale"), QStringLiteral("4"), QStringLiteral("--size"), QStringLiteral("500x300")})
                     .code, 0);
        QVERIFY(QImage(large).width() >= 2000);
    }

    /// The sample of so short a text is all of it: another grid's kernel is the exact one.
    void anotherGridsKernelIsThatOfAnAnalysisWithIt()
    {
        const QString file = m_folder.filePath(QStringLiteral("kernel.csv"));
        const QJsonArray sites = analyzedAt(4);
        QCOMPARE(sites.size(), 16);
        for (const char* scheme : {"per_token", "cross", "cross_static", "per_tensor", "per_channel"}) {
            const Outcome drawn = halftone(plot(QStringLiteral("kernel"), {QStringLiteral("--bits"), QStringLiteral("4"), QStringLiteral("--scheme"), QString::fromLatin1(scheme),
                                                                              QStringLiteral("--out"), file}));
            QVERIFY2(drawn.code == 0, drawn.err);
            const QList<QStringList> rows = csv(file);
            QCOMPARE(rows.size(), qsizetype(5));
            for (int block = 0; block < 4; ++block)
                for (int kind = 0; kind < 4; ++kind) {
                    const double expected = sites[block * 4 + kind][QStringLiteral("kernel")][QString::fromLatin1(scheme)].toDouble();
                    QVERIFY2(std::abs(rows[block + 1][kind + 1].toDouble() - expected) < 1e-7, scheme);
                }
        }
    }

    void tokensCarryTheirText()
    {
        const QString file = m_folder.filePath(QStringLiteral("tokens.csv"));
        const Outcome drawn = halftone(plot(QStringLiteral("tokens"), {QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        QFile tokens(file);
        QVERIFY(tokens.open(QIODevice::ReadOnly));
        QCOMPARE(tokens.readAll().count("\r\n"), qsizetype(65));   // 64 tokens and the head
    }

    void theRunsPlotsHoldWhatTheProjectHolds()
    {
        const QString file = m_folder.filePath(QStringLiteral("figures.csv"));
        Outcome drawn = halftone(plot(QStringLiteral("run"), {QStringLiteral("--run"), QStringLiteral("run-001"), QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        QCOMPARE(csv(file).size(), qsizetype(1 + 4 * 7));   // seven linears a block

        drawn = halftone(plot(QStringLiteral("curves"), {QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        QList<QStringList> rows = csv(file);
        QCOMPARE(rows.size(), qsizetype(1 + 2 * 4));
        QCOMPARE(rows[1][0], QStringLiteral("run-002"));   // the newest first
        for (int block = 0; block < 4; ++block)
            QVERIFY(rows[1 + block][2].toDouble() + 4 < rows[5 + block][2].toDouble());   // a bit is worth about 6 dB

        drawn = halftone(plot(QStringLiteral("tradeoff"), {QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        rows = csv(file);
        QCOMPARE(rows.size(), qsizetype(3));
        for (int i = 0; i < 2; ++i) {
            QCOMPARE(rows[1 + i][0], QStringLiteral("\"run-00%1\"").arg(i + 1));
            QVERIFY(std::abs(rows[1 + i][2].toDouble() / m_measured[i][QStringLiteral("perplexity")].toDouble() - 1) < 1e-8);
            QVERIFY(std::abs(rows[1 + i][4].toDouble() / m_measured[i][QStringLiteral("kl_mean")].toDouble() - 1) < 1e-8);
        }
        // What the tokens lost is what the text lost: here the windows are traced whole.
        drawn = halftone(plot(QStringLiteral("texts"), {QStringLiteral("--run"), QStringLiteral("run-002"), QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        const QByteArray texts = [&] { QFile f(file); return f.open(QIODevice::ReadOnly) ? f.readAll() : QByteArray(); }();
        double nll = 0, kl = 0;
        int predicted = 0;
        for (const QByteArray& line : texts.split('\n').mid(1)) {
            const QList<QByteArray> all = line.trimmed().split(',');
            if (all.size() < 5)
                continue;
            const QList<QByteArray> fields = all.mid(all.size() - 4);   // from the end: a token's text may hold commas
            if (fields[0].isEmpty())
                continue;
            nll += fields[0].toDouble();
            kl += fields[2].toDouble();
            ++predicted;
        }
        QCOMPARE(predicted, 2 * 31);
        QVERIFY(std::abs(nll / predicted - m_measured[1][QStringLiteral("mean_nll")].toDouble()) < 2e-5);
        QVERIFY(std::abs(kl / predicted - m_measured[1][QStringLiteral("kl_mean")].toDouble()) < 2e-5);

        // Fewer bits, larger errors; and the errors are those of the one weight.
        drawn = halftone(plot(QStringLiteral("differences"), {QStringLiteral("--against"), QStringLiteral("run-001"), QStringLiteral("--out"), file}));
        QVERIFY2(drawn.code == 0, drawn.err);
        double first = 0, second = 0;
        for (const QStringList& cells : csv(file).mid(1)) {
            first += std::pow(cells[3].toDouble(), 2);
            second += std::pow(cells[4].toDouble(), 2);
        }
        QVERIFY(first > 0 && second > 2 * first);

        // Measured again, it replaces itself.
        const Outcome again = halftone({QStringLiteral("evaluate"), m_project, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("2"),
            QStringLiteral("--length"), QStringLiteral("32"), QStringLiteral("--against"), kModel});
        QVERIFY2(again.code == 0, again.err);
        QCOMPARE(halftone(plot(QStringLiteral("tradeoff"), {QStringLiteral("--out"), file})).code, 0);
        QCOMPARE(csv(file).size(), qsizetype(3));
    }

    void nothingMeasuredIsSaid()
    {
        const QString project = m_folder.filePath(QStringLiteral("bare.halftone"));
        QVERIFY(halftone({QStringLiteral("analyze"), kModel, QStringLiteral("--text"), kText, QStringLiteral("--windows"), QStringLiteral("1"), QStringLiteral("--length"),
                    QStringLiteral("16"), QStringLiteral("--project"), project}).code == 0);
        for (const char* view : {"run", "curves", "tradeoff", "texts", "differences"}) {
            const Outcome refused = halftone({QStringLiteral("plot"), project, QStringLiteral("--view"), QString::fromLatin1(view), QStringLiteral("--out"),
                m_folder.filePath(QStringLiteral("none.png"))});
            QCOMPARE(refused.code, 3);
            QVERIFY2(refused.err.contains("bare.halftone"), refused.err);
            QVERIFY(!QFile::exists(m_folder.filePath(QStringLiteral("none.png"))));
        }
    }

    void whatARunLearnedIsDrawn()
    {
        const QString nothing = m_folder.filePath(QStringLiteral("nothing.png"));
        for (const char* view : {"training", "learned", "spectrum"})
            QCOMPARE(halftone(plot(QString::fromLatin1(view), {QStringLiteral("--out"), nothing})).code, 3);   // there is no run
        const QString recipe = m_folder.filePath(QStringLiteral("learned.json"));
        QFile json(recipe);
        QVERIFY(json.open(QIODevice::WriteOnly));
        json.write("{\"halftone_recipe\": 1, \"calibration\": {\"samples\": 4, \"length\": 64}, \"defaults\": {\"rounding\": {\"method\": \"lrq\", \"steps\": 6}, "
                   "\"weights\": {\"bits\": 3, \"symmetric\": false}, \"compensation\": {\"method\": \"lorc\", \"rank\": 3}}}");
        json.close();
        const Outcome run = halftone({QStringLiteral("quantize"), QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-llama"), QStringLiteral("--recipe"), recipe, QStringLiteral("--text"),
                                      QStringLiteral(HALFTONE_TEST_DATA "/model/tiny-text.txt"), QStringLiteral("--project"), m_project});
        QVERIFY2(run.code == 0, run.err);
        const QString file = m_folder.filePath(QStringLiteral("learned.csv")), linear = QStringLiteral("model.layers.1.mlp.down_proj");
        const auto drawn = [&](const char* view, QStringList more) {
            const Outcome outcome = halftone(plot(QString::fromLatin1(view), more << QStringLiteral("--out") << file));
            if (outcome.code != 0)
                qWarning("%s", outcome.err.constData());
            return outcome.code == 0 ? csv(file) : QList<QStringList>();
        };
        QCOMPARE(drawn("training", {}).size(), qsizetype(1 + 4 * 6));   // four blocks of six steps
        QCOMPARE(drawn("training", {QStringLiteral("--site"), linear, QStringLiteral("--mode"), QStringLiteral("relative")}).size(), qsizetype(1 + 4 * 6));
        const QList<QStringList> divisor = drawn("learned", {QStringLiteral("--site"), linear, QStringLiteral("--mode"), QStringLiteral("divisor"), QStringLiteral("--run"), QStringLiteral("run-003")});
        QVERIFY(divisor.size() > 2 && divisor[1].size() > 2);
        const QList<QStringList> spectrum = drawn("spectrum", {QStringLiteral("--site"), linear});
        QVERIFY(spectrum.size() > 4 * 7);
        QCOMPARE(spectrum[1][3], QStringLiteral("3"));
        QCOMPARE(halftone(plot(QStringLiteral("learned"), {QStringLiteral("--mode"), QStringLiteral("matrix"), QStringLiteral("--out"), file})).code, 3);
        QCOMPARE(halftone(plot(QStringLiteral("training"), {QStringLiteral("--site"), QStringLiteral("nowhere"), QStringLiteral("--out"), file})).code, 3);
    }

    void impossibleWishesAreRefused_data()
    {
        QTest::addColumn<QStringList>("more");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("word");
        const auto row = [](const char* name, const QString& more, int code, const char* word) { QTest::newRow(name) << more.split(QLatin1Char(' ')) << code << QByteArray(word); };
        row("mode", QStringLiteral("--view tokens --mode upside-down"), 3, "upside-down");
        row("scheme", QStringLiteral("--view kernel --scheme per_moon"), 3, "per_moon");
        row("site", QStringLiteral("--view tokens --site nowhere"), 3, "nowhere");
        row("linear", QStringLiteral("--view weights --site nowhere"), 3, "nowhere");
        row("no grid", QStringLiteral("--view weights --mode error"), 3, "float");
        row("figure", QStringLiteral("--view curves --mode loudness"), 3, "loudness");
        row("run", QStringLiteral("--view run --run run-009"), 3, "run-009");
        row("run not evaluated", QStringLiteral("--view tradeoff --run run-009"), 3, "run-009");
        row("bits", QStringLiteral("--view kernel --bits 9"), 2, "9");
        row("view", QStringLiteral("--view moon"), 2, "moon");
    }
    void impossibleWishesAreRefused()
    {
        QFETCH(QStringList, more);
        QFETCH(int, code);
        QFETCH(QByteArray, word);
        const Outcome refused = halftone(QStringList{QStringLiteral("plot"), m_project} + more + QStringList{QStringLiteral("--out"), m_folder.filePath(QStringLiteral("no.png"))});
        QCOMPARE(refused.code, code);
        QVERIFY2(refused.err.contains(word), refused.err);
        QVERIFY(!QFile::exists(m_folder.filePath(QStringLiteral("no.png"))));
    }
};

QTEST_GUILESS_MAIN(TestCliPlot)
#include "tst_cli_plot.moc"
