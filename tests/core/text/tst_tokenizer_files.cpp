#include "core/base/error.h"
#include "core/text/tokenizer_class.h"
#include "tests/core/text/goldens.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

using namespace halftone;
using namespace halftone::test;

/// Folders: which files are read, and what is said about those that cannot be.
class TokenizerFiles : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void folderWithoutATokenizerIsNamed()
    {
        const QTemporaryDir folder;
        expectError(folder, ErrorKind::BadFile, "has no tokenizer");
        write(folder, "vocab.json", "{}");
        expectError(folder, ErrorKind::BadFile, "has no tokenizer");
    }

    void brokenJsonIsRefused_data()
    {
        QTest::addColumn<QString>("at");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<bool>("unsupported");
        QTest::addColumn<QString>("part");
        const auto row = [](const char* name, const char* at, const char* value, bool unsupported, const char* part) {
            QTest::newRow(name) << at << QByteArray(value) << unsupported << part;
        };
        row("unknown_pre_tokenizer", "/pre_tokenizer", R"({"type":"Quantum"})", true, "Quantum");
        row("unknown_normalizer", "/normalizer", R"({"type":"Sequence","normalizers":[{"type":"NFKX"}]})", true, "NFKX");
        row("nothing_prepended", "/normalizer", R"({"type":"Prepend","prepend":""})", false, "prepend");
        row("unknown_model", "/model/type", R"("Bigram")", true, "Bigram");
        row("unigram_without_scores", "/model", R"({"type":"Unigram","vocab":[["a"]],"unk_id":0})", false, "vocab[0]");
        row("unigram_score_is_no_number", "/model", R"({"type":"Unigram","vocab":[["a",null]],"unk_id":0})", false, "vocab[0]");
        row("unigram_unknown_past_the_end", "/model", R"({"type":"Unigram","vocab":[["a",-1.0]],"unk_id":1})", false, "has id 1 of 1");
        row("wordlevel_without_unknown", "/model", R"({"type":"WordLevel","vocab":{"a":0}})", false, "unk_token");
        row("charsmap_no_base64", "/normalizer", R"({"type":"Precompiled","precompiled_charsmap":"?"})", false, "base64");
        row("charsmap_cut_off", "/normalizer", R"({"type":"Precompiled","precompiled_charsmap":"AAEAAAAA"})", false, "size of its trie");
        row("unknown_post_processor", "/post_processor", R"({"type":"Baked"})", true, "Baked");
        row("unknown_decoder", "/decoder", R"({"type":"CTC"})", true, "CTC");
        row("unknown_behavior", "/pre_tokenizer", R"({"type":"Split","pattern":{"String":"a"},"behavior":"Shredded","invert":false})", true, "Shredded");
        row("unknown_version", "/version", R"("7.0")", true, "7.0");
        row("dropout", "/model/dropout", "0.5", true, "dropout");
        row("regex_without_equivalent", "/pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"\\X"},"behavior":"Isolated"})", true, "\\X");
        row("regex_that_does_not_compile", "/pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a\"},\"behavior\":\"Isolated\"}", false, "(a");
        row("vocab_is_a_list", "/model/vocab", "[]", false, "vocab");
        row("id_negative", "/model/vocab/a", "-4", false, "\"a\"");
        row("id_huge", "/model/vocab/a", "1e12", false, "\"a\"");
        row("id_shared", "/model/vocab/a", "0", false, "share the id 0");
        row("merge_of_unknown_token", "/model/merges", R"([["xq","zz"]])", false, "xq");
        row("merge_of_three", "/model/merges", R"(["a b c"])", false, "merges[0]");
        row("merge_is_a_number", "/model/merges", "[4]", false, "merges[0]");
        row("added_token_elsewhere", "/added_tokens", R"([{"id":5,"content":"<|bos|>"}])", false, "<|bos|>");
        row("added_token_over_another", "/added_tokens", R"([{"id":5,"content":"new"}])", false, "new");
        row("added_token_without_id", "/added_tokens", R"([{"content":"new"}])", false, "id");
        row("template_without_ids", "/post_processor", R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}]})", false, "ids");
        row("metaspace_of_two_characters", "/pre_tokenizer", R"({"type":"Metaspace","replacement":"ab"})", false, "replacement");
    }

    void aTemplateIsBounded()
    {
        // Each piece names all the ids of its token once more: a few megabytes would be 10^12 ids.
        Json document = Json::parse(bytesOfFile(dataFile("gpt2/tokenizer.json")));
        const Json piece{{"SpecialToken", {{"id", "x"}, {"type_id", 0}}}};
        const auto withTemplate = [&](std::size_t pieces, std::size_t ids) {
            return Json{{"type", "TemplateProcessing"}, {"single", Json(pieces, piece)}, {"special_tokens", {{"x", {{"id", "x"}, {"ids", Json(ids, 1)}}}}}};
        };
        const QTemporaryDir folder;
        document["post_processor"] = withTemplate(64, 64);
        write(folder, "tokenizer.json", document.dump());
        QCOMPARE(Tokenizer::openFolder(folder.path().toStdString())->encode("", true).size(), std::size_t(4096));
        for (const Json& broken : {withTemplate(65, 64), withTemplate(200'000, 200'000), Json{{"type", "Sequence"}, {"processors", Json(3, withTemplate(64, 30))}}}) {
            document["post_processor"] = broken;
            write(folder, "tokenizer.json", document.dump());
            expectError(folder, ErrorKind::BadFile, "4096");
        }
    }

    void brokenJsonIsRefused()
    {
        QFETCH(QString, at);
        QFETCH(QByteArray, value);
        QFETCH(bool, unsupported);
        QFETCH(QString, part);
        Json document = Json::parse(bytesOfFile(dataFile("gpt2/tokenizer.json")));
        document[Json::json_pointer(at.toStdString())] = Json::parse(value.toStdString());
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        expectError(folder, unsupported ? ErrorKind::Unsupported : ErrorKind::BadFile, part);
    }

    void textThatIsNoJsonIsRefused()
    {
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", "{\"version\": \"1.0\", ");
        expectError(folder, ErrorKind::BadFile, "tokenizer.json");
        write(folder, "tokenizer.json", "[]");
        expectError(folder, ErrorKind::BadFile, "object");
        write(folder, "tokenizer.json", "{}");
        expectError(folder, ErrorKind::BadFile, "model");
    }

    void vocabularyAndMergesReadAsTheirClassSays()
    {
        const QTemporaryDir folder;
        writeVocabularyAndMerges(folder, "gpt2");
        expectError(folder, ErrorKind::Unsupported, "pre-tokenizer");
        write(folder, "config.json", R"({"model_type":"opt"})");
        write(folder, "special_tokens_map.json", R"({"bos_token":"<|bos|>","eos_token":{"content":"<|eos|>"},"unk_token":"<|eos|>","additional_special_tokens":["<|mark|>"]})");
        write(folder, "tokenizer_config.json", R"({"add_bos_token":true})");
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        const std::string difference = firstDifference(*tokenizer, goldenLines(), readIds(dataFile("gpt2/ids.txt")));
        QVERIFY2(difference.empty(), difference.c_str());
        QCOMPARE(tokenizer->encode("", true), Ids{0});
        write(folder, "tokenizer_config.json", R"({"tokenizer_class":"KlingonTokenizer"})");
        expectError(folder, ErrorKind::Unsupported, "KlingonTokenizer");
        write(folder, "tokenizer_config.json", R"({"tokenizer_class":"GPT2Tokenizer"})");
        write(folder, "merges.txt", "#version: 0.2\na b c\n");
        expectError(folder, ErrorKind::BadFile, "line 2");
    }

    void qwenVocabularyAndMergesNormalize()
    {
        const QTemporaryDir folder;
        writeVocabularyAndMerges(folder, "qwen2");
        write(folder, "tokenizer_config.json",
              R"({"tokenizer_class":"Qwen2Tokenizer","eos_token":"<|eos|>","unk_token":null,"added_tokens_decoder":{
                  "0":{"content":"<|bos|>","special":true},"1":{"content":"<|eos|>","special":true},"2":{"content":"<|mark|>","special":true}}})");
        const std::string difference =
            firstDifference(*Tokenizer::openFolder(folder.path().toStdString()), goldenLines(), readIds(dataFile("qwen2/ids.txt")));
        QVERIFY2(difference.empty(), difference.c_str());
    }

    void sentencePieceFolderCutsSpecialTokens()
    {
        const QTemporaryDir folder;
        write(folder, "tokenizer.model", bytesOfFile(dataFile("sentencepiece-bpe/tokenizer.model")));
        write(folder, "special_tokens_map.json", R"({"bos_token":"<s>","eos_token":"</s>"})");
        write(folder, "added_tokens.json", R"({"<|new|>":800})");
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        QCOMPARE(tokenizer->size(), 801);
        const Ids ids = tokenizer->encode("a</s>b<|new|>", true);
        QCOMPARE(ids.front(), 1);
        QVERIFY(std::find(ids.begin(), ids.end(), 2) != ids.end());
        QCOMPARE(ids.back(), 800);
        QCOMPARE(tokenizer->tokenText(800), "<|new|>");
        QCOMPARE(tokenizer->decode(ids), "<s>a</s>b<|new|>");
        write(folder, "added_tokens.json", R"({"<|new|>":400})");
        expectError(folder, ErrorKind::BadFile, "400");
        write(folder, "added_tokens.json", R"({})");
        write(folder, "special_tokens_map.json", R"({"bos_token":"<nobody>"})");
        expectError(folder, ErrorKind::BadFile, "<nobody>");
        write(folder, "special_tokens_map.json", R"({})");
        write(folder, "tokenizer_config.json", R"({"legacy":false})");
        expectError(folder, ErrorKind::Unsupported, "legacy");
        write(folder, "tokenizer_config.json", R"({})");
        write(folder, "tokenizer.model", "this is no protocol buffer");
        expectError(folder, ErrorKind::BadFile, "tokenizer.model");
    }

    void piecesReadAsText()
    {
        const auto gpt2 = Tokenizer::openFolder(dataFile("gpt2"));
        QCOMPARE(gpt2->tokenText(0), "<|bos|>");
        const Ids the = gpt2->encode(" the", false);
        QCOMPARE(the.size(), std::size_t{1});
        QCOMPARE(gpt2->tokenText(the[0]), " the");
        const Ids half = gpt2->encode("\u2421", false);  // no token of its own
        QVERIFY(half.size() > 1);
        QCOMPARE(gpt2->tokenText(half[0]).substr(0, 3), "<0x");
        QCOMPARE(gpt2->tokenText(-1), "");
        QCOMPARE(gpt2->tokenText(1 << 20), "");
        const auto llama = Tokenizer::openFolder(dataFile("llama2"));
        QCOMPARE(llama->tokenText(llama->encode("the", false)[0]), " the");
    }

    void anyBytesAreTaken()
    {
        const auto tokenizer = Tokenizer::openFolder(dataFile("smollm"));
        std::string bytes;
        for (int i = 0; i < 70000; ++i)
            bytes += static_cast<char>(i * 2654435761u >> 13);
        const Ids ids = tokenizer->encode(bytes, false);
        QVERIFY(ids.size() > 1000);
        for (const std::int32_t id : ids)
            QVERIFY(id >= 0 && id < tokenizer->size());
        QVERIFY(tokenizer->encode("", false).empty());
        QCOMPARE(tokenizer->encode("\xFF", false), tokenizer->encode("\xEF\xBF\xBD", false));
    }

    void hostileTextStaysFast_data()
    {
        QTest::addColumn<QString>("kind");
        for (const char* kind : {"llama3", "smollm", "gpt4o", "llama2", "words", "unigram", "unigram-bytes", "wordlevel", "wordpiece"})
            QTest::newRow(kind) << kind;
    }

    /// 1 MB of one character, and of such as make regular expressions walk back.
    void hostileTextStaysFast()
    {
        QFETCH(QString, kind);
        const auto tokenizer = Tokenizer::openFolder(dataFile(kind.toStdString()));
        for (const std::string part : {"a", "A", " ", "\n", "1", "'", "的", "\u0301", " \t", "aA", "\xFF", "<|", "▁"}) {
            std::string text;
            while (text.size() < 1'000'000)
                text += part;
            text += "x";
            QElapsedTimer timer;
            timer.start();
            QVERIFY(!tokenizer->encode(text, false).empty());
            QVERIFY2(timer.elapsed() < 5000, ("slow over \"" + part + "\"").c_str());
        }
    }

    void rulesThatGrowWithoutEndAreNamed_data()
    {
        QTest::addColumn<QString>("at");
        QTest::addColumn<QString>("rule");
        QTest::addColumn<QString>("list");
        QTest::addColumn<int>("times");
        QTest::addColumn<QString>("said");
        QTest::newRow("replaced text") << "/normalizer" << R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})" << "normalizers" << 40 << "Replace a";
        QTest::newRow("replaced expression") << "/normalizer" << R"({"type":"Replace","pattern":{"Regex":"a"},"content":"aa"})" << "normalizers" << 40 << "Replace a";
        QTest::newRow("prepended") << "/normalizer" << QString(R"({"type":"Prepend","prepend":"%1"})").arg(QString(2000, 'a')) << "normalizers" << 40 << "Prepend";
        QTest::newRow("bytes as characters") << "/normalizer" << R"({"type":"ByteLevel"})" << "normalizers" << 40 << "ByteLevel";
        QTest::newRow("bytes as characters of pieces") << "/pre_tokenizer" << R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})" << "pretokenizers" << 40 << "ByteLevel";
        QTest::newRow("time") << "/normalizer" << R"({"type":"NFKC"})" << "normalizers" << 100'000 << "takes too long";
    }

    void rulesThatGrowWithoutEndAreNamed()
    {
        QFETCH(QString, at);
        QFETCH(QString, rule);
        QFETCH(QString, list);
        QFETCH(int, times);
        QFETCH(QString, said);
        Json document = Json::parse(bytesOfFile(dataFile("gpt2/tokenizer.json")));
        document[Json::json_pointer(at.toStdString())] = {{"type", "Sequence"}, {list.toStdString(), std::vector<Json>(static_cast<std::size_t>(times), Json::parse(rule.toStdString()))}};
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        std::string text = "a a\u0301 a text of few words, and an é";
        for (int i = 0; times > 1000 && i < 7; ++i)
            text += text;
        QElapsedTimer timer;
        timer.start();
        try {
            tokenizer->encode(text, false);
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains(said) && QString(error.what()).contains("tokenizer.json"), error.what());
        }
        QVERIFY(timer.elapsed() < 60'000);   // two seconds of processor time
    }

    void decodersThatGrowWithoutEndAreNamed()
    {
        Json document = Json::parse(bytesOfFile(dataFile("gpt2/tokenizer.json")));
        document["decoder"] = {{"type", "Sequence"}, {"decoders", std::vector<Json>(40, Json::parse(R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})"))}};
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        QVERIFY_THROWS_EXCEPTION(Error, tokenizer->decode(tokenizer->encode("aaaa", false)));
    }

    /// A mark is put before what begins the text, and what comes of its first character begins it. Right: tokenizers 0.23.3.
    void aClassThatCutsByAnotherRuleIsTold_data()
    {
        QTest::addColumn<QString>("type");
        QTest::addColumn<QString>("named");
        QTest::addColumn<bool>("qwens");
        QTest::addColumn<bool>("told");
        QTest::newRow("qwen2") << "qwen2" << "PreTrainedTokenizerFast" << false << true;
        QTest::newRow("qwen2 with its own rule") << "qwen2" << "Qwen2Tokenizer" << true << false;
        QTest::newRow("qwen3") << "qwen3" << "PreTrainedTokenizerFast" << false << false;
        QTest::newRow("qwen3 of no class") << "qwen3" << "" << false << true;
        QTest::newRow("another model of that class") << "llama" << "Qwen2TokenizerFast" << false << true;
        QTest::newRow("another model") << "llama" << "" << false << false;
    }

    /// As AutoTokenizer of transformers 5.23 does with such folders.
    void aClassThatCutsByAnotherRuleIsTold()
    {
        QFETCH(QString, type);
        QFETCH(QString, named);
        QFETCH(bool, qwens);
        QFETCH(bool, told);
        const QTemporaryDir folder;
        const char* own = R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
        const Json split{{"type", "Split"}, {"pattern", {{"Regex", qwens ? own : "\\w+"}}}};
        write(folder, "tokenizer.json", Json{{"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", Json::array({split, {{"type", "ByteLevel"}}})}}}}.dump());
        write(folder, "config.json", Json{{"model_type", type.toStdString()}}.dump());
        write(folder, "tokenizer_config.json", named.isEmpty() ? "{}" : Json{{"tokenizer_class", named.toStdString()}}.dump());
        QCOMPARE(noteOnTokenizerClass(folder.path().toStdString()).empty(), !told);
    }

    void whatComesOfTheFirstCharacterBeginsTheText_data()
    {
        QTest::addColumn<QString>("rules");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("becomes");
        QTest::addColumn<bool>("first");
        const char* const strip = R"({"type":"Strip","strip_left":true,"strip_right":true})";
        const auto row = [](const char* name, const QString& rules, const QString& text, const QString& becomes, bool first) {
            QTest::newRow(name) << rules << text << becomes << first;
        };
        const QString compatible = QString(R"({"type":"NFKC"},%1)").arg(strip);
        row("a space of a sign that is taken apart", compatible, u"\u00a8x"_qs, u"\u0308x"_qs, true);
        row("the same behind a space", compatible, u" \u00a8x"_qs, u"\u0308x"_qs, false);
        row("a space", compatible, " x", "x", false);
        row("composed", QString(R"({"type":"NFC"},%1)").arg(strip), u"e\u0301x"_qs, u"\u00e9x"_qs, true);
        row("a mark", R"({"type":"NFD"},{"type":"StripAccents"})", u"\u0301x"_qs, "x", false);
        row("prepended spaces", QString(R"({"type":"Prepend","prepend":"  "},%1)").arg(strip), "x", "x", true);
        row("prepended to a space", QString(R"({"type":"Prepend","prepend":"  "},%1)").arg(strip), " x", "x", false);
        row("two for one", R"({"type":"Replace","pattern":{"String":"  "},"content":"b"})", "  x", "bx", false);
        row("one for two", R"({"type":"Replace","pattern":{"String":"a"},"content":"bb"})", "ax", "bbx", true);
        row("an expression", R"({"type":"Replace","pattern":{"Regex":"\\s+"},"content":"b"})", "   x", "bx", false);
        row("an empty match", R"({"type":"Replace","pattern":{"Regex":"^"},"content":"b"})", "ax", "bax", true);
        row("a part of what came of it", R"({"type":"Replace","pattern":{"String":"a"},"content":"cde"},{"type":"Replace","pattern":{"String":"c"},"content":""})", "abx", "debx", true);
        row("nothing of what came of it", R"({"type":"Replace","pattern":{"String":"ab"},"content":"cde"},{"type":"Replace","pattern":{"String":"c"},"content":""})", "abx", "dex", false);
        row("bytes as characters", R"({"type":"ByteLevel"},{"type":"Replace","pattern":{"String":"Ã"},"content":""})", u"\u00e9x"_qs, u"\u00a9x"_qs, true);
        row("a Chinese sign", QString(R"({"type":"BertNormalizer","lowercase":false},%1)").arg(strip), u"\u4e2dx"_qs, u"\u4e2d_x"_qs, true);
    }

    void whatComesOfTheFirstCharacterBeginsTheText()
    {
        QFETCH(QString, rules);
        QFETCH(QString, text);
        QFETCH(QString, becomes);
        QFETCH(bool, first);
        Json vocabulary = {{"?", 0}, {"_", 1}};
        for (const QChar c : becomes)
            vocabulary.emplace(QString(c).toStdString(), vocabulary.size());
        const Json document{{"version", "1.0"}, {"added_tokens", Json::array()}, {"post_processor", nullptr}, {"decoder", nullptr},
                            {"normalizer", {{"type", "Sequence"}, {"normalizers", Json::parse("[" + rules.toStdString() + "]")}}},
                            {"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "first"}, {"split", false}}},
                            {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}, {"unk_token", "?"}}}};
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        std::string got;
        for (const std::int32_t id : tokenizer->encode(text.toStdString(), false))
            got += tokenizer->tokenText(id);
        QCOMPARE(QString::fromStdString(got), (first ? "_" : "") + becomes);
    }

    /// Words of the vocabulary below, each text's ids as tokenizers 0.23.3 gives them.
    void piecesAndAddedTokensAreThoseOfTheReference_data()
    {
        QTest::addColumn<QString>("parts");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("ids");
        const auto row = [](const char* name, const QString& parts, const QString& text, const QString& ids) { QTest::newRow(name) << parts << text << ids; };
        const QString first = R"({"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":" "},{"type":"Prepend","prepend":"_x"}]},
            "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Whitespace"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}]}})";
        row("every piece of the first character is a first one", first, "a", "4 5");
        row("the next character's is none", first, "a b", "4 5 2");
        const QString taken = R"({"added_tokens":[{"id":9,"content":"<x>","rstrip":true},{"id":10,"content":"\n","lstrip":true},{"id":8,"content":" "}]})";
        row("white space that is taken already is no token", taken, "a<x>\nb", "1 9 2");
        row("and is one elsewhere", taken, "a<x>b\nb", "1 9 2 10 2");
        row("white space that is taken along counts twice", taken, "<x>  b", "9 8 8 2");
        const QString nothing = R"({"normalizer":{"type":"StripAccents"},"added_tokens":[{"id":9,"content":"\u0301","rstrip":true,"normalized":true}]})";
        row("a token that becomes nothing cuts everywhere", nothing, "ab", "1 2");
        row("and takes white space along", nothing, "a  b", "1 9 9 2");
        row("it would cut a character in two", nothing, QStringLiteral("a\u4e2d"), "in two");
        row("nothing of the white space is left", taken, "<x>\n\n", "takes along");
    }

    void piecesAndAddedTokensAreThoseOfTheReference()
    {
        QFETCH(QString, parts);
        QFETCH(QString, text);
        QFETCH(QString, ids);
        Json document{{"version", "1.0"}, {"added_tokens", Json::array()}, {"post_processor", nullptr}, {"decoder", nullptr}, {"normalizer", nullptr}, {"pre_tokenizer", nullptr},
                      {"model", {{"type", "WordLevel"}, {"unk_token", "<unk>"},
                                 {"vocab", {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"_x", 3}, {"▁_x", 4}, {"▁a", 5}, {"_", 6}, {"▁", 7}, {" ", 8}}}}}};
        document.update(Json::parse(parts.toStdString()));
        for (Json& token : document["added_tokens"])
            token.emplace("normalized", false);
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        QStringList got;
        try {
            for (const std::int32_t id : tokenizer->encode(text.toStdString(), false))
                got << QString::number(id);
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains("tokenizer.json: the added token") && QString(error.what()).contains(ids), error.what());
            return;
        }
        QCOMPARE(got.join(' '), ids);
    }

    void anUnknownTokenThatIsNoneIsMissedOnlyWhereItIsNeeded()
    {
        Json document = Json::parse(bytesOfFile(dataFile("gpt2/tokenizer.json")));
        document["model"]["unk_token"] = "[???]";
        document["pre_tokenizer"] = nullptr;
        const QTemporaryDir folder;
        write(folder, "tokenizer.json", document.dump());
        const auto tokenizer = Tokenizer::openFolder(folder.path().toStdString());
        QVERIFY(!tokenizer->encode("ab", false).empty());
        try {
            tokenizer->encode("a\xE4\xB8\xAD", false);
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains("[???]") && QString(error.what()).contains("tokenizer.json"), error.what());
        }
    }

    void linksThatLeadOutOfTheFolderAreNotFollowed()
    {
        const QTemporaryDir folder;
        const QDir root(folder.path());
        QVERIFY(root.mkpath("cache/blobs") && root.mkpath("cache/snapshots/main") && root.mkpath("elsewhere"));
        QVERIFY(QFile::copy(QString::fromStdString(dataFile("gpt2/tokenizer.json")), root.filePath("cache/blobs/hash")));
        QVERIFY(QFile::copy(QString::fromStdString(dataFile("gpt2/tokenizer.json")), root.filePath("elsewhere/secret.json")));
        const QString link = root.filePath("cache/snapshots/main/tokenizer.json");
        const auto opened = [&] { return Tokenizer::openFolder(root.filePath("cache/snapshots/main").toStdString()); };
        QVERIFY(QFile::link("../../blobs/hash", link));
        QVERIFY(opened()->size() > 600);   // as a hub's cache lays it
        QVERIFY(QFile::remove(link) && QFile::link(root.filePath("elsewhere/secret.json"), link));
        try {
            opened();
            QFAIL("a link was followed out of the folder");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains("leads out of its folder"), error.what());
        }
        QVERIFY(QFile::remove(link) && QFile::copy(root.filePath("elsewhere/secret.json"), root.filePath("cache/snapshots/main/real.json")) && QFile::link("real.json", link));
        QVERIFY(opened()->size() > 600);
    }

private:
    static void write(const QTemporaryDir& folder, const char* name, const std::string& text)
    {
        QFile file(folder.filePath(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(text.data(), static_cast<qint64>(text.size())), static_cast<qint64>(text.size()));
    }

    static void writeVocabularyAndMerges(const QTemporaryDir& folder, const char* kind)
    {
        const Json model = Json::parse(bytesOfFile(dataFile(std::string(kind) + "/tokenizer.json")))["model"];
        write(folder, "vocab.json", model["vocab"].dump());
        std::string merges = "#version: 0.2\n";
        for (const Json& merge : model["merges"])
            merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
        write(folder, "merges.txt", merges);
    }

    static void expectError(const QTemporaryDir& folder, ErrorKind kind, const QString& part)
    {
        try {
            Tokenizer::openFolder(folder.path().toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(error.kind() == kind, error.what());
            QVERIFY2(QString(error.what()).contains(part), error.what());
            QVERIFY2(QString(error.what()).contains(folder.path()), error.what());
        }
    }
};

QTEST_GUILESS_MAIN(TokenizerFiles)
#include "tst_tokenizer_files.moc"
