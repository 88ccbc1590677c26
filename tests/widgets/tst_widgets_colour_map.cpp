#include "widgets/colour_map.h"
#include "widgets/palette.h"

#include <QtTest>

#include <cmath>
#include <limits>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

namespace {

double lightness(QRgb colour)                             // CIE L*
{
    const auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    const double y = 0.2126 * linear(qRed(colour) / 255.0) + 0.7152 * linear(qGreen(colour) / 255.0) + 0.0722 * linear(qBlue(colour) / 255.0);
    return y > 0.008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

} // namespace

class TestColourMap : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void oneOutlierDoesNotBleachADivergingMap()
    {
        std::vector<float> values;
        for (int i = 0; i < 5000; ++i)
            values.push_back(static_cast<float>(i % 101 - 50) * 0.01F);
        QVERIFY(std::abs(fitSymmetric(values, 0.99).high - 0.5) < 1e-6);   // nothing stands out: all of it
        values[777] = -90;
        QCOMPARE(fitSymmetric(values).high, 90.0);
        const ValueScale scale = fitSymmetric(values, 0.99);
        QVERIFY(scale.high > 0.4 && scale.high < 0.51);
        QCOMPARE(scale.low, -scale.high);
        QVERIFY(scale.position(-90) < 0);                        // drawn in the end colour
    }

    void cividisGrowsLighterAllTheWay()
    {
        const ColourMap& map = ColourMap::cividis();
        QCOMPARE(map.at(0), qRgb(0x00, 0x22, 0x4e));
        QCOMPARE(map.at(1), qRgb(0xfe, 0xe8, 0x38));
        for (int i = 1; i < 256; ++i)
            QVERIFY(lightness(map.at(i / 255.0)) > lightness(map.at((i - 1) / 255.0)) - 0.5);
        QVERIFY(lightness(map.at(1)) - lightness(map.at(0)) > 70);
    }

    void theDivergingMapIsNeutralInTheMiddleAndDarkAtBothEnds()
    {
        const ColourMap& map = ColourMap::blueOrange();
        const QRgb middle = map.at(0.5);
        QVERIFY(std::abs(qRed(middle) - qBlue(middle)) <= 2 && qRed(middle) > 230);
        QVERIFY(qBlue(map.at(0)) > qRed(map.at(0)) + 40);
        QVERIFY(qRed(map.at(1)) > qBlue(map.at(1)) + 40);
        for (int i = 1; i <= 128; ++i) {
            QVERIFY(lightness(map.at(0.5 - i / 256.0)) <= lightness(map.at(0.5 - (i - 1) / 256.0)) + 0.01);
            QVERIFY(lightness(map.at(0.5 + i / 256.0)) <= lightness(map.at(0.5 + (i - 1) / 256.0)) + 0.01);
        }
    }

    void whatIsNoNumberHasAHueOfItsOwn()
    {
        const QRgb nan = ColourMap::cividis().at(std::numeric_limits<double>::quiet_NaN());
        QCOMPARE(nan, notANumberColour().rgb());
        for (int i = 0; i < 256; ++i)
            QVERIFY(ColourMap::cividis().at(i / 255.0) != nan);
        QVERIFY(!notMeasuredBrush().textureImage().isNull());
        QVERIFY(kernelColour() != notANumberColour());
        QCOMPARE(ColourMap::cividis().at(-3), ColourMap::cividis().at(0));
        QCOMPARE(ColourMap::cividis().at(7), ColourMap::cividis().at(1));
    }

    void positionAndValueAreInverse()
    {
        for (const ValueScale& scale : {ValueScale{ValueScale::Kind::Linear, -3, 5}, ValueScale{ValueScale::Kind::Log, 1e-3, 4e3}})
            for (double t = 0; t <= 1; t += 0.125)
                QVERIFY(std::abs(scale.position(scale.value(t)) - t) < 1e-12);
        const ValueScale log{ValueScale::Kind::Log, 0.1, 1000};
        QCOMPARE(log.position(10), 0.5);
        QVERIFY(std::isinf(log.position(0)) && log.position(0) < 0);
        QVERIFY(std::isnan(log.position(std::nan(""))));
    }

    void aScaleFitsTheFiniteValues()
    {
        const float inf = std::numeric_limits<float>::infinity();
        const std::vector<float> values{0.F, 0.25F, 3000.F, std::nanf(""), inf, -1.F};
        const ValueScale log = fitScale(values, ValueScale::Kind::Log);
        QCOMPARE(log.low, 0.25);
        QCOMPARE(log.high, 3000.0);
        const ValueScale linear = fitScale(values, ValueScale::Kind::Linear);
        QCOMPARE(linear.low, -1.0);
        QCOMPARE(linear.high, 3000.0);
        const ValueScale symmetric = fitSymmetric(std::vector<float>{-2.F, 1.F});
        QCOMPARE(symmetric.low, -2.0);
        QCOMPARE(symmetric.high, 2.0);
        // A dead channel must not take the whole range.
        const ValueScale limited = fitScale(std::vector<float>{1e-30F, 1.F, 10.F}, ValueScale::Kind::Log, 4);
        QVERIFY(std::abs(limited.low - 1e-3) < 1e-12);
    }

