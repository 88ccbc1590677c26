#include "core/base/error.h"
#include "core/text/newer_characters.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

namespace halftone {

namespace {

// Ranges that may stand inside a class; the joiners that Rust's regex adds are added by the caller that needs them.
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

/// Of a category, script or set ("word", "alpha"), what PCRE2's version of Unicode may lack; empty where nothing is.
std::string_view newerOf(std::string_view name)
{
    const auto found = std::find_if(kNewerCharacters.begin(), kNewerCharacters.end(), [&](const auto& entry) { return entry.first == name; });
    return found == kNewerCharacters.end() ? std::string_view() : found->second;
}

/// Walks a pattern once and writes PCRE2's spelling of it.
class Translator {
public:
    Translator(std::string_view pattern, std::string_view subject)
        : m_in(pattern)
        , m_subject(subject)
    {
    }

    std::string run()
    {
        while (m_at < m_in.size()) {
            const char c = m_in[m_at];
            if (c == '{') {
                interval();
                continue;
            }
            if (c == '?' || c == '*' || c == '+') {   // what they repeat begins where it began
                copy(1);
                continue;
            }
            m_atom = m_out.size();
            if (c == '\\')
                escape(false);
            else if (c == '[')
                characterClass();
            else if (c == '(')
                group();
            else if (c == ')')
                endGroup();
            else
                copy(std::min(unicode::lengthAt(m_in, m_at), m_in.size() - m_at));
        }
        return std::move(m_out);
    }

private:
    [[noreturn]] void refuse(std::string_view what) const
    {
        throw Error(ErrorKind::Unsupported,
                    std::string(m_subject) + ": the regular expression \"" + printable(m_in) + "\" uses " + printable(what)
                        + ", for which no exact equivalent is known.",
                    std::string(m_subject));
    }

    char peek(std::size_t ahead) const { return m_at + ahead < m_in.size() ? m_in[m_at + ahead] : '\0'; }

    void copy(std::size_t bytes)
    {
        m_out += m_in.substr(m_at, bytes);
        m_at += bytes;
    }

    void replace(std::size_t bytes, std::string_view by)
    {
        m_at += bytes;
        m_out += by;
    }

    void group()
    {
        const std::string_view rest = m_in.substr(m_at);
        for (const std::string_view flag : {"(?i)", "(?-i)"})
            if (rest.starts_with(flag))
                return copy(flag.size());
        m_groups.push_back(m_out.size());
        if (peek(1) != '?')
            return copy(1);
        for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"})
            if (rest.starts_with(known))
                return copy(known.size());
        if (rest.starts_with("(?m:"))   // Ruby's: the dot meets line feeds
            return replace(4, "(?s:");
        const std::size_t end = rest.find('>');
        if (rest.starts_with("(?<") && std::isalpha(static_cast<unsigned char>(peek(3))) != 0 && end != std::string_view::npos)
            return replace(end + 1, "(?:");   // a name that nothing can refer to
        refuse("the group \"" + std::string(rest.substr(0, 4)) + "\"");
    }

    void endGroup()
    {
        copy(1);
        if (m_groups.empty())
            return;   // does not compile
        m_atom = m_groups.back();
        m_groups.pop_back();
    }

    /// What was written since the last atom began, as one.
    void enclose(std::string_view opening)
    {
        m_out.insert(m_atom, opening);
        m_out += ')';
    }

    /// {n}, {n,}, {n,m} and {,m}; any other brace stands for itself. {n}? may be there or not, {n,m}? takes as few as will do, {n,m}+ repeats what was
    /// repeated, {m,n} the wrong way round gives nothing back.
    void interval()
    {
        std::size_t at = m_at + 1;
        const auto number = [&] {
            const std::size_t begin = at;
            while (at < m_in.size() && std::isdigit(static_cast<unsigned char>(m_in[at])) != 0)
                ++at;
            return std::string(m_in.substr(begin, at - begin));
        };
        const std::string low = number();
        const bool range = at < m_in.size() && m_in[at] == ',';
        if (range)
            ++at;
        const std::string high = range ? number() : low;
        if (at >= m_in.size() || m_in[at] != '}' || (low.empty() && high.empty())) {
            m_atom = m_out.size();
            return replace(1, "\\{");
        }
        if (low.size() > 5 || high.size() > 5)
            refuse("a repetition of more than 99999 times");
        const auto value = [](const std::string& digits) { return digits.empty() ? 0 : std::stoi(digits); };
        const bool turned = !high.empty() && value(low) > value(high);
        m_out += '{' + std::to_string(turned ? value(high) : value(low));
        if (range)
            m_out += turned ? ',' + low : high.empty() ? "," : ',' + high;
        m_out += '}';
        m_at = at + 1;
        const char next = peek(0);
        if (turned)
            enclose("(?>");
        else if (next == '+' || next == '*' || next == '{' || (next == '?' && !range))
            enclose("(?:");
        else if (next == '?')
            copy(1);
    }

    /// A property of that many bytes, and the characters of it that are newer than PCRE2. Negated inside a class it stays without them.
    void withNewer(std::size_t bytes, const std::string& name, std::string_view own, bool inverse, bool inClass)
    {
        const std::string_view newer = newerOf(own);
        if (newer.empty() || (inverse && inClass))
            return replace(bytes, (inverse ? "\\P{" : "\\p{") + name + "}");
        const std::string all = "\\p{" + name + "}" + std::string(newer);
        replace(bytes, inClass ? all : (inverse ? "[^" : "[") + all + "]");
    }

