#include "widgets/layers_filter.h"

#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestLayersFilter : public QObject {
    Q_OBJECT

    static LayersFilter::Row row()
    {
        LayersFilter::Row row;
        row.name = u"model.layers.11.mlp.down_proj"_s;
        row.kind = u"down_proj"_s;
        row.site = u"mlp_mid"_s;
        row.method = u"gptq"_s;
        row.activations = u"per_token"_s;
        row.dtype = u"BF16"_s;
        row.block = 11;
        row.quantized = true;
        row.bits = 4;
        row.group = 64;
        row.kernel = 12.5;
        row.kurtosis = 60;
        row.weights = 884736;
        row.size = 912e3;
        row.outlier = 2969;
        row.ratio = 2362;
        row.channel = 1229;
        return row;
    }

private Q_SLOTS:
    void wordsAreUnderstood_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("matches");
        QTest::newRow("empty") << QString() << true;
        QTest::newRow("part of a name") << u"down"_s << true;
        QTest::newRow("other part") << u"gate"_s << false;
        QTest::newRow("glob") << u"*.down_proj"_s << true;
        QTest::newRow("glob must fit whole") << u"down_*"_s << false;
        QTest::newRow("alternatives") << u"model.layers.{10,11}.*"_s << true;
        QTest::newRow("glob and condition") << u"*.down_proj kurtosis > 50"_s << true;
        QTest::newRow("condition fails") << u"*.down_proj kurtosis > 70"_s << false;
        QTest::newRow("no spaces") << u"bits<=4"_s << true;
        QTest::newRow("strict") << u"bits<4"_s << false;
        QTest::newRow("percent sign") << u"kernel >= 12.5%"_s << true;
        QTest::newRow("outlier") << u"outlier > 2.9k"_s << true;
        QTest::newRow("ratio") << u"ratio >= 2362×"_s << true;
        QTest::newRow("ratio is less") << u"ratio < 100"_s << false;
        QTest::newRow("channel") << u"channel = 1229 and kind = down_proj"_s << true;
        QTest::newRow("not equal") << u"group != 64"_s << false;
        QTest::newRow("block") << u"block = 11"_s << true;
        QTest::newRow("method") << u"method = GPTQ"_s << true;
        QTest::newRow("method differs") << u"method != gptq"_s << false;
        QTest::newRow("quantized") << u"quantized"_s << true;
        QTest::newRow("float") << u"float"_s << false;
        QTest::newRow("changed") << u"changed"_s << false;
        QTest::newRow("unknown value never matches") << u"error > 0"_s << false;
        QTest::newRow("nor does its denial by a sign") << u"sqnr != 3"_s << false;
        QTest::newRow("and") << u"kernel > 1% and kind == down_proj"_s << true;
        QTest::newRow("and, one fails") << u"kernel > 13% and kind == down_proj"_s << false;
        QTest::newRow("signs for and, or") << u"(bits = 8 | bits = 4) && !float"_s << true;
        QTest::newRow("or binds less than and") << u"bits = 4 or bits = 8 and block = 3"_s << true;
        QTest::newRow("parentheses") << u"(bits = 4 or bits = 8) and block = 3"_s << false;
        QTest::newRow("not") << u"not kind = down_proj"_s << false;
        QTest::newRow("not of a group") << u"not (float or block < 11)"_s << true;
        QTest::newRow("kinds by a glob") << u"kind = {up,down}_proj"_s << true;
        QTest::newRow("text differs") << u"kind != up*"_s << true;
        QTest::newRow("site") << u"site = mlp_*"_s << true;
        QTest::newRow("activations") << u"a = per_token"_s << true;
        QTest::newRow("type of storage") << u"dtype = bf16"_s << true;
        QTest::newRow("thousands") << u"weights > 800k weights < 0.9M"_s << true;
        QTest::newRow("bytes") << u"size >= 0.9MB"_s << true;
        QTest::newRow("a set in a glob") << u"*.[!q]*_proj"_s << true;
        QTest::newRow("tied") << u"tied"_s << false;
    }
    void wordsAreUnderstood()
    {
        QFETCH(QString, text);
        QFETCH(bool, matches);
        const LayersFilter filter = LayersFilter::parse(text);
        QCOMPARE(filter.error(), QString());
        QCOMPARE(filter.matches(row()), matches);
    }

    void mistakesAreSaid()
    {
        QVERIFY(LayersFilter::parse(u"height > 3"_s).error().contains(u"height"_s));
        QVERIFY(LayersFilter::parse(u"bits > many"_s).error().contains(u"many"_s));
        for (const QString& text : {u"bits >"_s, u"(bits = 4"_s, u"bits = 4)"_s, u"kernel > 1 and"_s, u"and"_s, u"> 3"_s, u"not"_s, u"kind > down"_s, u"model.[a"_s,
                                    u"kind = {a"_s, u"()"_s}) {
            const LayersFilter filter = LayersFilter::parse(text);
            QVERIFY2(filter.error().size() > 10, qPrintable(text));
            QVERIFY(filter.isEmpty());
            QVERIFY(filter.matches(row()));
        }
    }

    void onlyAPureGlobMakesARule()
    {
        QCOMPARE(LayersFilter::parse(u"*.down_proj"_s).glob(), u"*.down_proj"_s);
        QCOMPARE(LayersFilter::parse(u"down"_s).glob(), u"*down*"_s);
        QVERIFY(LayersFilter::parse(u"down bits=4"_s).glob().isEmpty());
        QVERIFY(LayersFilter::parse(u"not down"_s).glob().isEmpty());
        QVERIFY(LayersFilter::parse(u"changed"_s).glob().isEmpty());
        QVERIFY(LayersFilter::parse(u""_s).glob().isEmpty());
    }
};

QTEST_GUILESS_MAIN(TestLayersFilter)
#include "tst_widgets_layers_filter.moc"
