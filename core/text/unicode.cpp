#include "core/text/unicode.h"

#include "core/text/unicode_tables.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_map>
#include <vector>

namespace halftone::unicode {

void append(std::string& text, char32_t point)
{
    const auto byte = [&](char32_t v) { text += static_cast<char>(static_cast<unsigned char>(v)); };
    if (point < 0x80) {
        byte(point);
    } else if (point < 0x800) {
        byte(0xC0 | point >> 6);
        byte(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        byte(0xE0 | point >> 12);
        byte(0x80 | (point >> 6 & 0x3F));
        byte(0x80 | (point & 0x3F));
    } else {
        byte(0xF0 | point >> 18);
        byte(0x80 | (point >> 12 & 0x3F));
        byte(0x80 | (point >> 6 & 0x3F));
        byte(0x80 | (point & 0x3F));
    }
}

namespace {

/// The well-formed sequences of table 3-7 of the Unicode standard. Returns the length of a good character, or minus the length of the
/// maximal broken part.
int characterAt(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) { return i < text.size() ? unsigned{static_cast<unsigned char>(text[i])} : 0u; };
    const unsigned lead = byte(at);
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return -1;
    const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(at + 1) < low || byte(at + 1) > high)
        return -1;
    for (int i = 2; i < length; ++i)
        if ((byte(at + static_cast<std::size_t>(i)) & 0xC0) != 0x80)
            return -i;
    return length;
}

} // namespace

std::size_t validPrefix(std::string_view text, std::size_t at)
{
    const std::size_t start = at;
    while (at < text.size()) {
        if (static_cast<unsigned char>(text[at]) < 0x80) {
            ++at;
            continue;
        }
        const int length = characterAt(text, at);
        if (length < 0)
            break;
        at += static_cast<std::size_t>(length);
    }
    return at - start;
}

std::string repaired(std::string_view text, std::size_t* broken)
{
    std::string out;
    out.reserve(text.size());
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t good = validPrefix(text, at);
        out.append(text.substr(at, good));
        at += good;
        if (at == text.size())
            break;
        const auto part = static_cast<std::size_t>(-characterAt(text, at));
        out += "\xEF\xBF\xBD";
        bad += part;
        at += part;
    }
    if (broken != nullptr)
        *broken = bad;
    return out;
}

bool isSpace(char32_t p)
{
    if (p < 0x80)
        return p == ' ' || (p >= 9 && p <= 13);
    return p == 0x85 || p == 0xA0 || p == 0x1680 || (p >= 0x2000 && p <= 0x200A) || p == 0x2028 || p == 0x2029 || p == 0x202F || p == 0x205F
        || p == 0x3000;
}

namespace {

template <std::size_t Count>
bool isIn(const CodeRange (&ranges)[Count], char32_t p)
{
    const auto* range = std::upper_bound(std::begin(ranges), std::end(ranges), p, [](char32_t value, const CodeRange& r) { return value < r.first; });
    return range != std::begin(ranges) && p <= (range - 1)->last;
}

} // namespace

bool isNumeric(char32_t p)
{
    return p < 0x80 ? p >= '0' && p <= '9' : isIn(kNumeric, p);
}

bool isPunctuation(char32_t p)
{
    if (p < 0x80)
        return (p >= '!' && p <= '/') || (p >= ':' && p <= '@') || (p >= '[' && p <= '`') || (p >= '{' && p <= '~');
    return isIn(kPunctuation, p);
}

bool isMark(char32_t p)
{
    return isIn(kMark, p);
}

bool isNonspacingMark(char32_t p)
{
    return isIn(kNonspacingMark, p);
}

bool isControl(char32_t p)
{
    return p < 0x80 ? p < 0x20 || p == 0x7F : isIn(kControl, p);
}

bool isWord(char32_t p)
{
    if (p < 0x80)
        return (p >= '0' && p <= '9') || (p >= 'A' && p <= 'Z') || (p >= 'a' && p <= 'z') || p == '_';
    return isIn(kWord, p);
}

