#pragma once

#include "core/base/json.h"
#include "core/base/shown_text.h"

#include <cstddef>
#include <string>

namespace halftone {

/// A value of a file as a message quotes it: valid whatever its texts hold, and cut.
template <typename AnyJson>
std::string quoted(const AnyJson& value, std::size_t most = 60)
{
    return shownText(value.dump(-1, ' ', false, AnyJson::error_handler_t::replace), most);
}

} // namespace halftone
