#pragma once

#include "core/eval/token_trace.h"

#include <cstdint>
#include <string>

namespace halftone {

/// The contract's figures (plain values).
struct Perplexity {
    double perplexity = 0;
    double standardError = 0;   ///< of perplexity, from the per-token nll (delta method)
    double meanNll = 0;         ///< nats a token
    std::int64_t tokens = 0;    ///< predicted
    int windows = 0, length = 0;
};

struct Divergence {
    double klMean = 0, klMeanError = 0, klP99 = 0, klMax = 0;  ///< KL(reference ‖ model), nats a token
    double top1Agreement = 0;
    double referencePerplexity = 0;
};

struct Evaluation {
    Perplexity perplexity;
    bool hasDivergence = false;
    Divergence divergence;
    std::int64_t notFinite = 0;   ///< positions whose logits are not finite
    std::string activationGrid;   ///< whose formulas rounded activations: "transformers'" or "vLLM's"; empty where none are rounded
    TokenTrace trace;             ///< of the first tokens, where it was asked for
};

} // namespace halftone
