#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/text/corpus.h"
#include "tests/core/text/goldens.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <set>

using namespace halftone;
using namespace halftone::test;

class CorpusTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        m_tokenizer = Tokenizer::openFolder(dataFile("gpt2"));
        for (int i = 0; i < 400; ++i)
            m_text += std::to_string(i * i * 7919 % 100003) + " is number " + std::to_string(i) + ".\n";
        m_ids = m_tokenizer->encode(m_text, false);
    }

    void textIsReadAsItIs()
    {
        const QTemporaryDir folder;
        const std::string text = "A line\r\n中文 \xFF and a broken byte, which is fine.\n\n";
        QCOMPARE(readText(written(folder, text)), text);
    }

    void emptyAndBinaryFilesAreRefused()
    {
        const QTemporaryDir folder;
        expectError(folder, "", "empty");
        expectError(folder, std::string("PK\x03\x04\0\0 zip", 10), "byte 4 is NUL");
        std::string noise;
        for (int i = 0; i < 4000; ++i)
            noise += static_cast<char>(1 + i * 2654435761u % 255);
        expectError(folder, noise, "belong to no character");
        try {
            readText(folder.filePath("missing.txt").toStdString());
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY(QString(error.what()).contains("missing.txt"));
        }
    }

    void windowsLieEndToEndFromTheStart()
    {
        const TokenWindows all = cutWindows(*m_tokenizer, m_text, "text", 0, 64);
        QCOMPARE(all.length, 64);
        QCOMPARE(all.tokensInText, static_cast<std::int64_t>(m_ids.size()));
        QCOMPARE(all.textHash, sha256(m_text));
        QCOMPARE(all.ids.size(), m_ids.size() / 64);
        for (std::size_t w = 0; w < all.ids.size(); ++w)
            QCOMPARE(all.ids[w], Ids(m_ids.begin() + static_cast<std::ptrdiff_t>(64 * w), m_ids.begin() + static_cast<std::ptrdiff_t>(64 * (w + 1))));
        const TokenWindows some = cutWindows(*m_tokenizer, m_text, "text", 3, 64);
        QCOMPARE(some.ids, (std::vector<Ids>{all.ids[0], all.ids[1], all.ids[2]}));
        QCOMPARE(cutWindows(*m_tokenizer, m_text, "text", 1 << 30, 64).ids.size(), all.ids.size());
        QCOMPARE(cutWindows(*m_tokenizer, m_text, "text", 0, static_cast<int>(m_ids.size())).ids.size(), std::size_t{1});
    }

    void textShorterThanAWindowNamesBothCounts()
    {
        try {
            cutWindows(*m_tokenizer, m_text, "notes.txt", 1, static_cast<int>(m_ids.size()) + 1);
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QCOMPARE(error.subject(), "notes.txt");
            QVERIFY(QString(error.what()).contains("notes.txt"));
            QVERIFY(QString(error.what()).contains(QString("%1 tokens").arg(m_ids.size())));
            QVERIFY(QString(error.what()).contains(QString("needs %1").arg(m_ids.size() + 1)));
        }
        QVERIFY_THROWS_EXCEPTION(Error, cutWindows(*m_tokenizer, "", "notes.txt", 1, 1));
        QVERIFY_THROWS_EXCEPTION(Error, cutWindows(*m_tokenizer, m_text, "notes.txt", 1, 0));
        QVERIFY_THROWS_EXCEPTION(Error, cutWindows(*m_tokenizer, m_text, "notes.txt", -1, 8));
    }

    void samplesWithSeedZeroAreTheFirst()
    {
        QCOMPARE(sampleWindows(*m_tokenizer, m_text, "text", 5, 32, 0).ids, cutWindows(*m_tokenizer, m_text, "text", 5, 32).ids);
        QCOMPARE(sampleWindows(*m_tokenizer, m_text, "text", 0, 32, 9).ids, cutWindows(*m_tokenizer, m_text, "text", 0, 32).ids);
    }

    void samplesAreDrawnBySeedWithoutRepetitionInTextOrder()
    {
        const auto all = cutWindows(*m_tokenizer, m_text, "text", 0, 16).ids;
        QCOMPARE(std::set<Ids>(all.begin(), all.end()).size(), all.size());
        std::set<std::vector<Ids>> draws;
        std::vector<int> hits(all.size(), 0);
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            const auto drawn = sampleWindows(*m_tokenizer, m_text, "text", 20, 16, seed).ids;
            QCOMPARE(drawn.size(), std::size_t{20});
            QCOMPARE(drawn, sampleWindows(*m_tokenizer, m_text, "text", 20, 16, seed).ids);
            std::size_t at = 0;
            for (const Ids& window : drawn) {
                while (at < all.size() && all[at] != window)
                    ++at;
                QVERIFY2(at < all.size(), "not in the order of the text, or twice");
                ++hits[at++];
            }
            draws.insert(drawn);
        }
        QVERIFY(draws.size() > 190);
        // 200 draws of 20 among n: each window about 4000 / n times.
        const double mean = 4000.0 / static_cast<double>(all.size());
        QVERIFY(*std::max_element(hits.begin(), hits.end()) < mean + 6 * std::sqrt(mean));
        QVERIFY(std::count(hits.begin(), hits.end(), 0) < static_cast<long>(all.size()) / 20 + 2);
    }

    void windowsKeptAsideAreNoSamples()
    {
        const auto all = cutWindows(*m_tokenizer, m_text, "text", 0, 16).ids;
        for (const std::uint64_t seed : {0, 1, 2, 3}) {
            const TokenWindows windows = sampleWindows(*m_tokenizer, m_text, "text", 20, 16, seed);
            QCOMPARE(windows.unseen.size(), std::min<std::size_t>(TokenWindows::kUnseenWindows, all.size() - 20));
            std::set<Ids> kept(windows.ids.begin(), windows.ids.end());
            kept.insert(windows.unseen.begin(), windows.unseen.end());
            QCOMPARE(kept.size(), windows.ids.size() + windows.unseen.size());
            QVERIFY(std::find(windows.ids.begin(), windows.ids.end(), windows.heldOut) == windows.ids.end());
            for (const Ids& window : windows.unseen)
                QVERIFY(std::find(all.begin(), all.end(), window) != all.end());
        }
        QVERIFY(sampleWindows(*m_tokenizer, m_text, "text", static_cast<int>(all.size()), 16, 4).unseen.empty());
        QVERIFY(sampleWindows(*m_tokenizer, m_text, "text", 0, 16, 0).unseen.empty());
    }

    void ofAShortTextAllSamplesAreTakenAndItIsSaid()
    {
        const TokenWindows all = cutWindows(*m_tokenizer, m_text, "text", 0, 64);
        for (const std::uint64_t seed : {0, 3}) {
            const TokenWindows windows = sampleWindows(*m_tokenizer, m_text, "text", 100000, 64, seed);
            QCOMPARE(windows.ids, all.ids);
            QCOMPARE(windows.wanted, 100000);
            QVERIFY(windows.unseen.empty());
            // What is left behind the last whole window is no sample: it can be the canary.
            const auto rest = m_ids.size() % 64;
            QCOMPARE(windows.heldOut, rest < 32 ? Ids() : Ids(m_ids.end() - static_cast<std::ptrdiff_t>(rest), m_ids.end()));
        }
        QCOMPARE(shortTextSentence(23, 128), std::string("23 of 128 samples: the text is short"));
        QVERIFY(shortTextSentence(128, 128).empty());
        QVERIFY(shortTextSentence(7, 0).empty());
    }

    void theRestOfATextIsTheCanaryWhereAllWindowsAreSamples()
    {
        const int length = static_cast<int>(m_ids.size()) - 40;
        QCOMPARE(sampleWindows(*m_tokenizer, m_text, "text", 9, length, 0).heldOut.size(), std::size_t{40});
        QVERIFY(sampleWindows(*m_tokenizer, m_text, "text", 9, length + 20, 0).heldOut.empty());   // too little for a perplexity
        QVERIFY(cutWindows(*m_tokenizer, m_text, "text", 9, length).heldOut.empty());
    }

private:
    static std::string written(const QTemporaryDir& folder, const std::string& text)
    {
        QFile file(folder.filePath("text.txt"));
        const auto size = static_cast<qint64>(text.size());
        if (!file.open(QIODevice::WriteOnly) || file.write(text.data(), size) != size)
            qFatal("cannot write");
        return file.fileName().toStdString();
    }

    static void expectError(const QTemporaryDir& folder, const std::string& text, const char* part)
    {
        try {
            readText(written(folder, text));
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains(part) && QString(error.what()).contains("text.txt"), error.what());
        }
    }

    std::unique_ptr<Tokenizer> m_tokenizer;
    std::string m_text;
    Ids m_ids;
};

QTEST_GUILESS_MAIN(CorpusTest)
#include "tst_corpus.moc"
