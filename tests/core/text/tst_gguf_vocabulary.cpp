#include "core/base/error.h"
#include "core/text/unicode.h"
#include "tests/core/text/goldens.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <filesystem>
#include <limits>

using namespace halftone;
using namespace halftone::test;

class GgufVocabularyTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void outsideSuiteIsExact_data()
    {
        QTest::addColumn<QString>("file");
        const QString folder = qEnvironmentVariable("HALFTONE_VOCAB_SUITE");
        for (const QString& name : QDir(folder.isEmpty() ? "/nonexistent" : folder).entryList({"*.gguf"}, QDir::Files))
            QTest::newRow(qPrintable(name)) << folder + "/" + name;
        if (folder.isEmpty())
            QTest::newRow("no suite") << QString();
    }

    /// llama.cpp's vocabularies (ggml-vocab-*.gguf) with its texts and ids.
    void outsideSuiteIsExact()
    {
        QFETCH(QString, file);
        if (file.isEmpty())
            QSKIP("HALFTONE_VOCAB_SUITE names no folder of llama.cpp's ggml-vocab-*.gguf files (16 MB, not part of this repository).");
        const std::string path = file.toStdString();
        if (!std::filesystem::exists(path + ".out"))
            QSKIP("There are no texts and ids beside this vocabulary.");
        const GgufVocabulary vocabulary = GgufKeyValues::vocabulary(path);
        if (vocabulary.model != "gpt2" && vocabulary.model != "llama" && vocabulary.model != "gemma4") {
            QVERIFY_THROWS_EXCEPTION(Error, Tokenizer::fromGguf(vocabulary));
            return;
        }
        const std::string bytes = bytesOfFile(path + ".inp");
        const std::string separator = "\n__ggml_vocab_test__\n";
        const std::vector<Ids> expected = readIds(path + ".out");
        std::vector<std::string> texts;
        for (std::size_t at = 0; texts.size() < expected.size();) {
            const std::size_t end = std::min(bytes.find(separator, at), bytes.size());
            texts.push_back(bytes.substr(at, end - at));
            at = std::min(end + separator.size(), bytes.size());
        }
        QVERIFY(texts.size() >= 40);
        const std::string difference = firstDifference(*Tokenizer::fromGguf(vocabulary), texts, expected);
        QVERIFY2(difference.empty(), difference.c_str());
    }

    /// Gemma 4: "▁" for spaces, merges across words but not across lines, runs of line feeds that are tokens, bytes for what is unknown.
    void gemmaMergesAcrossWordsButNotLines()
    {
        GgufVocabulary vocabulary;
        vocabulary.file = "gemma.gguf";
        vocabulary.model = "gemma4";
        vocabulary.tokens = {"<pad>", "<eos>", "<bos>", "<unk>", "a", "b", "▁", "▁a", "a▁", "ab", "b▁a", "\n", "\n\n", "▁▁", "<0xC3>", "<0xA9>", "<tool>"};
        vocabulary.types.assign(vocabulary.tokens.size(), 1);
        for (const std::size_t control : {0, 1, 2})
            vocabulary.types[control] = 3;
        vocabulary.types[3] = 2;
        vocabulary.types[14] = vocabulary.types[15] = 6;
        vocabulary.types[16] = 4;
        vocabulary.merges = {"a b", "b ▁a", "▁ a", "▁ ▁"};
        vocabulary.bos = 2;
        vocabulary.eos = 1;
        const auto tokenizer = Tokenizer::fromGguf(vocabulary);
        QCOMPARE(tokenizer->encode("ab a", false), (Ids{9, 7}));
        QCOMPARE(tokenizer->encode("b a", false), (Ids{10}));   // one token over two words
        QCOMPARE(tokenizer->encode("a\n\nb", false), (Ids{4, 12, 5}));
        QCOMPARE(tokenizer->encode("\n\n\n", false), (Ids{11, 11, 11}));   // no token of three: no merges either
        QCOMPARE(tokenizer->encode("  é<tool>a", false), (Ids{13, 14, 15, 16, 4}));
        QCOMPARE(tokenizer->encode("a", true), (Ids{2, 4}));
        const Ids ids{9, 7, 12, 14, 15};
        QCOMPARE(tokenizer->decode(ids), std::string("ab a\n\né"));
        vocabulary.merges.clear();
        QVERIFY_THROWS_EXCEPTION(Error, Tokenizer::fromGguf(vocabulary));
    }

    void controlTokensInTheTextAreText()
    {
        GgufVocabulary vocabulary = asGguf("smollm", "smollm");
        const auto user = Tokenizer::fromGguf(vocabulary)->encode("a<|mark|>b", false);
        vocabulary.types[2] = 3;
        const auto control = Tokenizer::fromGguf(vocabulary)->encode("a<|mark|>b", false);
        QCOMPARE(user.size(), std::size_t{3});
        QCOMPARE(user[1], 2);
        QVERIFY(std::find(control.begin(), control.end(), 2) == control.end());
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->decode(control), "a<|mark|>b");
    }

    void specialTokensFollowTheFileOrTheDefaultOfItsPreTokenizer()
    {
        GgufVocabulary vocabulary = asGguf("llama3", "llama-bpe");
        vocabulary.addBos.reset();
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->encode("", true), Ids{0});
        vocabulary.addBos = false;
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->encode("", true), Ids{});
        vocabulary.addEos = true;
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->encode("", true), Ids{1});
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->encode("", false), Ids{});
        vocabulary.pre = "smollm";
        vocabulary.addBos.reset();
        vocabulary.addEos.reset();
        QCOMPARE(Tokenizer::fromGguf(vocabulary)->encode("", true), Ids{});
        vocabulary.addBos = true;
        vocabulary.bos = -1;
        expectError(vocabulary, ErrorKind::BadFile, "BOS");
    }

    void phi3TokensTakeTheSpaceBehindThem()
    {
        GgufVocabulary vocabulary = spmAsGguf();
        const auto plain = Tokenizer::fromGguf(vocabulary);
        vocabulary.name = "Phi-3-mini";
        const auto phi3 = Tokenizer::fromGguf(vocabulary);
        QVERIFY(plain->encode("<|mark|>  a", false) != phi3->encode("<|mark|>  a", false));
        QCOMPARE(phi3->encode("<|mark|>  \n a", false), phi3->encode("<|mark|>a", false));
    }

    void hostileTextStaysFast()
    {
        const auto tokenizer = Tokenizer::fromGguf(spmAsGguf());
        for (const std::string part : {"a", " ", "\n", "\xE2\x96\x81", "<|mark|", "<|mark|>", "\xFF"}) {
            std::string text;
            while (text.size() < 1'000'000)
                text += part;
            QElapsedTimer timer;
            timer.start();
            QVERIFY(!tokenizer->encode(text, false).empty());
            QVERIFY2(timer.elapsed() < 5000, ("slow over \"" + part + "\"").c_str());
        }
    }

    void unknownIsAnErrorThatNamesIt()
    {
        GgufVocabulary vocabulary = asGguf("smollm", "klingon-3");
        expectError(vocabulary, ErrorKind::Unsupported, "klingon-3");
        vocabulary.pre.clear();
        expectError(vocabulary, ErrorKind::Unsupported, "tokenizer.ggml.pre");
        vocabulary.model = "rwkv";
        expectError(vocabulary, ErrorKind::Unsupported, "rwkv");
    }

    void brokenVocabulariesAreRefused()
    {
        const GgufVocabulary good = asGguf("smollm", "smollm");
        GgufVocabulary twice = good;
        twice.tokens[300] = twice.tokens[301];
        expectError(twice, ErrorKind::BadFile, "two ids");
        GgufVocabulary foreignMerge = good;
        foreignMerge.merges.emplace_back("qqqq zzzz");
        expectError(foreignMerge, ErrorKind::BadFile, "qqqq");
        GgufVocabulary single = good;
        single.merges.emplace_back("alone");
        expectError(single, ErrorKind::BadFile, "alone");
        GgufVocabulary noMerges = good;
        noMerges.merges.clear();
        expectError(noMerges, ErrorKind::BadFile, "merges");
        GgufVocabulary types = good;
        types.types.pop_back();
        expectError(types, ErrorKind::BadFile, "token types");
        GgufVocabulary far = good;
        far.eos = 99999;
        expectError(far, ErrorKind::BadFile, "99999");
        GgufVocabulary empty = good;
        empty.tokens.clear();
        expectError(empty, ErrorKind::BadFile, "0 tokens");
        GgufVocabulary noScores = spmAsGguf();
        noScores.scores.clear();
        expectError(noScores, ErrorKind::BadFile, "scores");
        GgufVocabulary noBytes = spmAsGguf();
        std::replace(noBytes.tokens.begin(), noBytes.tokens.end(), std::string("<0x41>"), std::string("<41>"));
        std::replace(noBytes.tokens.begin(), noBytes.tokens.end(), std::string("A"), std::string("<A>"));
        expectError(noBytes, ErrorKind::Unsupported, "<0x41>");
        GgufVocabulary notANumber = spmAsGguf();
        notANumber.scores[400] = std::numeric_limits<float>::quiet_NaN();
        expectError(notANumber, ErrorKind::BadFile, "400");
        GgufVocabulary latin1 = good;
        latin1.tokens[300] = "\xE4";
        expectError(latin1, ErrorKind::BadFile, "UTF-8");
    }

    void writtenFolderGivesTheSameIds_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("pre");
        QTest::newRow("smollm") << "smollm" << "smollm";
        QTest::newRow("gpt-2") << "gpt2" << "gpt-2";
        QTest::newRow("llama-bpe") << "llama3" << "llama-bpe";
        QTest::newRow("bloom") << "bloom" << "bloom";
        QTest::newRow("sentencepiece") << "" << "";
    }

    void writtenFolderGivesTheSameIds()
    {
        QFETCH(QString, kind);
        QFETCH(QString, pre);
        GgufVocabulary vocabulary = kind.isEmpty() ? spmAsGguf() : asGguf(kind.toStdString(), pre.toStdString());
        vocabulary.chatTemplate = "{{ messages }}";
        vocabulary.addBos = true;
        const QTemporaryDir folder;
        const auto names = writeHuggingFaceTokenizer(vocabulary, folder.path().toStdString());
        QCOMPARE(names, (std::vector<std::string>{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                                  "chat_template.jinja"}));
        for (const std::string& name : names)
            QVERIFY(QFile::exists(folder.filePath(QString::fromStdString(name))));
        const auto ours = Tokenizer::fromGguf(vocabulary);
        const auto written = Tokenizer::openFolder(folder.path().toStdString());
        QCOMPARE(written->size(), ours->size());
        for (const std::string& line : goldenLines()) {
            // What the GGUF's tokenizer leaves alone, Hugging Face looks for in a text.
            const auto has = [&](const char* token) { return line.find(token) != std::string::npos; };
            if (kind.isEmpty() && (has("<s>") || has("</s>") || has("<unk>")))
                continue;
            QCOMPARE(written->encode(line, true), ours->encode(line, true));
        }
    }

    void writtenFilesNameTheSpecialTokens()
    {
        GgufVocabulary vocabulary = asGguf("smollm", "smollm");
        vocabulary.types[1] = 3;
        const QTemporaryDir folder;
        writeHuggingFaceTokenizer(vocabulary, folder.path().toStdString());
        QVERIFY(!QFile::exists(folder.filePath("chat_template.jinja")));
        const Json configuration = Json::parse(bytesOfFile(folder.filePath("tokenizer_config.json").toStdString()));
        QCOMPARE(configuration["bos_token"], Json("<|bos|>"));
        QCOMPARE(configuration["eos_token"], Json("<|eos|>"));
        QVERIFY(!configuration.contains("pad_token"));
        QCOMPARE(configuration["added_tokens_decoder"]["1"]["special"], Json(true));
        QCOMPARE(configuration["added_tokens_decoder"]["2"]["special"], Json(false));
        const Json document = Json::parse(bytesOfFile(folder.filePath("tokenizer.json").toStdString()));
        QCOMPARE(document["version"], Json("1.0"));
        QCOMPARE(document["added_tokens"].size(), std::size_t{3});
        QVERIFY(document["post_processor"].is_null());
    }

    void filesAreTheSameEachTime()
    {
        const GgufVocabulary vocabulary = asGguf("llama3", "llama-bpe");
        const QTemporaryDir a, b;
        writeHuggingFaceTokenizer(vocabulary, a.path().toStdString());
        writeHuggingFaceTokenizer(vocabulary, b.path().toStdString());
        for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
            QCOMPARE(bytesOfFile(a.filePath(name).toStdString()), bytesOfFile(b.filePath(name).toStdString()));
    }

    void vocabularyThatJsonCannotExpressIsRefused()
    {
        // All of one score: SentencePiece then merges strictly from the left, which ranked merges cannot say.
        GgufVocabulary vocabulary = spmAsGguf();
        std::fill(vocabulary.scores.begin(), vocabulary.scores.end(), -1.0f);
        const QTemporaryDir folder;
        try {
            writeHuggingFaceTokenizer(vocabulary, folder.path().toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::Unsupported);
            QVERIFY(QString(error.what()).contains("tokenizer.json"));
        }
        QVERIFY(QDir(folder.path()).isEmpty());
    }

private:
    static void expectError(const GgufVocabulary& vocabulary, ErrorKind kind, const char* part)
    {
        try {
            Tokenizer::fromGguf(vocabulary);
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(error.kind() == kind, error.what());
            QVERIFY2(QString(error.what()).contains(part), error.what());
            QVERIFY2(QString(error.what()).contains(".gguf"), error.what());
        }
    }
};

QTEST_GUILESS_MAIN(GgufVocabularyTest)
#include "tst_gguf_vocabulary.moc"
