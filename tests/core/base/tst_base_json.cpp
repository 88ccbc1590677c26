#include "core/base/error.h"
#include "core/base/json.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>

#include <fstream>

using namespace halftone;

class tst_base_json : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aDocumentIsReadAsItStands()
    {
        const char* text = R"({"b": [1, -2, 2.5, true, null, "x\u00e9"], "a": {"k": 18446744073709551615}})";
        const Json tree = parseJson(text, "t.json");
        QVERIFY(tree == Json::parse(text));
        QCOMPARE(parseOrderedJson(text, "t.json").dump(), nlohmann::ordered_json::parse(text).dump());
        QCOMPARE(parseOrderedJson(text, "t.json").begin().key(), std::string("b"));
        QVERIFY(tree["b"][0].is_number_unsigned());
        QVERIFY(!tree["b"][1].is_number_unsigned());
        QVERIFY(parseJson("7", "t.json") == Json(7));
    }

    void aFaultyDocumentIsRefusedWithItsPlace_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QString>("place");
        QTest::addColumn<QString>("rule");
        const auto row = [](const char* name, QByteArray text, const char* place, const char* rule = "E-R11") {
            QTest::newRow(name) << text << QString::fromLatin1(place) << QString::fromLatin1(rule);
        };
        row("empty", "", "line 1");
        row("cut_off", "{\"a\": [1, 2", "line 1");
        row("duplicate_key", "{\"a\": 1,\n \"a\": 2}", "line 2, column 4");
        row("duplicate_key_inside", "[{\"x\": {\"a\": 1, \"b\": 2, \"a\": 3}}]", "line 1, column 27");
        row("duplicate_key_escaped", "{\"a\": 1, \"\\u0061\": 2}", "line 1");
        row("trailing_text", "{} x", "line 1, column 4");
        row("trailing_comma", "[1, 2,]", "line 1, column 7");
        row("two_documents", "{}\n{}", "line 2, column 1");
        row("comment", "[1] // one", "line 1");
        row("bare_word", "[nan]", "line 1");
        row("single_quotes", "{'a': 1}", "line 1");
        row("number_too_large", "[1e999]", "line 1");
        row("plus_sign", "[+1]", "line 1");
        row("leading_zero", "[01]", "line 1");
        row("bad_utf8", "[\"\xff\"]", "line 1");
        row("overlong_utf8", "[\"\xc0\xaf\"]", "line 1");
        row("lone_surrogate", "[\"\\ud800\"]", "line 1");
        row("raw_newline_in_text", "[\"a\nb\"]", "line 1, column 4");
        row("nul_after_document", QByteArray("{}\0{\"a\"", 7), "line 1, column 3");
        row("too_deep", QByteArray(65, '[') + QByteArray(65, ']'), "line 1, column 65", "E-R04");
        row("a_million_deep", QByteArray(1'000'000, '['), "line 1, column 65", "E-R04");
        row("objects_too_deep", QByteArray("{\"a\":").repeated(65), "line 1", "E-R04");
    }
    void aFaultyDocumentIsRefusedWithItsPlace()
    {
        QFETCH(QByteArray, text);
        QFETCH(QString, place);
        QFETCH(QString, rule);
        for (const bool ordered : {false, true}) {
            try {
                if (ordered)
                    parseOrderedJson(text.toStdString(), "config.json");
                else
                    parseJson(text.toStdString(), "config.json");
                QFAIL("accepted");
            } catch (const Error& e) {
                const QString what = QString::fromUtf8(e.what());
                QCOMPARE(e.kind(), ErrorKind::BadFile);
                QVERIFY2(what.startsWith(QLatin1String("config.json: ")) && what.contains(place) && what.contains(rule), e.what());
                QVERIFY2(what.size() < 500, e.what());
            }
        }
    }

    void theDepthLimitIsExact()
    {
        const std::string most = std::string(64, '[') + std::string(64, ']');
        QVERIFY(parseJson(most, "t").is_array());
        QVERIFY_EXCEPTION_THROWN(parseJson('[' + most + ']', "t"), Error);
        QVERIFY(parseJson("[[]]", "t", {100, 2}).is_array());
        QVERIFY_EXCEPTION_THROWN(parseJson("[[[]]]", "t", {100, 2}), Error);
    }

    void theSizeLimitIsExact()
    {
        QVERIFY(parseJson("[1,2]", "t", {5, 64}).is_array());
        QVERIFY_EXCEPTION_THROWN(parseJson("[1,2] ", "t", {5, 64}), Error);
        QTemporaryDir folder;
        const auto path = std::filesystem::path(folder.path().toStdString()) / "big.json";
        std::ofstream(path) << "[1,2] ";
        QVERIFY(readJsonFile(path).is_array());
        QVERIFY_EXCEPTION_THROWN(readJsonFile(path, {5, 64}), Error);
    }

    void theNumberOfValuesIsExact()
    {
        QVERIFY(parseJson("[1,{\"a\":[]}]", "t", {100, 64, 4}).is_array());
        QVERIFY_EXCEPTION_THROWN(parseJson("[1,{\"a\":[2]}]", "t", {100, 64, 4}), Error);
        std::string bomb = "[";   // 60 MiB of these took 2.2 GB
        for (int i = 0; i < 3'000'000; ++i)
            bomb += "{},";
        bomb += "{}]";
        try {
            parseJson(bomb, "config.json");
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString::fromUtf8(error.what()).contains("more than 2000000 values") && QString::fromUtf8(error.what()).startsWith("config.json"), error.what());
        }
    }

    void aLargeVocabularyIsReadInLinearTime()
    {
        std::string text = "{";
        for (int i = 0; i < 300'000; ++i)
            text += (i > 0 ? ",\"token" : "\"token") + std::to_string(i) + "\":" + std::to_string(i);
        text += "}";
        QElapsedTimer timer;
        timer.start();
        const OrderedJson tree = parseOrderedJson(text, "tokenizer.json");
        QCOMPARE(tree.size(), std::size_t(300'000));
        QVERIFY2(timer.elapsed() < 5000, "quadratic?"); // about 0.15 s; looking through all keys for each would take minutes
    }

    void aVisitorCanRefuse()
    {
        class NoNumbers final : public JsonVisitor {
        public:
            void value(Json scalar) override
            {
                if (scalar.is_number())
                    throw JsonRefusal{"a number", "E-X"};
            }
            void beginObject() override {}
            void key(std::string) override {}
            void endObject() override {}
            void beginArray() override {}
            void endArray() override {}
        } visitor;
        visitJson("[\"a\", {\"b\": null}]", "v", visitor);
        try {
            visitJson("[\"a\",\n  5]", "v", visitor);
            QFAIL("accepted");
        } catch (const Error& e) {
            QCOMPARE(std::string(e.what()), std::string("v: line 2, column 4: a number (E-X)."));
        }
    }
};

QTEST_APPLESS_MAIN(tst_base_json)
#include "tst_base_json.moc"
