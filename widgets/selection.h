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
    std::int64_t channel = -1;   ///< of the site; the first of a brushed range
    std::int64_t token = -1;     ///< in text order; the first of a brushed range
    std::int64_t channels = 1;   ///< how many from `channel` on
    std::int64_t tokens = 1;     ///< how many from `token` on

    /// One or a range; −1: none.
    void setChannel(std::int64_t first, std::int64_t count = 1) { channel = first; channels = first < 0 ? 1 : count; }
    void setToken(std::int64_t first, std::int64_t count = 1) { token = first; tokens = first < 0 ? 1 : count; }

    friend bool operator==(const Selection&, const Selection&) = default;
};

} // namespace halftone