    void property(bool negated, bool inClass)
    {
        const std::size_t close = m_in.find('}', m_at);
        if (peek(2) != '{' || close == std::string_view::npos)
            refuse("a property without braces");
        std::string_view name = m_in.substr(m_at + 3, close - m_at - 3);
        bool inverse = negated;
        if (name.starts_with('^')) {
            inverse = !inverse;
            name.remove_prefix(1);
        }
        static constexpr std::array kCategories = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd",
                                                   "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm",
                                                   "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cn", "Co"};
        static constexpr std::array kScripts = {"Han",    "Hiragana", "Katakana", "Hangul", "Latin",   "Greek", "Cyrillic", "Arabic",
                                                "Hebrew", "Thai",     "Lao",      "Khmer",  "Myanmar", "Bopomofo", "Devanagari"};
        for (const std::string_view known : kCategories)
            if (name == known)
                return withNewer(close + 1 - m_at, std::string(known), known, inverse, inClass);
        for (const std::string_view known : kScripts)
            if (name == known)   // without "sc:" PCRE2 would take the script extensions
                return withNewer(close + 1 - m_at, "sc:" + std::string(known), known, inverse, inClass);
        refuse("the property \"" + std::string(name) + "\"");
    }

    void escape(bool inClass)
    {
        const char c = peek(1);
        const std::string word = std::string(kWord) + std::string(newerOf("word"));
        switch (c) {
        case 's':
            return replace(2, "\\p{White_Space}");
        case 'S':
            return replace(2, "\\P{White_Space}");
        case 'd':
            return withNewer(2, "Nd", "Nd", false, inClass);
        case 'D':
            return withNewer(2, "Nd", "Nd", true, inClass);
        case 'w':
            return replace(2, inClass ? word : "[" + word + "]");
        case 'W':
            if (inClass)
                refuse("\\W inside a class");
            return replace(2, "[^" + word + "]");
        case 'h':
            return replace(2, inClass ? "0-9a-fA-F" : "[0-9a-fA-F]");
        case 'b':
            if (inClass)
                return replace(2, "\\x08");
            return replace(2, "(?:(?<=[" + word + "])(?![" + word + "])|(?<![" + word + "])(?=[" + word + "]))");
        case 'p':
            return property(false, inClass);
        case 'P':
            return property(true, inClass);
        case 'v':
            return replace(2, "\\x0B");
        case 'u': {
            const std::string_view digits = m_in.substr(std::min(m_in.size(), m_at + 2), 4);
            if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
                refuse("\\u without four digits");
            return replace(6, "\\x{" + std::string(digits) + "}");
        }
        case 'x':
            if (peek(2) == '{') {
                const std::size_t close = m_in.find('}', m_at);
                if (close == std::string_view::npos)
                    refuse("\\x without its closing brace");
                return copy(close + 1 - m_at);
            }
            if (std::isxdigit(static_cast<unsigned char>(peek(2))) == 0 || std::isxdigit(static_cast<unsigned char>(peek(3))) == 0)
                refuse("\\x without two digits");
            return copy(4);
        case 'n':
        case 'r':
        case 't':
        case 'f':
        case 'e':
        case 'a':
            return copy(2);
        case 'A':
        case 'z':
            if (!inClass)
                return copy(2);
            break;
        default:
            break;
        }
        if (c == '\0' || std::isalnum(static_cast<unsigned char>(c)) != 0)
            refuse(std::string("\"\\") + c + "\"");
        if (static_cast<unsigned char>(c) >= 0x80)
            return replace(1, "");  // an escaped letter beyond ASCII is itself
        copy(2);
    }

    /// [:alpha:] and its like, inside a class.
    bool posix()
    {
        static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNames{{{"[:alpha:]", "\\p{Alphabetic}"},
                                                                                             {"[:digit:]", "\\p{Nd}"},
                                                                                             {"[:space:]", "\\p{White_Space}"},
                                                                                             {"[:upper:]", "\\p{Uppercase}"},
                                                                                             {"[:lower:]", "\\p{Lowercase}"}}};
        for (const auto& [name, by] : kNames)
            if (m_in.substr(m_at).starts_with(name)) {
                replace(name.size(), by);
                m_out += newerOf(name.substr(2, name.size() - 4) == "digit" ? "Nd" : name.substr(2, name.size() - 4));
                return true;
            }
        return false;
    }

    /// A class inside a class is a union with it in Ruby's syntax; PCRE2 would take "[" as a character.
    void characterClass()
    {
        copy(1);
        if (peek(0) == '^')
            copy(1);
        if (peek(0) == ']')
            replace(1, "\\]");
        int depth = 1;
        while (depth > 0) {
            if (m_at >= m_in.size())
                refuse("a class without its end");
            const char c = m_in[m_at];
            if (c == '\\') {
                escape(true);
            } else if (c == '[') {
                if (posix())
                    continue;
                if (peek(1) == '^' || peek(1) == ':' || peek(1) == ']')
                    refuse("\"" + std::string(m_in.substr(m_at, 2)) + "\" inside a class");
                ++depth;
                replace(1, "");
            } else if (c == ']') {
                --depth;
                replace(1, depth == 0 ? "]" : "");
            } else if (c == '&' && peek(1) == '&') {
                refuse("an intersection of classes");
            } else {
                copy(1);
            }
        }
    }

    std::string_view m_in;
    std::string_view m_subject;
    std::size_t m_at = 0;
    std::string m_out;
    std::size_t m_atom = 0;               ///< where in m_out what a repetition would repeat begins
    std::vector<std::size_t> m_groups;    ///< the same of the groups that are open
};

} // namespace

std::string pcreFromOniguruma(std::string_view pattern, std::string_view subject)
{
    return Translator(pattern, subject).run();
}

} // namespace halftone
