#include "core/methods/asleep_mask.h"

#include "core/quant/asleep.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace halftone {

at::Tensor asleepMask(const at::Tensor& ranges)
{
    const at::Tensor row = ranges.detach().to(at::kFloat).contiguous();
    const std::span<const float> values(row.const_data_ptr<float>(), static_cast<std::size_t>(row.numel()));
    at::Tensor mask = at::zeros({row.numel()}, at::kBool);
    for (const std::size_t channel : asleepChannels(values))
        mask.data_ptr<bool>()[channel] = true;
    return mask;
}

AsleepChannels asleepOf(int block, SiteKind site, const std::string& method, const at::Tensor& mask, const at::Tensor& absmax)
{
    AsleepChannels found{block, site, method, false, absmax.numel(), {}, 0, {}};
    if (!mask.defined())
        return found;
    const at::Tensor row = absmax.contiguous(), which = mask.contiguous();
    const std::span<const float> ranges(row.const_data_ptr<float>(), static_cast<std::size_t>(row.numel()));
    const float limit = asleepLimit(ranges);
    for (std::int64_t c = 0; c < row.numel(); ++c)
        if (which.const_data_ptr<bool>()[c]) {
            found.asleep.push_back(c);
            found.wakes.push_back(std::max(limit, 2 * ranges[static_cast<std::size_t>(c)]));
        }
    found.count = static_cast<std::int64_t>(found.asleep.size());
    return found;
}

std::string asleepSentence(const AsleepChannels& asleep)
{
    return "block " + std::to_string(asleep.block) + ", " + std::string(label(asleep.site)) + ": " + std::to_string(asleep.count) + " of " + std::to_string(asleep.channels) +
           " channels " + (asleep.count == 1 ? "is" : "are") + " asleep, since the calibration text hardly reaches " + (asleep.count == 1 ? "it" : "them") + "; " + asleep.method +
           (asleep.grid ? " gives them the range of the site's others" : " leaves them as they are (factor 1)");
}

} // namespace halftone
