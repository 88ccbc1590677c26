#include "core/base/number_text.h"

#include <array>
#include <charconv>

namespace halftone {
namespace {

std::string written(double value, std::chars_format format, int precision)
{
    std::array<char, 400> text;   // the largest double has 309 digits before its point
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
    return {text.data(), end.ptr};
}

} // namespace

std::string numberText(double value, int significant) { return written(value, std::chars_format::general, significant); }

std::string fixedText(double value, int decimals) { return written(value, std::chars_format::fixed, decimals); }

} // namespace halftone
