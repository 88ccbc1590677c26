#include "core/model/site.h"

#include "core/base/error.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace halftone {

namespace {

/// All sites declared so far. Only grows, and what stands in it never moves, so that a declaration may be held.
struct Declared {
    std::mutex mutex;
    std::deque<SiteDeclaration> sites{
        {"attn_in", "attention in", "attn in", SiteProducer::Norm, BlockHalf::Attention},
        {"attn_out", "attention out", "attn out", SiteProducer::Values, BlockHalf::Attention},
        {"mlp_in", "MLP in", "MLP in", SiteProducer::Norm, BlockHalf::Mlp},
        {"mlp_mid", "MLP middle", "MLP mid", SiteProducer::Activation, BlockHalf::Mlp},
    };
};

Declared& declared()
{
    static Declared all;
    return all;
}

auto placeOf(std::deque<SiteDeclaration>& sites, std::string_view name)
{
    return std::find_if(sites.begin(), sites.end(), [name](const SiteDeclaration& site) { return site.name == name; });
}

} // namespace

SiteKind SiteKind::declare(const SiteDeclaration& site)
{
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    const auto place = placeOf(all.sites, site.name);
    const auto number = static_cast<int>(place - all.sites.begin());
    if (place == all.sites.end()) {
        if (number >= SiteKind::kMost)
            throw Error(ErrorKind::Internal, "there are more than " + std::to_string(SiteKind::kMost) + " kinds of sites", site.name);
        all.sites.push_back(site);
    } else if (place->producer != site.producer || place->half != site.half) {
        throw Error(ErrorKind::Internal, "two families declare the site \"" + site.name + "\" with different meanings", site.name);
    }
    return SiteKind(number);
}

std::vector<SiteKind> SiteKind::dense() { return {AttentionInput, AttentionOutput, MlpInput, MlpMiddle}; }

std::optional<SiteKind> SiteKind::find(std::string_view name)
{
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    const auto place = placeOf(all.sites, name);
    if (place == all.sites.end())
        return std::nullopt;
    return SiteKind(static_cast<int>(place - all.sites.begin()));
}

std::optional<SiteKind> SiteKind::numbered(int number)
{
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    if (number < 0 || static_cast<std::size_t>(number) >= all.sites.size())
        return std::nullopt;
    return SiteKind(number);
}

const SiteDeclaration& SiteKind::declaration() const
{
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    return all.sites[static_cast<std::size_t>(m_number)];
}

std::string_view name(SiteKind kind) { return kind.declaration().name; }

std::string_view label(SiteKind kind) { return kind.declaration().label; }

} // namespace halftone
