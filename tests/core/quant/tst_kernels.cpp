#include "core/quant/kernels.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace halftone;

namespace {

struct Matrix {
    std::int64_t rows = 0, columns = 0;
    std::vector<float> x;
    float at(std::int64_t i, std::int64_t j) const { return x[static_cast<std::size_t>(i * columns + j)]; }
};

/// Normal values, exact zeros, one strong column and values that lie on half steps.
Matrix randomMatrix(std::int64_t rows, std::int64_t columns, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    Matrix m{rows, columns, std::vector<float>(static_cast<std::size_t>(rows * columns))};
    for (std::size_t k = 0; k < m.x.size(); ++k) {
        const auto kind = random() % 10;
        m.x[k] = kind == 0 ? 0.0f : kind == 1 ? static_cast<float>(static_cast<int>(random() % 512) - 256) * 0.5f : normal(random);
        if (static_cast<std::int64_t>(k) % columns == columns / 2)
            m.x[k] *= 50;
    }
    return m;
}

std::vector<float> positive(std::size_t n, unsigned seed, bool powersOfTwo)
{
    std::mt19937 random(seed);
    std::vector<float> s(n);
    for (float& v : s)
        v = powersOfTwo ? std::ldexp(1.0f, static_cast<int>(random() % 6) - 3) : 0.01f + static_cast<float>(random() % 1000) / 700.0f;
    return s;
}

float naiveRound(float x, float s, int qmin, int qmax)
{
    return std::fmin(std::fmax(std::nearbyint(x / s), static_cast<float>(qmin)), static_cast<float>(qmax)) * s;
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b)
{
    // −0 and 0 are the same value here.
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!(a[i] == b[i]))
            return false;
    return a.size() == b.size();
}

void addSizes()
{
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("columns");
    for (const int rows : {1, 7, 65})
        for (const int columns : {1, 7, 15, 16, 31, 63, 64, 65, 130, 577})
            QTest::addRow("%d x %d", rows, columns) << rows << columns;
    QTest::addRow("many rows") << 3000 << 33;
}

} // namespace

class TestKernels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void maximaEqualThoseOfALoop_data() { addSizes(); }
    void maximaEqualThoseOfALoop();
    void fakeQuantizationEqualsALoop_data() { addSizes(); }
    void fakeQuantizationEqualsALoop();
    void perTokenEqualsRowMaximaThenRounding_data() { addSizes(); }
    void perTokenEqualsRowMaximaThenRounding();
    void affineRoundingEqualsALoop_data() { addSizes(); }
    void affineRoundingEqualsALoop();
    void countsEqualThoseOfALoop_data() { addSizes(); }
    void countsEqualThoseOfALoop();
    void severalGridsAreCountedAsOneByOne();
    void aValueOnHalfAStepBelongsToTheKernel();
    void roundingTwiceIsRoundingOnce();
    void notANumberStaysNotANumber();
    void wrongSizesAreRefused();
};

void TestKernels::maximaEqualThoseOfALoop()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    const Matrix m = randomMatrix(rows, columns, 1);
    std::vector<float> row(static_cast<std::size_t>(rows)), column(static_cast<std::size_t>(columns), 0.25f);
    kernels::absmax(m.x, rows, columns, row, column);
    std::vector<float> expectedRow(row.size(), 0.0f), expectedColumn(column.size(), 0.25f), low(row.size()), high(row.size());
    std::vector<float> expectedLow(row.size(), INFINITY), expectedHigh(row.size(), -INFINITY);
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
            const auto r = static_cast<std::size_t>(i), c = static_cast<std::size_t>(j);
            expectedRow[r] = std::max(expectedRow[r], std::abs(m.at(i, j)));
            expectedColumn[c] = std::max(expectedColumn[c], std::abs(m.at(i, j)));
            expectedLow[r] = std::min(expectedLow[r], m.at(i, j));
            expectedHigh[r] = std::max(expectedHigh[r], m.at(i, j));
        }
    QVERIFY(row == expectedRow);
    QVERIFY(column == expectedColumn);
    kernels::rowRanges(m.x, rows, columns, low, high);
    QVERIFY(low == expectedLow);
    QVERIFY(high == expectedHigh);
}

