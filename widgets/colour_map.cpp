#include "widgets/colour_map.h"

#include "widgets/palette.h"

#include <QCoreApplication>
#include <QImage>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

// Cividis by J. R. Nuñez, C. R. Anderton and R. S. Renslow, "Optimizing colormaps with consideration for color vision deficiency to enable
// accurate interpretation of scientific data", PLOS ONE 13(7): e0199239 (2018), rounded to 8 bits a channel.
constexpr std::array<unsigned, 256> kCividis{
    0x00224e, 0x00234f, 0x002451, 0x002553, 0x002554, 0x002656, 0x002758, 0x002859, 0x00285b, 0x00295d, 0x002a5f, 0x002a61,
    0x002b62, 0x002c64, 0x002c66, 0x002d68, 0x002e6a, 0x002e6c, 0x002f6d, 0x00306f, 0x003070, 0x003170, 0x003171, 0x013271,
    0x053371, 0x083370, 0x0c3470, 0x0f3570, 0x123570, 0x143670, 0x163770, 0x18376f, 0x1a386f, 0x1c396f, 0x1e3a6f, 0x203a6f,
    0x213b6e, 0x233c6e, 0x243c6e, 0x263d6e, 0x273e6e, 0x293f6e, 0x2a3f6d, 0x2b406d, 0x2d416d, 0x2e416d, 0x2f426d, 0x31436d,
    0x32436d, 0x33446d, 0x34456c, 0x35456c, 0x36466c, 0x38476c, 0x39486c, 0x3a486c, 0x3b496c, 0x3c4a6c, 0x3d4a6c, 0x3e4b6c,
    0x3f4c6c, 0x404c6c, 0x414d6c, 0x424e6c, 0x434e6c, 0x444f6c, 0x45506c, 0x46516c, 0x47516c, 0x48526c, 0x49536c, 0x4a536c,
    0x4b546c, 0x4c556c, 0x4d556c, 0x4e566c, 0x4f576c, 0x50576c, 0x51586d, 0x52596d, 0x535a6d, 0x545a6d, 0x555b6d, 0x555c6d,
    0x565c6d, 0x575d6d, 0x585e6d, 0x595e6e, 0x5a5f6e, 0x5b606e, 0x5c616e, 0x5d616e, 0x5e626e, 0x5e636f, 0x5f636f, 0x60646f,
    0x61656f, 0x62656f, 0x636670, 0x646770, 0x656870, 0x656870, 0x666970, 0x676a71, 0x686a71, 0x696b71, 0x6a6c71, 0x6b6d72,
    0x6c6d72, 0x6c6e72, 0x6d6f72, 0x6e6f73, 0x6f7073, 0x707173, 0x717274, 0x727274, 0x727374, 0x737475, 0x747475, 0x757575,
    0x767676, 0x777776, 0x777777, 0x787877, 0x797977, 0x7a7a78, 0x7b7a78, 0x7c7b78, 0x7d7c78, 0x7e7c78, 0x7e7d78, 0x7f7e78,
    0x807f78, 0x817f78, 0x828079, 0x838179, 0x848279, 0x858279, 0x868379, 0x878478, 0x888578, 0x898578, 0x8a8678, 0x8b8778,
    0x8c8878, 0x8d8878, 0x8e8978, 0x8f8a78, 0x908b78, 0x918b78, 0x928c78, 0x928d78, 0x938e78, 0x948e77, 0x958f77, 0x969077,
    0x979177, 0x989277, 0x999277, 0x9a9376, 0x9b9476, 0x9c9576, 0x9d9576, 0x9e9676, 0x9f9775, 0xa09875, 0xa19975, 0xa29975,
    0xa39a74, 0xa49b74, 0xa59c74, 0xa69c74, 0xa79d73, 0xa89e73, 0xa99f73, 0xaaa073, 0xaba072, 0xaca172, 0xada272, 0xaea371,
    0xafa471, 0xb0a571, 0xb1a570, 0xb3a670, 0xb4a76f, 0xb5a86f, 0xb6a96f, 0xb7a96e, 0xb8aa6e, 0xb9ab6d, 0xbaac6d, 0xbbad6d,
    0xbcae6c, 0xbdae6c, 0xbeaf6b, 0xbfb06b, 0xc0b16a, 0xc1b26a, 0xc2b369, 0xc3b369, 0xc4b468, 0xc5b568, 0xc6b667, 0xc7b767,
    0xc8b866, 0xc9b965, 0xcbb965, 0xccba64, 0xcdbb63, 0xcebc63, 0xcfbd62, 0xd0be62, 0xd1bf61, 0xd2c060, 0xd3c05f, 0xd4c15f,
    0xd5c25e, 0xd6c35d, 0xd7c45c, 0xd9c55c, 0xdac65b, 0xdbc75a, 0xdcc859, 0xddc858, 0xdec958, 0xdfca57, 0xe0cb56, 0xe1cc55,
    0xe2cd54, 0xe4ce53, 0xe5cf52, 0xe6d051, 0xe7d150, 0xe8d24f, 0xe9d34e, 0xead34c, 0xebd44b, 0xedd54a, 0xeed649, 0xefd748,
    0xf0d846, 0xf1d945, 0xf2da44, 0xf3db42, 0xf5dc41, 0xf6dd3f, 0xf7de3e, 0xf8df3c, 0xf9e03a, 0xfbe138, 0xfce236, 0xfde334,
    0xfee434, 0xfee535, 0xfee636, 0xfee838,
};

