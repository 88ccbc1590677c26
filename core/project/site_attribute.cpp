#include "core/project/site_attribute.h"

#include "core/base/error.h"

namespace halftone {

namespace {

/// Files number the first four; what comes after them has another number in each process.
constexpr int kNumbered = 4;
constexpr std::int64_t kNamed = -1;

} // namespace

void writeSiteKind(Hdf5Writer& file, const std::string& object, const std::string& key, SiteKind site)
{
    const bool numbered = site.number() < kNumbered;
    file.attribute(object, key, numbered ? std::int64_t{site.number()} : kNamed);
    if (!numbered)
        file.attribute(object, key + "_name", name(site));
}

SiteKind readSiteKind(const Hdf5Reader& file, const std::string& object, const std::string& key)
{
    const std::int64_t number = file.integer(object, key);
    std::optional<SiteKind> site;
    if (number >= 0 && number < kNumbered)
        site = SiteKind::numbered(static_cast<int>(number));
    else if (number == kNamed)
        site = SiteKind::find(file.text(object, key + "_name"));
    if (!site)
        throw Error(ErrorKind::BadFile, file.subject() + ": " + object + " is of a site that is not known here.", file.subject());
    return *site;
}

} // namespace halftone
