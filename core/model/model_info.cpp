#include "core/model/model_info.h"

#include <algorithm>

namespace halftone {

std::string_view LinearInfo::shortName() const
{
    const std::size_t dot = name.rfind('.');
    return dot == std::string::npos ? std::string_view(name) : std::string_view(name).substr(dot + 1);
}

std::vector<SiteKind> kindsOf(const std::vector<SiteInfo>& sites)
{
    std::vector<SiteKind> kinds;
    for (const SiteInfo& site : sites)
        if (std::find(kinds.begin(), kinds.end(), site.kind) == kinds.end())
            kinds.push_back(site.kind);
    return kinds;
}

std::int64_t ModelConfig::windowOf(int block) const
{
    const auto index = static_cast<std::size_t>(block);
    return slidingBlocks.empty() || (index < slidingBlocks.size() && slidingBlocks[index]) ? slidingWindow : 0;
}

} // namespace halftone
