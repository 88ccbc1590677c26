#include "core/text/normalizer.h"

#include "core/base/error.h"
#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/precompiled_map.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"

#include <algorithm>

namespace halftone {

namespace {

/// What a rule makes, byte by byte, within a budget.
class Growing {
public:
    Growing(const TextBudget& budget, std::string_view subject, std::string_view rule)
        : m_budget(budget)
        , m_subject(subject)
        , m_rule(rule)
    {
    }
    void add(std::string_view text)
    {
        m_budget.checkSize(m_out.size() + text.size(), m_subject, m_rule);
        m_out += text;
    }
    std::string finish() { return std::move(m_out); }

private:
    const TextBudget& m_budget;
    std::string_view m_subject, m_rule;
    std::string m_out;
};

/// What comes of the first character when [begin, end) becomes `size` bytes: as in tokenizers, they belong to the last character that they replace.
class FirstCharacter {
public:
    explicit FirstCharacter(std::size_t& bytes)
        : m_bytes(bytes)
        , m_old(bytes)
    {
    }
    void replace(std::size_t begin, std::size_t end, std::size_t size)
    {
        if (begin > m_old || (begin == m_old && 0 < begin && begin < end))
            return;
        const std::size_t taken = std::min(end, m_old) - begin;
        m_bytes += (end <= m_old ? size : 0) - taken;
    }

private:
    std::size_t& m_bytes;
    std::size_t m_old;
};

std::string replaced(const Regex& pattern, std::string_view by, std::string_view text, Growing out, const TextBudget& budget, std::size_t& ofFirst)
{
    std::size_t at = 0;
    FirstCharacter first(ofFirst);
    for (const auto& [begin, end] : pattern.all(text, budget)) {
        first.replace(begin, end, by.size());
        out.add(text.substr(at, begin - at));
        out.add(by);
        at = end;
    }
    out.add(text.substr(at));
    return out.finish();
}

std::string replacedLiteral(std::string_view what, std::string_view by, std::string_view text, Growing out, std::size_t& ofFirst)
{
    FirstCharacter first(ofFirst);
    for (std::size_t at = 0;;) {
        const std::size_t found = text.find(what, at);
        out.add(text.substr(at, found - at));
        if (found == std::string_view::npos)
            return out.finish();
        first.replace(found, found + what.size(), by.size());
        out.add(by);
        at = found + what.size();
    }
}

/// Character by character; `change` appends what it becomes, nothing where it is dropped.
template <typename Change>
std::string mapped(std::string_view text, Change change, std::size_t& ofFirst)
{
    std::string out;
    out.reserve(text.size());
    std::size_t first = 0;
    for (std::size_t at = 0; at < text.size();) {
        change(unicode::next(text, at), out);
        if (at <= ofFirst)
            first = out.size();
    }
    ofFirst = first;
    return out;
}

/// A change that drops nothing at the front, and whose result for the front alone is the front of its result, unless characters were composed.
template <typename Change>
std::string whole(const std::string& text, Change change, std::size_t& ofFirst)
{
    std::string out = change(text);
    if (ofFirst == 0 || out.empty())
        return out;
    const std::string front = change(text.substr(0, ofFirst));
    ofFirst = !front.empty() && out.starts_with(front) ? front.size() : unicode::lengthAt(out, 0);
    return out;
}

template <typename Predicate>
std::string without(std::string_view text, Predicate isDropped, std::size_t& ofFirst)
{
    return mapped(text, [&](char32_t p, std::string& out) {
        if (!isDropped(p))
            unicode::append(out, p);
    }, ofFirst);
}

std::string cleaned(std::string_view text, std::size_t& ofFirst)
{
    return mapped(text, [](char32_t p, std::string& out) {
        const bool space = p == '\t' || p == '\n' || p == '\r' || unicode::isSpace(p);
        if (p != 0 && p != 0xFFFD && (p == '\t' || p == '\n' || p == '\r' || !unicode::isControl(p)))
            unicode::append(out, space ? U' ' : p);
    }, ofFirst);
}

bool isChinese(char32_t p)
{
    return (p >= 0x4E00 && p <= 0x9FFF) || (p >= 0x3400 && p <= 0x4DBF) || (p >= 0x20000 && p <= 0x2A6DF) || (p >= 0x2A700 && p <= 0x2B73F)
        || (p >= 0x2B740 && p <= 0x2B81F) || (p >= 0x2B920 && p <= 0x2CEAF) || (p >= 0xF900 && p <= 0xFAFF) || (p >= 0x2F800 && p <= 0x2FA1F);
}

/// SentencePiece's rules for machine translation: some control characters go, odd spaces become spaces.
void nmt(char32_t p, std::string& out)
{
    if ((p >= 0x01 && p <= 0x08) || p == 0x0B || (p >= 0x0E && p <= 0x1F) || p == 0x7F || p == 0x8F || p == 0x9F)
        return;
    const bool space = p == 0x09 || p == 0x0A || p == 0x0C || p == 0x0D || p == 0x1680 || (p >= 0x200B && p <= 0x200F) || p == 0x2028 || p == 0x2029
        || p == 0x2581 || p == 0xFEFF || p == 0xFFFD;
    unicode::append(out, space ? U' ' : p);
}

std::string stripped(std::string_view text, bool left, bool right, std::size_t& ofFirst)
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
    ofFirst -= std::min(ofFirst, begin);
    return std::string(text.substr(begin, end - begin));
}

} // namespace

Normalizer::Normalizer(const Json& description, std::string_view subject)
    : m_subject(subject)
{
    add(description, 0);
}

