#include "core/recipe/headline.h"
#include "small_model.h"

#include <QTest>

using namespace halftone;

/// A recipe in a few words.
class TestHeadline : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void presetsAreNamedByMethodAndBits_data()
    {
        QTest::addColumn<QString>("words");
        QTest::newRow("w4a16-gptq-g64") << QStringLiteral("GPTQ 4 bits");
        QTest::newRow("w4a16-rtn-g64") << QStringLiteral("RTN 4 bits");
        QTest::newRow("w4-down8-gptq-g64") << QStringLiteral("GPTQ 4–8 bits");
    }
    void presetsAreNamedByMethodAndBits()
    {
        QFETCH(QString, words);
        const ModelDescription model = llamaDescription();
        const Recipe recipe = presetForModel(QTest::currentDataTag(), model);
        QCOMPARE(QString::fromStdString(headline(resolve(recipe, model), recipe.kvCache)), words);
        QCOMPARE(QString::fromStdString(headline(recipe)), words);
    }

    void everyPresetSaysSomethingShort()
    {
        const ModelDescription model = llamaDescription();
        for (const Preset& preset : presets()) {
            const Recipe recipe = presetForModel(preset.id, model);
            const std::string words = headline(resolve(recipe, model), recipe.kvCache);
            QVERIFY2(words != "not quantized" && words.size() < 48, (preset.id + ": " + words).c_str());
        }
    }

    void nothingIsLeftFloat()
    {
        QCOMPARE(QString::fromStdString(headline(Recipe{})), QStringLiteral("not quantized"));
        Recipe cache;
        cache.kvCache.scheme = KvCacheGrid::Scheme::PerToken;
        QCOMPARE(QString::fromStdString(headline(cache)), QStringLiteral("KV8"));
    }
};

QTEST_APPLESS_MAIN(TestHeadline)
#include "tst_headline.moc"
