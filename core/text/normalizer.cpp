#include "core/text/normalizer.h"

#include "core/base/error.h"
#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"

namespace halftone {

namespace {

std::string replaced(const Regex& pattern, std::string_view by, std::string_view text)
{
    std::string out;
    std::size_t at = 0;
    for (const auto& [begin, end] : pattern.all(text, RegexBudget(text.size()))) {
        out += text.substr(at, begin - at);
        out += by;
        at = end;
    }
    out += text.substr(at);
    return out;
}

std::string replacedLiteral(std::string_view what, std::string_view by, std::string_view text)
{
    std::string out;
    out.reserve(text.size() + text.size() / 4);
    for (std::size_t at = 0;;) {
        const std::size_t found = text.find(what, at);
        out += text.substr(at, found - at);
        if (found == std::string_view::npos)
            return out;
        out += by;
        at = found + what.size();
    }
}

std::string stripped(std::string_view text, bool left, bool right)
{
    std::size_t begin = 0;
    while (left && begin < text.size()) {
        std::size_t behind = begin;
        if (!unicode::isSpace(unicode::next(text, behind)))
            break;
        begin = behind;
    }
    std::size_t end = text.size();
    while (right && end > begin) {
        std::size_t start = end - 1;
        while ((static_cast<unsigned char>(text[start]) & 0xC0) == 0x80)
            --start;
        std::size_t behind = start;
        if (!unicode::isSpace(unicode::next(text, behind)))
            break;
        end = start;
    }
    return std::string(text.substr(begin, end - begin));
}

} // namespace

Normalizer::Normalizer(const Json& description, std::string_view subject)
{
    add(description, subject, 0);
}

void Normalizer::add(const Json& description, std::string_view subject, int depth)
{
    if (description.is_null())
        return;
    fields::object(description, "normalizer", subject);
    const std::string type = fields::text(description, "type", subject);
    if (type == "Sequence" && depth < 8) {
        for (const Json& step : fields::list(description, "normalizers", subject))
            add(step, subject, depth + 1);
    } else if (type == "NFC") {
        m_steps.emplace_back([](const std::string& t) { return unicode::nfc(t); });
    } else if (type == "NFD") {
        m_steps.emplace_back([](const std::string& t) { return unicode::nfd(t); });
    } else if (type == "Lowercase") {
        m_steps.emplace_back([](const std::string& t) { return unicode::lowered(t); });
    } else if (type == "ByteLevel") {
        m_steps.emplace_back([](const std::string& t) { return byte_level::mapped(t); });
    } else if (type == "Strip") {
        const bool left = fields::flag(description, "strip_left", false, subject);
        const bool right = fields::flag(description, "strip_right", false, subject);
        m_steps.emplace_back([=](const std::string& t) { return stripped(t, left, right); });
    } else if (type == "Prepend") {
        const std::string prefix = fields::text(description, "prepend", subject);
        m_steps.emplace_back([=](const std::string& t) { return t.empty() ? t : prefix + t; });
    } else if (type == "Replace") {
        const Json& pattern = fields::object(fields::member(description, "pattern"), "pattern", subject);
        const std::string by = fields::text(description, "content", subject);
        if (pattern.contains("String")) {
            const std::string what = fields::text(pattern, "String", subject);
            if (what.empty())
                fields::refuse(subject, "pattern", "a string with characters");
            m_steps.emplace_back([=](const std::string& t) { return replacedLiteral(what, by, t); });
        } else {
            const Regex regex(fields::text(pattern, "Regex", subject), subject);
            m_steps.emplace_back([=](const std::string& t) { return replaced(regex, by, t); });
        }
    } else {
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the normalizer \"" + type + "\" is not known.", std::string(subject));
    }
}

std::string Normalizer::apply(std::string_view text) const
{
    std::string out(text);
    for (const auto& step : m_steps)
        out = step(std::move(out));
    return out;
}

} // namespace halftone
