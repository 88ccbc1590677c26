#pragma once

#include "core/base/json.h"

#include <concepts>
#include <optional>
#include <utility>

namespace halftone {

/// The whole number that a file holds, where it is one and a Number can be it: what is cast without a look comes out as another number, or as
/// whatever the processor makes of it.
template <std::integral Number>
std::optional<Number> wholeNumber(const Json& value)
{
    const auto fitting = [](auto number) { return std::in_range<Number>(number) ? std::optional(static_cast<Number>(number)) : std::nullopt; };
    if (value.is_number_unsigned())
        return fitting(value.get<std::uint64_t>());
    if (value.is_number_integer())
        return fitting(value.get<std::int64_t>());
    return std::nullopt;
}

/// The same where nothing else may stand. @throws Json::type_error, as get() does for what is no number.
template <std::integral Number>
Number requireWhole(const Json& value)
{
    if (const std::optional<Number> number = wholeNumber<Number>(value))
        return *number;
    throw Json::type_error::create(302, value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40) + " is no whole number that is expected here", &value);
}

} // namespace halftone
