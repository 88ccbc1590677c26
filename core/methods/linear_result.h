#pragma once

#include "core/model/model_info.h"
#include "core/quant/grid.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halftone {

/// How the training of a block (or of one linear) went; losses are mean squared errors of its output.
struct LossCurve {
    std::string what;              ///< "block 3", or a linear
    double start = 0, end = 0;     ///< judged before training and at the state that was kept
    int bestStep = 0;              ///< steps that lead to it
    double heldOutStart = -1, heldOutEnd = -1;   ///< the same of windows that are not in the calibration; −1: the text had none left
    int rollbacks = 0;
    std::vector<float> losses;     ///< of each step's mini-batch
    std::vector<std::string> notes;
};

/// A picture of what was learned of a weight and is gone from its codes, small enough to keep: row-major, each cell the value of the largest
/// magnitude of the entries it stands for.
struct WeightEvidence {
    std::string linear;
    std::string kind;               ///< "divisor": logs of LRQ's or FlexRound's divisors; "clip": cut shares of the ranges, low ends then high ends
    std::int64_t rows = 0, columns = 0;
    std::vector<float> values;      ///< [rows, columns]
    std::int64_t fullRows = 0, fullColumns = 0;   ///< of what was pooled
    std::int64_t rank = 0;          ///< of its low-rank part; 0: an entry for each
    double learnable = 0;           ///< learned parameters per weight
};

/// A site before and after a transform, on the same tokens.
struct SiteChange {
    SiteKind site;
    std::string method;
    std::int64_t tokens = 0;
    std::vector<float> before, after;    ///< channels' largest magnitudes
    ActivationGrid grid;                 ///< that the kernel was measured under; 8 bits a token where the site keeps float
    double kernelBefore = 0, kernelAfter = 0;   ///< shares of elements that it rounds to zero
    std::int64_t asleep = 0;             ///< channels that the transform left alone, since the text hardly wakes them; not stored with it
};

/// Channels of a site that the calibration text hardly woke (core/quant/asleep.h): what is made of their range left them alone.
struct AsleepChannels {
    int block = 0;
    SiteKind site;
    std::string method;                  ///< a transform: their factor is 1; or the scheme of a static grid
    bool grid = false;                   ///< which has the range of the site's others for them
    std::int64_t channels = 0;           ///< that the site has
    std::vector<std::int64_t> asleep;    ///< which of them; stored runs keep the first kKept
    std::int64_t count = 0;              ///< how many
    std::vector<float> wakes;            ///< of each: the magnitude from which on a text wakes it; not stored
    static constexpr std::size_t kKept = 64;
};

/// What a run measured of one linear (plain values).
struct LinearResult {
    std::string linear;
    std::string method;           ///< really applied: "gptq", "rtn", "none" (left float)
    WeightGrid weights;
    ActivationGrid activations;
    double weightSqnrDb = 0;      ///< 10·log10(Σw² / Σ(w−ŵ)²)
    double outputMse = 0;         ///< mean (xŵᵀ − xwᵀ)² over calibration tokens, x as the run saw it; NaN: there was no text
    double damping = 0;
    std::string compensation;          ///< really applied: "lorc", or empty
    double compensated = 0;            ///< share of the rounding error's energy in its factors
    std::int64_t rank = 0;             ///< of those factors; 0: none, or not known (older runs)
    std::vector<float> errorSpectrum;  ///< leading singular values of the rounding error, where something was compensated
    double seconds = 0;
    std::vector<std::string> notes;
    double saturated = 0;         ///< share of the codes that lie at an end of the grid
    std::uint64_t peakBytes = 0;  ///< most that the process held while it was rounded; 0: not known
};

/// What a sentinel saw at a block of a run.
struct BlockFlag {
    std::string sentinel;         ///< "dead_scale", "saturation", "kernel_jump", "asleep", "canary"
    int block = 0;
    std::string subject;          ///< linear or site; empty: the block
    std::string sentence;         ///< what, the likely cause, and what to do
};

/// What a transform did at one place of a block, enough to draw it (plain values).
struct TransformEvidence {
    /// The mask of a learned matrix while it grew: from `step` on this many diagonals were released, 1 being the diagonal alone.
    struct Epoch {
        int step = 0, bands = 1;
        double condition = 0;         ///< largest of the matrices, as the epoch found them
    };
    std::string method;               ///< "affinequant"
    std::string place;                ///< a site ("attention in"), or "queries and keys"
    /// "scale": the activation was divided by it; "shift": it was subtracted before; "matrix": the activation, a row, was multiplied by the inverse;
    /// "rotation": (a; b) of a pair's block [[a, −b], [b, a]].
    std::string kind;
    std::int64_t count = 1, rows = 1, columns = 0;   ///< matrices (one a key-value head) and the shape of one; scales and shifts are one row
    std::vector<float> values;        ///< [count, rows, columns] as they were folded, masked and damped
    std::vector<double> conditions;   ///< ‖A‖₁ · ‖A⁻¹‖₁ of every matrix
    double stability = 0;             ///< factor of the released off-diagonals; 0: no mask
    std::vector<Epoch> epochs;        ///< empty where there is no mask
};

struct BlockResult {
    int block = 0;
    std::vector<LinearResult> linears;
    std::vector<LossCurve> curves;                ///< where something was trained
    std::vector<TransformEvidence> transforms;   ///< in the order in which they were folded
    std::vector<WeightEvidence> weights;          ///< what was learned of them
    std::vector<SiteChange> sites;                ///< that were transformed
    std::vector<AsleepChannels> asleep;           ///< of sites that were transformed or have a static grid
    double seconds = 0;
    std::uint64_t peakBytes = 0;
    double canaryError = -1;      ///< drift of a held-out text's hidden states from the float model's after this block; −1: not measured
    std::vector<BlockFlag> flags;
};

} // namespace halftone
