#include "widgets/layer_facts.h"

#include <cmath>

namespace halftone {

std::optional<double> LinearFacts::kernelShare(int otherwise) const
{
    if (!kernel)
        return std::nullopt;
    int scheme = otherwise;
    if (plan && plan->activations.quantized())
        for (int i = 0; i < kKernelSchemes; ++i)
            if (kernelScheme(i) == plan->activations.scheme)
                scheme = i;
    return (*kernel)[static_cast<std::size_t>(scheme)];
}

std::optional<double> LinearFacts::sqnrDb() const
{
    if (!result || !result->weights.quantized())
        return std::nullopt;
    return result->weightSqnrDb;
}

std::optional<double> LinearFacts::relativeError() const
{
    const std::optional<double> sqnr = sqnrDb();
    return sqnr ? std::optional(std::pow(10.0, -*sqnr / 20)) : std::nullopt;
}

} // namespace halftone
