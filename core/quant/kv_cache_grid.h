#pragma once

#include <string_view>
#include <vector>

namespace halftone {

/// How keys and values are rounded as a KV cache holds them (methods-core §15). Every range is made from the token itself, so that a token's
/// rounding does not depend on later ones: what is generated token by token is what a whole window gives.
struct KvCacheGrid {
    enum class Scheme { None, PerToken, PerTokenHead };   ///< one range for a token's heads together (LRQ's KV8), or one a head (OmniQuant)
    enum class Position { PreRope, PostRope };            ///< keys (and queries): before the rotation, or rotated; without RoPE the same
    Scheme scheme = Scheme::None;
    int bits = 8;                        ///< 2…8; 16 rounds nothing
    bool symmetric = false;              ///< false: 0 in the range, integer zero point
    Position position = Position::PostRope;
    bool queries = false;                ///< queries too, as OmniQuant's W4A4
    std::vector<int> floatBlocks = {};   ///< blocks whose cache stays float, rising

    bool quantized() const { return scheme != Scheme::None && bits < 16; }
    /// The grid as it holds in one block: none in those of `floatBlocks`.
    KvCacheGrid ofBlock(int block) const;
    friend bool operator==(const KvCacheGrid&, const KvCacheGrid&) = default;
};

/// @throws Error{InvalidArgument} naming the key, the value and the limit.
void validate(const KvCacheGrid& grid);

std::string_view name(KvCacheGrid::Scheme scheme);       ///< "none", "per_token", "per_token_head"
std::string_view name(KvCacheGrid::Position position);   ///< "pre_rope", "post_rope"

} // namespace halftone
