#pragma once

#include "core/methods/learned_transform.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace halftone {

/// |s| pushed up to 0.01, sign kept; the gradient passes as if it were not (OmniQuant's and AffineQuant's code, before every step).
at::Tensor heldAway(const at::Tensor& scale);

/// Where a site's scale starts, [producerChannels]: SmoothQuant's, from the site's activations and the weights that read them; 1 where they say nothing.
at::Tensor startingScale(const DecoderBlock& block, const LearnedSite& site, double alpha);
/// Producer channels that the text hardly wakes: their scale stays 1 and their shift 0, since no gradient speaks for them.
at::Tensor sleepingChannels(const DecoderBlock& block, const LearnedSite& site);
/// Where its shift starts: the middle of the activations' range (grouped queries: one a value channel).
at::Tensor startingShift(const DecoderBlock& block, const LearnedSite& site);

/// OmniQuant's learnable equivalent transformation: a scale, and where there are biases a shift, for the sites behind norms and behind the values, and
/// a scale between queries and keys (tied in pairs under RoPE, where the paper's code is not exact).
class LetParameters final : public TransformParameters {
public:
    struct Settings {
        std::string method;            ///< for the evidence
        double rate = 0, alpha = 0.5;
        bool shift = true;             ///< where there are biases to take it …
        bool shiftWeightOnly = false;  ///< … even if the site's activation is not rounded
        bool queryKey = true;          ///< scale queries and keys where the attention input is among the sites
    };
    LetParameters(const DecoderBlock& block, const std::vector<LearnedSite>& sites, Settings settings);

    std::vector<Leaf> leaves() override;
    void apply(DecoderBlock& block) override;
    std::vector<TransformEvidence> evidence() const override;
    std::vector<SleepingSite> sleeping() const override;

private:
    struct Site {
        SiteKind kind;
        at::Tensor scale, shift;   ///< leaves
        at::Tensor asleep;         ///< bool
        at::Tensor awakeScale() const;
        at::Tensor awakeShift() const;   ///< undefined without one
    };
    at::Tensor queryKeyScale() const;

    Settings m_settings;
    std::vector<Site> m_sites;
    at::Tensor m_queryKey;
    bool m_paired = false;
};

/// Evidence of one row of values.
TransformEvidence rowEvidence(std::string method, std::string place, std::string kind, const at::Tensor& values);
inline constexpr const char* kQueriesAndKeys = "queries and keys";

} // namespace halftone