struct Lab { double l, a, b; };

/// Björn Ottosson's Oklab (2020), in which equal steps look equal.
Lab toOklab(QRgb colour)
{
    const auto linear = [](int channel) {
        const double v = channel / 255.0;
        return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    const double r = linear(qRed(colour)), g = linear(qGreen(colour)), b = linear(qBlue(colour));
    const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s, 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

QRgb fromOklab(const Lab& lab)
{
    const double l = std::pow(lab.l + 0.3963377774 * lab.a + 0.2158037573 * lab.b, 3);
    const double m = std::pow(lab.l - 0.1055613458 * lab.a - 0.0638541728 * lab.b, 3);
    const double s = std::pow(lab.l - 0.0894841775 * lab.a - 1.2914855480 * lab.b, 3);
    const auto channel = [](double v) {
        v = std::clamp(v, 0.0, 1.0);
        v = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
        return static_cast<int>(std::lround(v * 255));
    };
    return qRgb(channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s), channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
        channel(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s));
}

std::vector<QRgb> cividisTable()
{
    std::vector<QRgb> table;
    table.reserve(kCividis.size());
    for (const unsigned colour : kCividis)
        table.push_back(0xff000000u | colour);
    return table;
}

/// An odd number of colours, so that 0 has one of its own.
std::vector<QRgb> blueOrangeTable()
{
    const std::array<QRgb, 7> anchors{qRgb(0x0a, 0x2f, 0x66), qRgb(0x2a, 0x6c, 0xb4), qRgb(0x8f, 0xba, 0xe2), qRgb(0xf1, 0xf1, 0xf1),
        qRgb(0xf5, 0xbb, 0x83), qRgb(0xd8, 0x74, 0x1b), qRgb(0x73, 0x34, 0x00)};
    std::vector<QRgb> table;
    constexpr int kColours = 257;
    for (int i = 0; i < kColours; ++i) {
        const double t = i * (anchors.size() - 1.0) / (kColours - 1);
        const auto first = std::min(static_cast<std::size_t>(t), anchors.size() - 2);
        const double f = t - static_cast<double>(first);
        const Lab a = toOklab(anchors[first]), b = toOklab(anchors[first + 1]);
        table.push_back(fromOklab({a.l + f * (b.l - a.l), a.a + f * (b.a - a.a), a.b + f * (b.b - a.b)}));
    }
    return table;
}

/// 1, 2 or 5 × 10^k, the smallest not below `least`.
double niceStep(double least)
{
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 5.0, 10.0})
        if (factor * power >= least * (1 - 1e-9))
            return factor * power;
    return 10 * power;
}

} // namespace

const ColourMap& ColourMap::cividis()
{
    static const ColourMap map(u"cividis"_s, cividisTable());
    return map;
}

const ColourMap& ColourMap::blueOrange()
{
    static const ColourMap map(u"blue-orange"_s, blueOrangeTable());
    return map;
}

