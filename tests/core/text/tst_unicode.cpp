#include "core/base/sha256.h"
#include "core/text/byte_level.h"
#include "core/text/unicode.h"

#include <QtTest>

#include <algorithm>
#include <string>
#include <vector>

using namespace halftone;

/// Hashes over all code points from U+0020, as the package tokenizers 0.23 gives them: it orders marks by Unicode 9 and knows the letters of Unicode 16. That of
/// NFC of single characters is Python 3.11's too.
class UnicodeTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyCharacterNormalizesAsTheReferenceSays()
    {
        std::string nfc, nfd, lower;
        for (const std::string& character : characters()) {
            const char* separator = nfc.empty() ? "" : "\n";
            nfc += separator + unicode::nfc(character);
            nfd += separator + unicode::nfd(character);
            lower += separator + unicode::lowered(character);
        }
        QCOMPARE(sha256(nfc), "dadb6a365aa83a553c70bd550995d8c21e1ca36af401ee3a4df6e928af14b07b");
        QCOMPARE(sha256(nfd), "bd3caaff1ff7c7458ab8132da72503dcd039fa776b3d3e67aeae2c7892b5442b");
        QCOMPARE(sha256(lower), "3480d4c99b7d2a8ac78a31dbc972322bc5a30bb47871b69ba33f571a97b744cc");
    }

    void allCharactersTogetherNormalizeAsTheReferenceSays()
    {
        std::string forward, backward;
        for (const std::string& character : characters())
            forward += character;
        for (auto c = characters().rbegin(); c != characters().rend(); ++c)
            backward += *c;
        QCOMPARE(sha256(unicode::nfc(forward)), "69b4f29662979b01662bb6a2cda403fae0a25c6c2664403563db18c28ff1e3d2");
        QCOMPARE(sha256(unicode::nfc(unicode::nfd(forward))), "69b4f29662979b01662bb6a2cda403fae0a25c6c2664403563db18c28ff1e3d2");
        QCOMPARE(sha256(unicode::nfd(backward)), "52539cdd37b1624c62a9fdadaebbe64bad63689316d0d758627a26bc85a1582a");
        QCOMPARE(sha256(unicode::nfc(backward)), "08e49b1a7c756385899bb96c09ff4019e7ca4353dd912f183f9cbaec4275e577");
    }

    void brokenBytesBecomeOneMarkAMaximalPart_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("marks");
        QTest::addColumn<int>("broken");
        QTest::newRow("lone continuation") << QByteArray("\x80") << 1 << 1;
        QTest::newRow("never a byte of UTF-8") << QByteArray("\xFE\xFF") << 2 << 2;
        QTest::newRow("cut two-byte character") << QByteArray("\xC3") << 1 << 1;
        QTest::newRow("cut four-byte character") << QByteArray("\xF0\x9F\x98") << 1 << 3;
        QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80") << 3 << 3;
        QTest::newRow("overlong") << QByteArray("\xC0\xAF") << 2 << 2;
        QTest::newRow("beyond Unicode") << QByteArray("\xF4\x90\x80\x80") << 4 << 4;
        QTest::newRow("whole") << QByteArray("a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80") << 0 << 0;
    }

    void brokenBytesBecomeOneMarkAMaximalPart()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(int, marks);
        QFETCH(int, broken);
        std::size_t counted = 0;
        const std::string text = unicode::repaired("(" + bytes.toStdString() + ")", &counted);
        QCOMPARE(QByteArray::fromStdString(text).count("\xEF\xBF\xBD"), marks);
        QCOMPARE(counted, static_cast<std::size_t>(broken));
        QCOMPARE(unicode::validPrefix(text), text.size());
        if (broken == 0)
            QCOMPARE(text, "(" + bytes.toStdString() + ")");
    }

    void bytesAndTheirCharactersAreOneToOne()
    {
        std::string bytes;
        for (int b = 0; b < 256; ++b)
            bytes += static_cast<char>(b);
        const std::string mapped = byte_level::mapped(bytes);
        QCOMPARE(unicode::validPrefix(mapped), mapped.size());
        QVERIFY(std::none_of(mapped.begin(), mapped.end(), [](char c) { return c >= 0 && c <= ' '; }));
        QCOMPARE(byte_level::unmapped(mapped).value(), bytes);
        QCOMPARE(byte_level::mapped(" \n"), "ĠĊ");
        QVERIFY(!byte_level::unmapped("a b").has_value());
    }

    void classesOfCharacters()
    {
        QVERIFY(unicode::isSpace(0x3000) && unicode::isSpace(0x85) && !unicode::isSpace(0x180E) && !unicode::isSpace(0x200B));
        QVERIFY(unicode::isNumeric(0xBD) && unicode::isNumeric(0x664) && unicode::isNumeric('7') && !unicode::isNumeric('x'));
        QVERIFY(unicode::isPunctuation('$') && unicode::isPunctuation(0x3002) && !unicode::isPunctuation(0x20AC));
        QVERIFY(unicode::isWord('_') && unicode::isWord(0x301) && unicode::isWord(0x200D) && unicode::isWord(0x4E2D));
        QVERIFY(!unicode::isWord('-'));
    }

private:
    static const std::vector<std::string>& characters()
    {
        static const std::vector<std::string> all = [] {
            std::vector<std::string> out;
            for (char32_t point = 0x20; point < 0x110000; ++point)
                if (point < 0xD800 || point > 0xDFFF)
                    unicode::append(out.emplace_back(), point);
            return out;
        }();
        return all;
    }
};

QTEST_GUILESS_MAIN(UnicodeTest)
#include "tst_unicode.moc"