    void degenerateInputStillGivesAScale()
    {
        for (const auto kind : {ValueScale::Kind::Linear, ValueScale::Kind::Log})
            for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>{0.F}, std::vector<float>{5.F, 5.F}, std::vector<float>{std::nanf("")}}) {
                const ValueScale scale = fitScale(values, kind);
                QVERIFY(scale.high > scale.low);
                QVERIFY(kind == ValueScale::Kind::Linear || scale.low > 0);
                QVERIFY(!ticks(scale, 5).empty());
            }
    }

    void ticksAreRoundRisingAndFew_data()
    {
        QTest::addColumn<bool>("logarithmic");
        QTest::addColumn<double>("low");
        QTest::addColumn<double>("high");
        QTest::addColumn<int>("most");
        QTest::newRow("picture") << true << 0.25 << 3000.0 << 6;
        QTest::newRow("many decades") << true << 1e-9 << 1e9 << 5;
        QTest::newRow("less than a decade") << true << 2.0 << 7.0 << 5;
        QTest::newRow("one decade") << true << 1.0 << 10.0 << 8;
        QTest::newRow("shares") << false << 0.0 << 0.43 << 5;
        QTest::newRow("signed") << false << -0.41 << 0.43 << 4;
        QTest::newRow("large") << false << 0.0 << 28672.0 << 7;
    }
    void ticksAreRoundRisingAndFew()
    {
        QFETCH(bool, logarithmic);
        QFETCH(double, low);
        QFETCH(double, high);
        QFETCH(int, most);
        const ValueScale scale{logarithmic ? ValueScale::Kind::Log : ValueScale::Kind::Linear, low, high};
        const std::vector<Tick> marks = ticks(scale, most);
        QVERIFY(marks.size() >= 2);
        QVERIFY(static_cast<int>(marks.size()) <= most + 2);
        for (std::size_t i = 0; i < marks.size(); ++i) {
            QVERIFY(marks[i].position >= 0 && marks[i].position <= 1);
            QVERIFY(std::abs(scale.position(marks[i].value) - marks[i].position) < 1e-6);
            QVERIFY(i == 0 || marks[i].position > marks[i - 1].position);
            if (marks[i].value != 0) {
                const double mantissa = std::abs(marks[i].value) / std::pow(10, std::floor(std::log10(std::abs(marks[i].value)) + 1e-9));
                QVERIFY(std::abs(mantissa * 2 - std::round(mantissa * 2)) < 1e-6);
            }
        }
    }

    void numbersReadAsPeopleWriteThem_data()
    {
        QTest::addColumn<double>("value");
        QTest::addColumn<int>("digits");
        QTest::addColumn<QString>("text");
        QTest::newRow("zero") << 0.0 << 4 << u"0"_s;
        QTest::newRow("thousands") << 2969.4 << 4 << u"2\u202f969"_s;
        QTest::newRow("small") << 1.26 << 4 << u"1.26"_s;
        QTest::newRow("negative") << -0.4125 << 3 << u"−0.412"_s;
        QTest::newRow("rounds up a place") << 999.96 << 4 << u"1\u202f000"_s;
        QTest::newRow("tiny") << 1.3e-4 << 4 << u"1.3e-4"_s;
        QTest::newRow("huge") << 2.5e7 << 3 << u"2.5e7"_s;
        QTest::newRow("nan") << std::nan("") << 4 << u"NaN"_s;
        QTest::newRow("infinite") << -std::numeric_limits<double>::infinity() << 4 << u"−∞"_s;
    }
    void numbersReadAsPeopleWriteThem()
    {
        QFETCH(double, value);
        QFETCH(int, digits);
        QFETCH(QString, text);
        QCOMPARE(formatValue(value, digits), text);
    }

    void anErrorTellsHowManyDigitsAreWorthSaying()
    {
        QCOMPARE(formatWithError(25.494, 1.9), u"25.5 ± 1.9"_s);
        QCOMPARE(formatWithError(25.0, 1.94), u"25.0 ± 1.9"_s);
        QCOMPARE(formatWithError(0.42218, 0.0098), u"0.4222 ± 0.0098"_s);
        QCOMPARE(formatWithError(1284.3, 96.4), u"1\u202f284 ± 96"_s);
        QCOMPARE(formatWithError(1284.34, 1.26), u"1\u202f284.3 ± 1.3"_s);
        QCOMPARE(formatWithError(999.96, 1.26), u"1\u202f000.0 ± 1.3"_s);
        QCOMPARE(formatWithError(0.00012342, 0.0000061), u"1.234e-4 ± 6.1e-6"_s);
        QCOMPARE(formatWithError(3.25, 0), u"3.25"_s);   // no error was measured
    }

    void sharesAndSizesCarryUnits()
    {
        QCOMPARE(formatShare(0.0934), u"9.3 %"_s);
        QCOMPARE(formatShare(0.19), u"19 %"_s);
        QCOMPARE(formatShare(0.0), u"0 %"_s);
        QCOMPARE(formatShare(1), u"100 %"_s);
        QCOMPARE(formatBytes(84'100'000), u"84.1 MB"_s);
        QCOMPARE(formatBytes(0), u"0 B"_s);
        QCOMPARE(formatBytes(999'700), u"1 MB"_s);
        QCOMPARE(formatBytes(1'500'000'000'000), u"1.5 TB"_s);
    }
};

QTEST_MAIN(TestColourMap)
#include "tst_widgets_colour_map.moc"