const ColourMap& ColourMap::kernelMask()
{
    static const ColourMap map(u"kernel"_s, [] {
        const Lab low = toOklab(0xff000000u | kCividis.front()), high = toOklab(kernelColour().rgb());
        std::vector<QRgb> table;
        for (int i = 0; i < 256; ++i) {
            const double f = i / 255.0;
            table.push_back(fromOklab({low.l + f * (high.l - low.l), low.a + f * (high.a - low.a), low.b + f * (high.b - low.b)}));
        }
        return table;
    }());
    return map;
}

QRgb ColourMap::at(double t) const
{
    if (std::isnan(t))
        return notANumberColour().rgb();
    const double last = static_cast<double>(m_colours.size() - 1);
    return m_colours[static_cast<std::size_t>(std::lround(std::clamp(t, 0.0, 1.0) * last))];
}

QColor notANumberColour()
{
    return QColor(0xff00c8);
}

QColor kernelColour()
{
    return QColor(0xe8502a);
}

QBrush notMeasuredBrush()
{
    constexpr int kSide = 8;
    QImage tile(kSide, kSide, QImage::Format_RGB32);
    const QColor ground = colours().window, stroke = colours().line;
    for (int y = 0; y < kSide; ++y)
        for (int x = 0; x < kSide; ++x)
            tile.setPixelColor(x, y, (x + y) % kSide == 0 ? stroke : ground);
    return QBrush(tile);
}

double ValueScale::position(double v) const
{
    if (std::isnan(v))
        return v;
    if (kind == Kind::Linear)
        return (v - low) / (high - low);
    if (v <= 0)
        return -std::numeric_limits<double>::infinity();
    return std::log(v / low) / std::log(high / low);
}

double ValueScale::value(double position) const
{
    return kind == Kind::Linear ? low + position * (high - low) : low * std::pow(high / low, position);
}

ValueScale fitScale(std::span<const float> values, ValueScale::Kind kind, double decades)
{
    const bool logarithmic = kind == ValueScale::Kind::Log;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const float v : values) {
        if (!std::isfinite(v) || (logarithmic && v <= 0))
            continue;
        low = std::min(low, static_cast<double>(v));
        high = std::max(high, static_cast<double>(v));
    }
    if (low > high)
        return logarithmic ? ValueScale{kind, 0.1, 10} : ValueScale{kind, 0, 1};
    if (logarithmic) {
        low = std::max(low, high * std::pow(10.0, -decades));
        if (high / low < 1 + 1e-6)
            return {kind, low / 2, high * 2};
        return {kind, low, high};
    }
    if (high - low <= std::abs(high) * 1e-9) {
        const double margin = high == 0 ? 1 : std::abs(high) / 2;
        return {kind, low - margin, high + margin};
    }
    return {kind, low, high};
}

ValueScale fitSymmetric(std::span<const float> values, double inside)
{
    double largest = 0;
    for (const float v : values)
        if (std::isfinite(v))
            largest = std::max(largest, static_cast<double>(std::abs(v)));
    if (largest == 0)
        largest = 1;
    if (inside < 1 && !values.empty()) {
        constexpr std::size_t kLooked = 100'000;
        const std::size_t step = std::max<std::size_t>(1, values.size() / kLooked) | 1;   // odd: out of step with rows
        std::vector<float> magnitudes;
        for (std::size_t i = 0; i < values.size(); i += step)
            if (std::isfinite(values[i]))
                magnitudes.push_back(std::abs(values[i]));
        if (!magnitudes.empty()) {
            const auto at = magnitudes.begin() + static_cast<std::ptrdiff_t>(inside * static_cast<double>(magnitudes.size() - 1));
            std::nth_element(magnitudes.begin(), at, magnitudes.end());
            if (*at > 0 && largest > 2 * static_cast<double>(*at))
                largest = static_cast<double>(*at);
        }
    }
    return {ValueScale::Kind::Linear, -largest, largest};
}

