#pragma once

#include "core/methods/rounding.h"
#include "core/methods/training.h"

#include <memory>
#include <optional>
#include <vector>

namespace halftone {

/// The rounding of one linear while it is learned.
class LearnedWeight {
public:
    virtual ~LearnedWeight() = default;
    virtual std::vector<Leaf> leaves() = 0;
    /// ŵ [out, in] of the float weight `source` (the one it was made for, unless a transform moves it), recorded where gradients are on.
    virtual at::Tensor weight(const at::Tensor& source) = 0;
    /// The codes; dequantize() gives the bits of weight().
    virtual QuantizedWeight codes(const at::Tensor& source) = 0;
    /// What a person should know of the result.
    virtual std::vector<std::string> notes() const { return {}; }
    /// What was learned, to be looked at; nothing where the codes say it all.
    virtual std::optional<WeightEvidence> evidence() const { return {}; }
};

/// A rounding with parameters that gradients find. The pipeline fits those with needs.block to the block's output; round() fits a linear alone:
/// tr((Ŵ − W) H (Ŵ − W)ᵀ) least, the mean squared error of its output on the calibration text.
class LearnedRounding : public Rounding {
public:
    /// @throws Error{InvalidArgument} naming the linear, for a weight that is not finite or a grid that does not fit.
    virtual std::unique_ptr<LearnedWeight> learn(const RoundingInputs& in, const MethodChoice& choice) const = 0;
    RoundingResult round(const RoundingInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override;
};

/// Rounding to nearest in the same form, without anything to learn: its gradient goes to the source.
std::unique_ptr<LearnedWeight> nearestWeight(const WeightGrid& grid);

/// Gives a method the parameters that all learned ones have, and the needs that follow from them: "steps", "rate", "schedule"; where it is fitted to
/// a block (info.needs.block) also "batch" and "activations".
void declareTraining(MethodInfo& info, double rate, std::string rateHelp, Schedule schedule = Schedule::Cosine);

/// A float32 copy that requires gradients.
at::Tensor leafOf(const at::Tensor& value);

/// The weight as learned roundings take it. @throws Error{InvalidArgument} naming the linear.
at::Tensor weightForLearning(const RoundingInputs& in);

} // namespace halftone