void TestKernels::fakeQuantizationEqualsALoop()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    const Matrix m = randomMatrix(rows, columns, 2);
    for (const bool powers : {true, false})
        for (const int which : {1, 2, 3}) {   // row scales, column scales, both
            const auto row = which & 1 ? positive(static_cast<std::size_t>(rows), 3, powers) : std::vector<float>();
            const auto column = which & 2 ? positive(static_cast<std::size_t>(columns), 4, powers) : std::vector<float>();
            std::vector<float> out(m.x.size()), expected(m.x.size());
            kernels::fakeQuantize(m.x, rows, columns, row, column, -8, 7, out);
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < columns; ++j) {
                    const float s = (row.empty() ? 1.0f : row[static_cast<std::size_t>(i)]) * (column.empty() ? 1.0f : column[static_cast<std::size_t>(j)]);
                    expected[static_cast<std::size_t>(i * columns + j)] = naiveRound(m.at(i, j), s, -8, 7);
                }
            QVERIFY(sameBits(out, expected));
            std::vector<float> inPlace = m.x;
            kernels::fakeQuantize(inPlace, rows, columns, row, column, -8, 7, inPlace);
            QVERIFY(sameBits(inPlace, expected));
        }
}

void TestKernels::perTokenEqualsRowMaximaThenRounding()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    Matrix m = randomMatrix(rows, columns, 5);
    std::fill_n(m.x.begin(), columns, 0.0f);   // a token of zeros
    std::vector<float> out(m.x.size()), expected(m.x.size());
    kernels::fakeQuantizePerToken(m.x, rows, columns, 127, 1e-12f, out);
    for (std::int64_t i = 0; i < rows; ++i) {
        float t = 1e-12f;
        for (std::int64_t j = 0; j < columns; ++j)
            t = std::max(t, std::abs(m.at(i, j)));
        for (std::int64_t j = 0; j < columns; ++j)
            expected[static_cast<std::size_t>(i * columns + j)] = naiveRound(m.at(i, j), t / 127, -128, 127);
    }
    QVERIFY(sameBits(out, expected));
    QCOMPARE(out[0], 0.0f);
}

void TestKernels::affineRoundingEqualsALoop()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    const Matrix m = randomMatrix(rows, columns, 6);
    for (const bool perColumn : {false, true}) {
        const auto n = static_cast<std::size_t>(perColumn ? columns : rows);
        const auto scale = positive(n, 8, false);
        std::vector<float> zero(n);
        for (std::size_t k = 0; k < n; ++k)
            zero[k] = static_cast<float>(k % 16);
        std::vector<float> out(m.x.size()), expected(m.x.size());
        kernels::fakeQuantizeAffine(m.x, rows, columns, {scale, zero, perColumn}, 15, out);
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; ++j) {
                const auto k = static_cast<std::size_t>(perColumn ? j : i);
                const float q = std::fmin(std::fmax(std::nearbyint(m.at(i, j) / scale[k]) + zero[k], 0.0f), 15.0f);
                expected[static_cast<std::size_t>(i * columns + j)] = (q - zero[k]) * scale[k];
            }
        QVERIFY(sameBits(out, expected));
    }
}

void TestKernels::countsEqualThoseOfALoop()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    const Matrix m = randomMatrix(rows, columns, 9);
    for (const bool powers : {true, false})
        for (const int qmax : {1, 7, 127}) {
            const auto row = positive(static_cast<std::size_t>(rows), 10, powers), column = positive(static_cast<std::size_t>(columns), 11, powers);
            const KernelCounts counts = kernels::countKernel(m.x, rows, columns, row, column, qmax);
            KernelCounts expected;
            for (std::int64_t i = 0; i < rows; ++i)
                for (std::int64_t j = 0; j < columns; ++j) {
                    const float code = std::nearbyint(m.at(i, j) / (row[static_cast<std::size_t>(i)] * column[static_cast<std::size_t>(j)]));
                    ++expected.elements;
                    expected.zero += code == 0;
                    expected.lost += code == 0 && m.at(i, j) != 0;
                    expected.clipped += std::abs(code) > static_cast<float>(qmax);
                }
            QCOMPARE(counts.elements, expected.elements);
            QCOMPARE(counts.zero, expected.zero);
            QCOMPARE(counts.lost, expected.lost);
            QCOMPARE(counts.clipped, expected.clipped);
        }
}