std::vector<Tick> ticks(const ValueScale& scale, int most)
{
    most = std::max(2, most);
    std::vector<Tick> result;
    const auto add = [&](double value) {
        const double position = scale.position(value);
        if (position > -1e-9 && position < 1 + 1e-9)
            result.push_back({value, std::clamp(position, 0.0, 1.0), formatValue(value, 3)});
    };
    if (!(scale.high > scale.low))
        return result;
    if (scale.kind == ValueScale::Kind::Log && scale.high / scale.low >= 10) {
        const double first = std::floor(std::log10(scale.low)), last = std::ceil(std::log10(scale.high));
        const double decades = std::log10(scale.high / scale.low);
        if (decades * 3 <= most) {
            for (double decade = first; decade <= last; ++decade)
                for (const double factor : {1.0, 2.0, 5.0})
                    add(factor * std::pow(10.0, decade));
        } else {
            const double step = std::max(1.0, std::ceil((decades + 1) / most));
            for (double decade = std::ceil(first / step) * step; decade <= last; decade += step)
                add(std::pow(10.0, decade));
        }
        return result;
    }
    // Over an awkward range the step that keeps to `most` may leave a single tick; then a finer one.
    for (double step = niceStep((scale.high - scale.low) / most); result.size() < 3; step = niceStep(0.4 * step)) {
        result.clear();
        for (double i = std::ceil(scale.low / step - 1e-9); i * step <= scale.high + step * 1e-9; ++i)
            add(i == 0 ? 0 : i * step);
    }
    return result;
}

QString formatValue(double value, int digits)
{
    if (std::isnan(value))
        return u"NaN"_s;
    if (std::isinf(value))
        return value > 0 ? u"∞"_s : u"−∞"_s;
    if (value == 0)
        return u"0"_s;
    const double size = std::abs(value);
    QString text;
    if (size >= 1e6 || size < 1e-3) {
        text = QString::number(size, 'e', std::max(0, digits - 1));
        QString mantissa = text.section(u'e', 0, 0);
        const int exponent = text.section(u'e', 1).toInt();
        if (mantissa.contains(u'.')) {
            while (mantissa.endsWith(u'0'))
                mantissa.chop(1);
            if (mantissa.endsWith(u'.'))
                mantissa.chop(1);
        }
        text = mantissa + u'e' + QString::number(exponent);
    } else {
        // The exponent after rounding to `digits`, so that 999.96 does not become 1000.0.
        const int exponent = QString::number(size, 'e', std::max(0, digits - 1)).section(u'e', 1).toInt();
        text = QString::number(size, 'f', std::max(0, digits - 1 - exponent));
        if (text.contains(u'.')) {
            while (text.endsWith(u'0'))
                text.chop(1);
            if (text.endsWith(u'.'))
                text.chop(1);
        }
        const auto point = text.indexOf(u'.');
        for (auto at = (point < 0 ? text.size() : point) - 3; at > 0; at -= 3)
            text.insert(at, QChar(0x202f));
    }
    return value < 0 ? u'−' + text : text;
}

QString formatWithError(double value, double error)
{
    if (!std::isfinite(value) || !std::isfinite(error) || error <= 0)
        return formatValue(value, 4);
    const int last = QString::number(error, 'e', 1).section(u'e', 1).toInt() - 1;   // the power of ten of the error's second digit
    if (std::abs(value) < 1e-3 || std::abs(value) >= 1e6 || last >= 0) {
        const int first = value == 0 ? last : QString::number(std::abs(value), 'e', 6).section(u'e', 1).toInt();
        return formatValue(value, std::max(1, first - last + 1)) + u" ± "_s + formatValue(error, 2);
    }
    const QString digits = QString::number(std::abs(value), 'f', -last);
    const QString text = digits.toDouble() < 1000 ? digits : formatValue(std::floor(digits.toDouble()), 7) + digits.mid(digits.indexOf(u'.'));
    return (value < 0 ? u"−"_s : QString()) + text + u" ± "_s + QString::number(error, 'f', -last);
}

QString formatShare(double share)
{
    const double percent = share * 100;
    if (percent != 0 && std::abs(percent) < 0.05)
        return formatValue(percent, 1) + u" %"_s;
    return formatValue(percent, percent >= 10 || percent <= -10 ? 3 : 2) + u" %"_s;
}

QString formatBytes(std::uint64_t bytes)
{
    static const std::array<QString, 5> units{u"B"_s, u"kB"_s, u"MB"_s, u"GB"_s, u"TB"_s};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    return formatValue(value, 3) + u' ' + units[unit];
}

} // namespace halftone
