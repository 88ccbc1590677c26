#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace halftone {

/// How a model fares token by token at the start of a text, beside a reference (plain values). NaN: the first token of a window, which nothing
/// predicts, or logits that are not finite.
struct TokenTrace {
    std::vector<std::string> texts;    ///< the tokens in text order, as readable pieces [n]
    std::vector<float> nll;            ///< −log p(token), nats [n]
    std::vector<float> referenceNll;   ///< [n]; empty without a reference
    std::vector<float> divergence;     ///< KL(reference ‖ model) where the token is predicted, nats [n]; empty without a reference
    int blocks = 0;
    std::vector<float> drift;          ///< ‖h − h_ref‖ / ‖h_ref‖ of the token's hidden state after each block [n][blocks]; empty without a reference

    bool empty() const { return texts.empty(); }
    bool compared() const { return !referenceNll.empty(); }
};

/// The block in which a token's drift grows most; −1 without drift.
inline int worstBlock(const TokenTrace& trace, std::size_t token)
{
    const auto blocks = static_cast<std::size_t>(std::max(0, trace.blocks));
    if (blocks == 0 || (token + 1) * blocks > trace.drift.size())
        return -1;
    int worst = -1;
    float before = 0, most = -std::numeric_limits<float>::infinity();
    for (std::size_t b = 0; b < blocks; ++b) {
        const float now = trace.drift[token * blocks + b];
        if (now - before > most) {
            most = now - before;
            worst = static_cast<int>(b);
        }
        before = now;
    }
    return worst;
}

} // namespace halftone