namespace {

constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3;
constexpr char32_t kLeadFirst = 0x1100, kVowelFirst = 0x1161, kTrailFirst = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28;

int combiningClass(char32_t p)
{
    const auto* range = std::upper_bound(std::begin(kCombining), std::end(kCombining), p,
                                         [](char32_t value, const CombiningRange& r) { return value < r.first; });
    return range != std::begin(kCombining) && p <= (range - 1)->last ? (range - 1)->combiningClass : 0;
}

void decompose(char32_t p, bool compatible, std::vector<char32_t>& out)
{
    if (p >= kHangulFirst && p <= kHangulLast) {
        const char32_t index = p - kHangulFirst;
        out.push_back(kLeadFirst + index / (kVowels * kTrails));
        out.push_back(kVowelFirst + index % (kVowels * kTrails) / kTrails);
        if (index % kTrails != 0)
            out.push_back(kTrailFirst + index % kTrails);
        return;
    }
    const auto* found = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), p,
                                         [](const Decomposition& d, char32_t value) { return d.point < value; });
    if (p >= 0xC0 && found != std::end(kDecompositions) && found->point == p) {
        decompose(found->first, compatible, out);
        if (found->second != 0)
            decompose(found->second, compatible, out);
        return;
    }
    const auto* alike = !compatible ? std::end(kCompatible)
                                    : std::lower_bound(std::begin(kCompatible), std::end(kCompatible), p,
                                                       [](const CompatibleDecomposition& d, char32_t value) { return d.point < value; });
    if (p < 0xA0 || alike == std::end(kCompatible) || alike->point != p) {
        out.push_back(p);
        return;
    }
    for (std::uint32_t i = 0; i < alike->count; ++i)
        decompose(kCompatibleParts[alike->begin + i], compatible, out);
}

/// 0 when the two do not compose.
char32_t composed(char32_t a, char32_t b)
{
    if (a >= kLeadFirst && a < kLeadFirst + kLeads && b >= kVowelFirst && b < kVowelFirst + kVowels)
        return kHangulFirst + ((a - kLeadFirst) * kVowels + (b - kVowelFirst)) * kTrails;
    if (a >= kHangulFirst && a <= kHangulLast && (a - kHangulFirst) % kTrails == 0 && b > kTrailFirst && b < kTrailFirst + kTrails)
        return a + (b - kTrailFirst);
    static const auto pairs = [] {
        std::unordered_map<std::uint64_t, char32_t> map;
        for (const Decomposition& d : kDecompositions)
            if (d.composes)
                map.emplace(std::uint64_t{d.first} << 32 | d.second, d.point);
        return map;
    }();
    const auto found = pairs.find(std::uint64_t{a} << 32 | b);
    return found == pairs.end() ? 0 : found->second;
}

/// Decomposed, each run of marks in canonical order.
std::vector<char32_t> decomposed(std::string_view text, bool compatible)
{
    std::vector<char32_t> points;
    points.reserve(text.size());
    for (std::size_t at = 0; at < text.size();)
        decompose(next(text, at), compatible, points);
    for (std::size_t i = 0; i < points.size();) {
        if (combiningClass(points[i]) == 0) {
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < points.size() && combiningClass(points[end]) != 0)
            ++end;
        std::stable_sort(points.begin() + static_cast<std::ptrdiff_t>(i), points.begin() + static_cast<std::ptrdiff_t>(end),
                         [](char32_t a, char32_t b) { return combiningClass(a) < combiningClass(b); });
        i = end;
    }
    return points;
}

std::string encoded(const std::vector<char32_t>& points)
{
    std::string out;
    out.reserve(points.size());
    for (const char32_t p : points)
        append(out, p);
    return out;
}

bool isAscii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

namespace {

std::string composedAgain(std::vector<char32_t> points)
{
    constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    std::size_t starter = kNone;
    std::size_t out = 0;
    int previousClass = -1;  // of the last point kept behind the starter; -1: none
    for (const char32_t p : points) {
        const int k = combiningClass(p);
        if (starter != kNone && previousClass < k) {
            if (const char32_t c = composed(points[starter], p); c != 0) {
                points[starter] = c;
                continue;
            }
        }
        if (k == 0) {
            starter = out;
            previousClass = -1;
        } else {
            previousClass = k;
        }
        points[out++] = p;
    }
    points.resize(out);
    return encoded(points);
}

} // namespace

std::string nfd(std::string_view text)
{
    return isAscii(text) ? std::string(text) : encoded(decomposed(text, false));
}

std::string nfc(std::string_view text)
{
    return isAscii(text) ? std::string(text) : composedAgain(decomposed(text, false));
}

std::string nfkd(std::string_view text)
{
    return isAscii(text) ? std::string(text) : encoded(decomposed(text, true));
}

std::string nfkc(std::string_view text)
{
    return isAscii(text) ? std::string(text) : composedAgain(decomposed(text, true));
}

std::string lowered(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const char32_t p = next(text, at);
        if (p < 0x80) {
            out += p >= 'A' && p <= 'Z' ? static_cast<char>(p + 32) : static_cast<char>(p);
            continue;
        }
        if (p == 0x130) {
            out += "i\xCC\x87";
            continue;
        }
        const auto* range = std::upper_bound(std::begin(kLowercase), std::end(kLowercase), p,
                                             [](char32_t value, const LowercaseRange& r) { return value < r.first; });
        const bool inside = range != std::begin(kLowercase) && p <= (range - 1)->last && (p - (range - 1)->first) % (range - 1)->step == 0;
        append(out, inside ? static_cast<char32_t>(static_cast<std::int64_t>(p) + (range - 1)->delta) : p);
    }
    return out;
}

} // namespace halftone::unicode