void TestKernels::severalGridsAreCountedAsOneByOne()
{
    const Matrix m = randomMatrix(301, 77, 12);
    const auto row = positive(301, 13, false), column = positive(77, 14, false);
    const std::vector<kernels::SchemeScales> schemes{{row, {}}, {{}, column}, {row, column}};
    std::vector<KernelCounts> counts(3);
    kernels::countKernels(m.x, m.rows, m.columns, schemes, 7, counts);
    for (std::size_t k = 0; k < 3; ++k) {
        const KernelCounts one = kernels::countKernel(m.x, m.rows, m.columns, schemes[k].row, schemes[k].column, 7);
        QCOMPARE(counts[k].zero, one.zero);
        QCOMPARE(counts[k].lost, one.lost);
        QCOMPARE(counts[k].clipped, one.clipped);
        QCOMPARE(counts[k].elements, std::int64_t{301 * 77});
    }
}

void TestKernels::aValueOnHalfAStepBelongsToTheKernel()
{
    // q = 0 exactly where |x| ≤ s/2, checked at s/2 and at the next float on either side, for scales that are no powers of two.
    std::mt19937 random(15);
    for (int k = 0; k < 1000; ++k) {
        const float s = 1e-3f + static_cast<float>(random() % 100000) / 7919.0f;
        const std::vector<float> x{std::nextafter(s / 2, 0.0f), s / 2, -s / 2, std::nextafter(s / 2, 1e9f)};
        const std::vector<float> row{s};
        QCOMPARE(kernels::countKernel(x, 1, 4, row, {}, 127).zero, std::int64_t{3});
        for (std::size_t i = 0; i < 4; ++i)
            QCOMPARE(std::nearbyint(x[i] / s) == 0, i < 3);
    }
}

void TestKernels::roundingTwiceIsRoundingOnce()
{
    const Matrix m = randomMatrix(40, 65, 16);
    const auto row = positive(40, 17, false), column = positive(65, 18, false);
    std::vector<float> once(m.x.size()), twice(m.x.size());
    kernels::fakeQuantize(m.x, 40, 65, row, column, -128, 127, once);
    kernels::fakeQuantize(once, 40, 65, row, column, -128, 127, twice);
    QVERIFY(sameBits(once, twice));
}

void TestKernels::notANumberStaysNotANumber()
{
    Matrix m = randomMatrix(3, 40, 19);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    m.x[5] = nan;
    m.x[39] = nan;
    std::vector<float> out(m.x.size());
    kernels::fakeQuantize(m.x, 3, 40, positive(3, 20, false), {}, -8, 7, out);
    for (std::size_t k = 0; k < out.size(); ++k)
        QCOMPARE(std::isnan(out[k]), k == 5 || k == 39);
    QCOMPARE(kernels::countKernel(m.x, 3, 40, {}, {}, 7).elements, std::int64_t{120});
    std::vector<float> row(3), column(40, 0.0f);
    kernels::absmax(m.x, 3, 40, row, column);
    for (const float v : row)
        QVERIFY(std::isfinite(v));
    for (const float v : column)
        QVERIFY(std::isfinite(v));
}

void TestKernels::wrongSizesAreRefused()
{
    const std::vector<float> x(12), scale(5);
    std::vector<float> out(12);
    QVERIFY_THROWS_EXCEPTION(std::runtime_error, kernels::fakeQuantize(x, 3, 4, scale, {}, -8, 7, out));
    QVERIFY_THROWS_EXCEPTION(std::runtime_error, kernels::fakeQuantize(x, 3, 5, {}, {}, -8, 7, out));
    QVERIFY_THROWS_EXCEPTION(std::runtime_error, kernels::countKernel(x, 3, 4, {}, scale, 7));
}

QTEST_APPLESS_MAIN(TestKernels)
#include "tst_kernels.moc"
