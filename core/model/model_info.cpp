#include "core/model/model_info.h"

namespace halftone {

std::string_view name(SiteKind kind)
{
    switch (kind) {
    case SiteKind::AttentionInput: return "attn_in";
    case SiteKind::AttentionOutput: return "attn_out";
    case SiteKind::MlpInput: return "mlp_in";
    case SiteKind::MlpMiddle: return "mlp_mid";
    }
    return {};
}

std::string_view label(SiteKind kind)
{
    switch (kind) {
    case SiteKind::AttentionInput: return "attention in";
    case SiteKind::AttentionOutput: return "attention out";
    case SiteKind::MlpInput: return "MLP in";
    case SiteKind::MlpMiddle: return "MLP middle";
    }
    return {};
}

std::string_view LinearInfo::shortName() const
{
    const std::size_t dot = name.rfind('.');
    return dot == std::string::npos ? std::string_view(name) : std::string_view(name).substr(dot + 1);
}

std::int64_t ModelConfig::windowOf(int block) const
{
    const auto index = static_cast<std::size_t>(block);
    return slidingBlocks.empty() || (index < slidingBlocks.size() && slidingBlocks[index]) ? slidingWindow : 0;
}

} // namespace halftone
