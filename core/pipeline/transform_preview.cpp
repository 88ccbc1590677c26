#include "core/pipeline/transform_preview.h"

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/methods/equivalent.h"
#include "core/methods/transform.h"
#include "core/model/model.h"
#include "core/pipeline/compute_scope.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>

namespace halftone {

struct TransformPreview::Opened {
    std::filesystem::path path;
    std::mutex mutex;
    std::shared_ptr<const Model> model;
    std::optional<DecoderBlock> last;

    DecoderBlock block(int index)
    {
        const std::lock_guard lock(mutex);
        if (!model)
            model = Model::open(path);
        if (!last || last->index() != index)
            last = model->block(index);
        return *last;   // tensors are shared, and no transform writes into them
    }
};

namespace {

at::Tensor vectorOf(const std::vector<float>& values)
{
    return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat).clone();
}

SiteActivations activationsOf(const SiteSample& sample)
{
    SiteActivations known;
    known.tokens = at::from_blob(const_cast<float*>(sample.values.data()), {sample.rows(), sample.channels}, at::kFloat).clone();
    const auto [low, high] = at::aminmax(known.tokens, 0);
    known.absmax = vectorOf(sample.channelAbsmax);
    known.minimum = low;
    known.maximum = high;
    known.meanAbs = known.tokens.abs().mean(0);
    return known;
}

/// scale and shift of x' = (x − shift) / scale, told by what produces the site.
struct Mapping {
    at::Tensor scale, shift;   ///< [channels of the site]
};

Mapping mappingOf(const DecoderBlock& before, const DecoderBlock& after, SiteKind site, std::int64_t channels)
{
    const auto ratio = [](const at::Tensor& a, const at::Tensor& b) { return at::where(b == 0, at::ones_like(b), a / b); };
    Mapping mapping{at::ones({channels}), at::zeros({channels})};
    const auto ofNorm = [&](const Norm& old, const Norm& now) {
        mapping.scale = ratio(old.weight, now.weight);
        if (old.bias.defined() && now.bias.defined())
            mapping.shift = old.bias - now.bias * mapping.scale;
    };
    if (site.producer() == SiteProducer::Norm)
        ofNorm(before.norm(site.half()), after.norm(site.half()));
    else
        for (std::size_t i = 0; i < before.linears().size(); ++i) {
            const at::Tensor &old = before.linears()[i].weight, &now = after.linears()[i].weight;
            if (old.is_same(now) || before.linears()[i].info.site == site || old.size(0) != producerChannels(before.config(), site))
                continue;
            // A producer's rows were divided: values for attention's output, "up" for the middle.
            const at::Tensor rows = ratio(old.norm(2, 1), now.norm(2, 1));
            mapping.scale = spreadToSite(before.config(), site, rows);
        }
    return mapping;
}

} // namespace

TransformPreview::TransformPreview(std::filesystem::path model) : m_opened(std::make_unique<Opened>()) { m_opened->path = std::move(model); }

TransformPreview::~TransformPreview() = default;

SiteChange TransformPreview::of(const PreviewRequest& request, const std::stop_token& stop)
{
    SiteChange change;
    translateErrors(request.transform.method, [&] {
        const at::NoGradGuard noGrad;
        const SiteSample& sample = *request.sample;
        const DecoderBlock block = m_opened->block(request.block);
        throwIfStopped(stop);
        if (const std::string why = whyNotTransform(request.transform, block.config(), request.site); !why.empty())
            throw Error(ErrorKind::InvalidArgument, why, request.transform.method);
        std::vector<WeightGrid> grids;
        for (const Plan& plan : request.plans)
            grids.push_back(plan.weights);
        grids.resize(block.linears().size());
        const SiteActivations known = activationsOf(sample);
        DecoderBlock after = block;
        const TransformResult made = makeTransform(request.transform.method)->apply(after, {request.site, known, grids, request.grid, {}}, request.transform, stop);
        change.asleep = made.asleep.defined() ? made.asleep.sum().item<std::int64_t>() : 0;
        throwIfStopped(stop);
        const Mapping mapping = mappingOf(block, after, request.site, sample.channels);
        change.site = request.site;
        change.method = request.transform.method;
        change.tokens = sample.rows();
        change.grid = request.grid;
        change.before = sample.channelAbsmax;
        SiteSample moved = sample;
        const at::Tensor scale = mapping.scale.contiguous(), shift = mapping.shift.contiguous();
        const float *s = scale.const_data_ptr<float>(), *z = shift.const_data_ptr<float>();
        const bool shifted = shift.abs().max().item<float>() > 0;
        const auto channels = static_cast<std::size_t>(sample.channels);
        std::vector<float> largest(channels, 0.0f);
        for (std::size_t i = 0; i < moved.values.size(); ++i) {
            moved.values[i] = (moved.values[i] - z[i % channels]) / s[i % channels];
            largest[i % channels] = std::max(largest[i % channels], std::abs(moved.values[i]));
        }
        for (std::size_t i = 0; i < moved.windowAbsmax.size(); ++i)
            moved.windowAbsmax[i] /= std::abs(s[i % channels]);
        for (std::size_t c = 0; c < channels; ++c)   // a shift's maxima are known of the sample only
            moved.channelAbsmax[c] = shifted ? largest[c] : moved.channelAbsmax[c] / std::abs(s[c]);
        change.after = moved.channelAbsmax;
        change.kernelBefore = estimateKernel(sample, request.grid).share;
        change.kernelAfter = estimateKernel(moved, request.grid).share;
    });
    return change;
}

} // namespace halftone
