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

    QStringList plot(const QString& view, const QStringList& more = {}) const { return QStringList{QStringLiteral("plot"), m_project, QStringLiteral("--view"), view} + more; }
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
    }

    void theListNamesEveryView()
    {
        const Outcome listed = halftone({QStringLiteral("plot"), QStringLiteral("--list"), QStringLiteral("--json")});
        QCOMPARE(listed.code, 0);
        QStringList ids;
        for (const QJsonValue& view : listed.json()[QStringLiteral("views")].toArray())
            ids << view[QStringLiteral("id")].toString();
        for (const char* id : {"outliers", "kernel", "channels", "tokens", "weights"})
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
    }
    void everyViewBecomesAFile()
    {
        QFETCH(QStringList, arguments);
        for (const char* ending : {"png", "svg", "pdf", "csv"}) {
            const QString file = m_folder.filePath(QStringLiteral("view.") + QString::fromLatin1(ending));
            const Outcome drawn = halftone(QStringList{QStringLiteral("plot"), m_project} + arguments + QStringList{QStringLiteral("--out"), file});
            QVERIFY2(drawn.code == 0, drawn.err);
            QVERIFY(QFileInfo(file).size() > 200);
        }
        QVERIFY(QImage(m_folder.filePath(QStringLiteral("view.png"))).width() > 1900);
        const QString large = m_folder.filePath(QStringLiteral("large.png"));
        QCOMPARE(halftone(QStringList{QStringLiteral("plot"), m_project} + arguments +
                          QStringList{QStringLiteral("--out"), large, QStringLiteral("--scale"), QStringLiteral("4"), QStringLiteral("--size"), QStringLiteral("500x300")})
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
