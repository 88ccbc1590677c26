#pragma once

#include "core/model/model_info.h"

#include <cstdint>
#include <optional>
#include <string>

namespace halftone {

/// The one selection of the window: every view shows it and can ask to change it. Absent parts are −1, empty, or nullopt.
struct Selection {
    int block = -1;
    std::optional<SiteKind> site;
    std::string linear;          ///< full name; its block and site agree with the fields above
    std::int64_t channel = -1;   ///< of the site
    std::int64_t token = -1;     ///< in text order

    friend bool operator==(const Selection&, const Selection&) = default;
};

} // namespace halftone
