#pragma once

#include <QBrush>
#include <QColor>
#include <QRgb>
#include <QString>

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// 256 colours from low to high.
class ColourMap {
public:
    /// Cividis (Nuñez, Anderton, Renslow, PLOS ONE 2018): even in lightness, the same to colour-blind eyes. For magnitudes.
    static const ColourMap& cividis();
    /// Blue through light grey to orange. For signed values; pair it with a scale symmetric about 0.
    static const ColourMap& blueOrange();
    /// Cividis' darkest through to kernelColour(). For the share of elements that round to zero.
    static const ColourMap& kernelMask();

    /// @param t position in [0, 1], clamped; NaN gives notANumberColour().
    QRgb at(double t) const;
    /// All of them, low to high.
    std::span<const QRgb> colours() const { return m_colours; }
    QString name() const { return m_name; }

private:
    ColourMap(QString name, std::vector<QRgb> colours) : m_name(std::move(name)), m_colours(std::move(colours)) {}
    QString m_name;
    std::vector<QRgb> m_colours;
};

/// Own hues for what is not a magnitude.
QColor notANumberColour();          ///< magenta
QColor kernelColour();              ///< the mask of elements that round to zero: red-orange
QBrush notMeasuredBrush();          ///< hatched, after the theme in force

/// Maps values to [0, 1].
struct ValueScale {
    enum class Kind { Linear, Log };
    Kind kind = Kind::Linear;
    double low = 0, high = 1;       ///< Log: both > 0

    /// Unclamped; NaN for NaN; on a log scale a value ≤ 0 is −infinity (drawn as the lowest colour).
    double position(double value) const;
    double value(double position) const;
    friend bool operator==(const ValueScale&, const ValueScale&) = default;
};

/// The scale that shows `values`: the extremes of those that are finite (Log: and above 0; at most `decades` below the largest).
/// Empty or constant input gives a scale that still maps (high > low).
ValueScale fitScale(std::span<const float> values, ValueScale::Kind kind, double decades = 6);
/// The scale symmetric about 0 for a diverging map. `inside` below 1: the ends leave out the largest values where they stand far (twice) above that
/// share of the magnitudes, so that one outlier does not bleach all others; it takes the end colour. (Judged from at most some 100 000 values.)
ValueScale fitSymmetric(std::span<const float> values, double inside = 1);

struct Tick {
    double value = 0;
    double position = 0;            ///< in [0, 1] along the scale
    QString text;
};

/// Round ticks inside the scale, ends included when round: at most about `most` (≥ 2). Log: 1-2-5 or whole decades.
std::vector<Tick> ticks(const ValueScale& scale, int most);

/// At most `digits` significant digits, thin spaces between thousands, "−" as the sign, 1.3e-4 where it is shorter.
QString formatValue(double value, int digits = 4);
/// "25.5 ± 1.9": two digits of the error, and of the value as many as the error leaves.
QString formatWithError(double value, double error);
/// 0.0934 → "9.3 %".
QString formatShare(double share);
/// 84100000 → "84.1 MB" (powers of 1000).
QString formatBytes(std::uint64_t bytes);

} // namespace halftone
