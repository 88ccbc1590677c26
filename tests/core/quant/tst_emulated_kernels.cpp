#include "core/quant/kernels.h"

#include <QtTest>
#include <hwy/targets.h>

#include <cmath>
#include <limits>

using namespace halftone;

/// core/quant/kernels.cpp compiled for Highway's emulated vectors.
class TestEmulatedKernels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void notANumberStaysNotANumber();
};

void TestEmulatedKernels::notANumberStaysNotANumber()
{
    QVERIFY((hwy::SupportedTargets() & HWY_EMU128) != 0);
    constexpr std::int64_t kRows = 3, kColumns = 41;
    constexpr std::size_t kBad[] = {5, 40, 41, 122};
    std::vector<float> x(kRows * kColumns), out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(i % 17) - 8;
    for (const std::size_t i : kBad)
        x[i] = std::numeric_limits<float>::quiet_NaN();
    const auto check = [&](const char* what) {
        for (std::size_t i = 0; i < out.size(); ++i)
            QVERIFY2(std::isnan(out[i]) == (std::find(std::begin(kBad), std::end(kBad), i) != std::end(kBad)), what);
    };
    const std::vector<float> row(kRows, 0.7F), column(kColumns, 0.3F), zero(kRows, 4.0F);
    kernels::fakeQuantize(x, kRows, kColumns, row, {}, -8, 7, out);
    check("one scale a row");
    kernels::fakeQuantize(x, kRows, kColumns, row, column, -8, 7, out);
    check("row and column");
    kernels::fakeQuantizePerToken(x, kRows, kColumns, 127, 1e-12F, out);
    check("per token");
    kernels::fakeQuantizeAffine(x, kRows, kColumns, {row, zero, false}, 15, out);
    check("asymmetric");
    std::vector<float> most(kRows), columns(kColumns, 0.0F), low(kRows), high(kRows);
    kernels::absmax(x, kRows, kColumns, most, columns);
    kernels::rowRanges(x, kRows, kColumns, low, high);
    for (std::size_t r = 0; r < most.size(); ++r)
        QVERIFY(most[r] == 8 && low[r] == -8 && high[r] == 8);
    for (const float v : columns)
        QVERIFY(std::isfinite(v));
}

QTEST_APPLESS_MAIN(TestEmulatedKernels)
#include "tst_emulated_kernels.moc"
