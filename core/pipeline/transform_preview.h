#pragma once

#include "core/analysis/activation_sample.h"
#include "core/methods/linear_result.h"
#include "core/recipe/recipe.h"

#include <filesystem>
#include <memory>
#include <stop_token>
#include <vector>

namespace halftone {

struct PreviewRequest {
    int block = 0;
    SiteKind site;
    MethodChoice transform;
    std::vector<Plan> plans;                     ///< of the block's linears, for their weight grids
    ActivationGrid grid;                         ///< symmetric; the kernel is counted under it
    std::shared_ptr<const SiteSample> sample;    ///< of the site, from an analysis
};

/// What a transform would do to a site, from the activations that an analysis sampled: without a run, and without learning (a learned transform is
/// shown as its training starts). AWQ searches its scale on the site's own products here, in a run on the half block's output. The model and the block
/// asked for last stay open. Thread-safe.
class TransformPreview {
public:
    explicit TransformPreview(std::filesystem::path model);
    ~TransformPreview();

    /// Of float activations, so that earlier blocks are taken as not quantized. @throws Error{InvalidArgument} where the transform cannot be used on
    /// the site, as Model::open and Model::block; Cancelled.
    SiteChange of(const PreviewRequest& request, const std::stop_token& stop);

private:
    struct Opened;
    std::unique_ptr<Opened> m_opened;
};

} // namespace halftone