void Normalizer::add(const Json& description, int depth)
{
    if (description.is_null())
        return;
    const std::string_view subject = m_subject;
    fields::object(description, "normalizer", subject);
    const std::string type = fields::text(description, "type", subject);
    const auto step = [&](Change change) { m_steps.push_back({type, std::move(change)}); };
    const auto plain = [&](std::string (*change)(std::string_view)) { step([change](const std::string& t, const TextBudget&, std::size_t& first) { return whole(t, change, first); }); };
    const auto dropping = [&](std::string (*change)(std::string_view, std::size_t&)) { step([change](const std::string& t, const TextBudget&, std::size_t& first) { return change(t, first); }); };
    if (type == "Sequence" && depth < 8) {
        for (const Json& one : fields::list(description, "normalizers", subject))
            add(one, depth + 1);
    } else if (type == "NFC") {
        plain(unicode::nfc);
    } else if (type == "NFD") {
        plain(unicode::nfd);
    } else if (type == "NFKC") {
        plain(unicode::nfkc);
    } else if (type == "NFKD") {
        plain(unicode::nfkd);
    } else if (type == "Lowercase") {
        plain(unicode::lowered);
    } else if (type == "ByteLevel") {
        plain(byte_level::mapped);
    } else if (type == "Nmt") {
        dropping([](std::string_view t, std::size_t& first) { return mapped(t, nmt, first); });
    } else if (type == "StripAccents") {
        dropping([](std::string_view t, std::size_t& first) { return without(t, unicode::isMark, first); });
    } else if (type == "BertNormalizer") {
        addBert(description);
    } else if (type == "Precompiled") {
        if (!fields::member(description, "precompiled_charsmap").is_null()) {
            const PrecompiledMap map(fields::text(description, "precompiled_charsmap", subject), subject);
            step([map](const std::string& t, const TextBudget&, std::size_t& first) { return whole(t, [&](const std::string& part) { return map.apply(part); }, first); });
        }
    } else if (type == "Strip") {
        const bool left = fields::flag(description, "strip_left", false, subject);
        const bool right = fields::flag(description, "strip_right", false, subject);
        step([=](const std::string& t, const TextBudget&, std::size_t& first) { return stripped(t, left, right, first); });
    } else if (type == "Prepend") {
        const std::string prefix = fields::text(description, "prepend", subject);
        if (prefix.empty())   // tokenizers then doubles the first character in some of the steps behind it
            fields::refuse(subject, "prepend", "a text");
        step([=](const std::string& t, const TextBudget&, std::size_t& first) {
            first += first > 0 ? prefix.size() : 0;
            return t.empty() ? t : prefix + t;
        });
    } else if (type == "Replace") {
        const Json& pattern = fields::object(fields::member(description, "pattern"), "pattern", subject);
        const std::string by = fields::text(description, "content", subject);
        const std::string what = fields::text(pattern, pattern.contains("String") ? "String" : "Regex", subject);
        const std::string rule = "Replace " + what;
        if (pattern.contains("String")) {
            if (what.empty())
                fields::refuse(subject, "pattern", "a string with characters");
            m_steps.push_back({rule, [=, file = m_subject](const std::string& t, const TextBudget& b, std::size_t& first) { return replacedLiteral(what, by, t, Growing(b, file, rule), first); }});
        } else {
            const Regex regex(what, subject);
            m_steps.push_back({rule, [=, file = m_subject](const std::string& t, const TextBudget& b, std::size_t& first) { return replaced(regex, by, t, Growing(b, file, rule), b, first); }});
        }
    } else {
        throw Error(ErrorKind::Unsupported, m_subject + ": the normalizer \"" + printable(type) + "\" is not known.", m_subject);
    }
}

void Normalizer::addBert(const Json& description)
{
    const auto step = [&](const char* rule, std::string (*change)(std::string_view, std::size_t&)) {
        m_steps.push_back({std::string("BertNormalizer, ") + rule, [change](const std::string& t, const TextBudget&, std::size_t& first) { return change(t, first); }});
    };
    const bool lower = fields::flag(description, "lowercase", true, m_subject);
    if (fields::flag(description, "clean_text", true, m_subject))
        step("clean_text", cleaned);
    if (fields::flag(description, "handle_chinese_chars", true, m_subject))
        step("handle_chinese_chars", [](std::string_view t, std::size_t& first) {
            return mapped(t, [](char32_t p, std::string& out) {
                const bool apart = isChinese(p);
                if (apart)
                    out += ' ';
                unicode::append(out, p);
                if (apart)
                    out += ' ';
            }, first);
        });
    if (fields::flag(description, "strip_accents", lower, m_subject)) {
        step("strip_accents", [](std::string_view t, std::size_t& first) { return whole(std::string(t), unicode::nfd, first); });
        step("strip_accents", [](std::string_view t, std::size_t& first) { return without(t, unicode::isNonspacingMark, first); });
    }
    if (lower)
        step("lowercase", [](std::string_view t, std::size_t& first) { return whole(std::string(t), unicode::lowered, first); });
}

std::string Normalizer::apply(std::string_view text, const TextBudget& budget, std::size_t* ofFirst) const
{
    std::string out(text);
    std::size_t first = text.empty() ? 0 : unicode::lengthAt(text, 0);
    for (const Step& step : m_steps) {
        out = step.change(out, budget, first);
        budget.checkSize(out.size(), m_subject, step.rule);
        budget.check(m_subject, step.rule);
    }
    if (ofFirst != nullptr)
        *ofFirst = first;
    return out;
}

} // namespace halftone
