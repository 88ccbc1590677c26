#include "core/base/error.h"
#include "core/quant/packing.h"

#include <QtTest>

#include <random>

using namespace halftone;

class TestPacking : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void unpackingGivesTheCodesBack_data();
    void unpackingGivesTheCodesBack();
    void theFirstCodeLiesInTheLowestBits();
    void aWideCodeIsRefused();
    void threeBitsAreRefused();
    void aWrongNumberOfWordsIsRefused();
};

void TestPacking::unpackingGivesTheCodesBack_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("columns");
    for (const int bits : {2, 4, 8})
        for (const int columns : {1, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 576})
            QTest::addRow("%d bits, %d columns", bits, columns) << bits << columns;
}

void TestPacking::unpackingGivesTheCodesBack()
{
    QFETCH(int, bits);
    QFETCH(int, columns);
    const int rows = 5;
    std::mt19937 random(7);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(rows * columns));
    for (auto& code : codes)
        code = static_cast<std::uint8_t>(random() & ((1u << bits) - 1));
    const std::vector<std::int32_t> words = packRows(codes, rows, columns, bits);
    const int perRow = (columns * bits + 31) / 32;
    QCOMPARE(static_cast<int>(words.size()), rows * perRow);
    QVERIFY(unpackRows(words, rows, columns, bits) == codes);
    // The padding of a row's last word is zero.
    const int used = columns * bits - (perRow - 1) * 32;
    if (used < 32)
        for (int r = 0; r < rows; ++r)
            QCOMPARE(static_cast<std::uint32_t>(words[static_cast<std::size_t>((r + 1) * perRow - 1)]) >> used, 0u);
}

void TestPacking::theFirstCodeLiesInTheLowestBits()
{
    const std::vector<std::uint8_t> four{1, 2, 3, 4, 5, 6, 7, 15, 9};
    const auto words = packRows(four, 1, 9, 4);
    QCOMPARE(static_cast<std::uint32_t>(words[0]), 0xF7654321u);
    QCOMPARE(static_cast<std::uint32_t>(words[1]), 0x9u);
    const std::vector<std::uint8_t> eight{0x10, 0x20, 0x30, 0xF0};
    QCOMPARE(static_cast<std::uint32_t>(packRows(eight, 1, 4, 8)[0]), 0xF0302010u);
    const std::vector<std::uint8_t> two{1, 2, 3, 0, 1};
    QCOMPARE(static_cast<std::uint32_t>(packRows(two, 1, 5, 2)[0]), 0x139u);
}

void TestPacking::aWideCodeIsRefused()
{
    const std::vector<std::uint8_t> codes{1, 16};
    QVERIFY_THROWS_EXCEPTION(Error, packRows(codes, 1, 2, 4));
}

void TestPacking::threeBitsAreRefused()
{
    const std::vector<std::uint8_t> codes{1, 2};
    QVERIFY_THROWS_EXCEPTION(Error, packRows(codes, 1, 2, 3));
}

void TestPacking::aWrongNumberOfWordsIsRefused()
{
    const std::vector<std::int32_t> words{1, 2, 3};
    QVERIFY_THROWS_EXCEPTION(Error, unpackRows(words, 1, 8, 4));
}

QTEST_APPLESS_MAIN(TestPacking)
#include "tst_packing.moc"
