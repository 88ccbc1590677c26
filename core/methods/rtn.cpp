#include "core/methods/rounding.h"

namespace halftone {
namespace {

class RoundToNearest final : public Rounding {
public:
    RoundingResult round(const RoundingInputs& in, const MethodChoice&, const std::stop_token& stop) const override
    {
        throwIfStopped(stop);
        RoundingResult result;
        result.weight = quantizeToNearest(in.weight, in.grid, in.linear);
        return result;
    }
};

} // namespace

MethodEntry rtnMethod()
{
    MethodInfo info;
    info.id = kNearestRounding;
    info.name = "Round to nearest";
    info.shortName = "RTN";
    info.kind = MethodKind::Rounding;
    info.summary = "Rounds every weight to the nearest value of its grid; needs no calibration text.";
    info.nearest = true;
    info.folds = {MethodFolds::How::Fully, "Its result is codes and scales alone, which every contract serves as far as the weight grid goes."};
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new RoundToNearest); }};
}

} // namespace halftone
