#include "core/quant/kv_cache_grid.h"

#include "core/base/error.h"

#include <algorithm>
#include <string>

namespace halftone {

KvCacheGrid KvCacheGrid::ofBlock(int block) const
{
    return std::find(floatBlocks.begin(), floatBlocks.end(), block) == floatBlocks.end() ? *this : KvCacheGrid{};
}

void validate(const KvCacheGrid& grid)
{
    if (grid.scheme != KvCacheGrid::Scheme::None && grid.bits != 16 && (grid.bits < 2 || grid.bits > 8))
        throw Error(ErrorKind::InvalidArgument, "kv_cache.bits is " + std::to_string(grid.bits) + "; it must be 2 to 8, or 16 for a float cache", "kv_cache.bits");
}

std::string_view name(KvCacheGrid::Scheme scheme)
{
    switch (scheme) {
    case KvCacheGrid::Scheme::None:
        return "none";
    case KvCacheGrid::Scheme::PerToken:
        return "per_token";
    case KvCacheGrid::Scheme::PerTokenHead:
        return "per_token_head";
    }
    return "";
}

std::string_view name(KvCacheGrid::Position position)
{
    return position == KvCacheGrid::Position::PreRope ? "pre_rope" : "post_rope";
}

} // namespace halftone
