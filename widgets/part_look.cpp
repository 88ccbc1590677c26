#include "widgets/part_look.h"

#include "widgets/palette.h"

#include <algorithm>
#include <array>

namespace halftone {

SeriesLook partLook(const QString& run, int part)
{
    SeriesLook look = seriesLook(part);
    if (run.isEmpty())
        return look;
    const SeriesLook whole = runLook(run);
    if (part == 0)
        return whole;
    int first = 0;   // the dash of the run itself: the parts go on from there
    while (first < 4 && seriesLook(first).dash != whole.dash)
        ++first;
    look.dash = seriesLook(first + part).dash;
    static constexpr std::array kShades{0.F, 0.14F, -0.12F, 0.24F, 0.07F};   // beside the run's own lightness; five of them and four dashes repeat after twenty
    const bool dark = colours().window.lightness() < 128;
    float hue = 0, saturation = 0, lightness = 0;
    whole.colour.getHslF(&hue, &saturation, &lightness);
    const float shade = lightness + (dark ? 1.F : -1.F) * kShades[static_cast<std::size_t>(part) % kShades.size()];
    look.colour = QColor::fromHslF(hue, saturation, std::clamp(shade, dark ? 0.42F : 0.18F, dark ? 0.88F : 0.5F));   // seen on the ground in force
    return look;
}

} // namespace halftone
