#include "core/base/error.h"
#include "core/text/character_set.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace halftone {

namespace {

constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr std::string_view kHexadecimal = "0-9a-fA-F";
constexpr std::string_view kLineEnd = "(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])";

CharacterSet named(std::string_view name, std::string_view content, std::string_view inverse = {}, bool negated = false)
{
    CharacterSet set;
    set.addNamed(name, content, inverse, negated);
    return set;
}

/// Outside of classes Oniguruma looks Latin-1's characters up in a table of its own, in which superscripts and fractions are word characters.
CharacterSet standingWord()
{
    CharacterSet set = named("word", kWord);
    set.addContent("\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}");
    return set;
}

struct NamedSet {
    std::string_view spelled, name, content, inverse;
};

/// POSIX names, and properties that are called alike. "punct" as a property is the category.
constexpr std::array<NamedSet, 7> kSets{{{"alpha", "alpha", "\\p{Alphabetic}", "\\P{Alphabetic}"},
                                         {"digit", "Nd", "\\p{Nd}", "\\P{Nd}"},
                                         {"space", "space", "\\p{White_Space}", "\\P{White_Space}"},
                                         {"upper", "upper", "\\p{Uppercase}", "\\P{Uppercase}"},
                                         {"lower", "lower", "\\p{Lowercase}", "\\P{Lowercase}"},
                                         {"alnum", "alnum", "\\p{Alphabetic}\\p{Nd}", ""},
                                         {"word", "word", kWord, ""}}};

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
                escape();
            else if (c == '[')
                m_out += characterClass(0).pattern();
            else if (c == '(')
                group();
            else if (c == ')')
                endGroup();
            else
                literal();
        }
        closeFlags();
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
            if (rest.starts_with(flag)) {   // Ruby's: to the end of the group, its other branches too
                ++m_flags;
                m_ignoreCase = flag == "(?i)";
                return replace(flag.size(), std::string(flag.substr(0, flag.size() - 1)) + ":");
            }
        m_groups.push_back({m_out.size(), m_flags, m_ignoreCase});
        m_flags = 0;
        if (peek(1) != '?')
            return copy(1);
        for (const std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"})
            if (rest.starts_with(known))
                return copy(known.size());
        for (const std::string_view known : {"(?i:", "(?-i:"})
            if (rest.starts_with(known)) {
                m_ignoreCase = known == "(?i:";
                return copy(known.size());
            }
        if (rest.starts_with("(?m:"))   // Ruby's: the dot meets line feeds
            return replace(4, "(?s:");
        const std::size_t end = rest.find('>');
        if (rest.starts_with("(?<") && std::isalpha(static_cast<unsigned char>(peek(3))) != 0 && end != std::string_view::npos)
            return replace(end + 1, "(?:");   // a name that nothing can refer to
        refuse("the group \"" + std::string(rest.substr(0, 4)) + "\"");
    }

    void literal()
    {
        std::size_t end = m_at;
        refuseLongCase(unicode::next(m_in, end));
        static constexpr std::array<std::string_view, 5> kOfOne{"ss", "st", "ff", "fi", "fl"};   // each is one character too
        const std::array<char, 2> pair{static_cast<char>(std::tolower(static_cast<unsigned char>(m_in[m_at]))), static_cast<char>(std::tolower(static_cast<unsigned char>(peek(1))))};
        if (std::find(kOfOne.begin(), kOfOne.end(), std::string_view(pair.data(), pair.size())) != kOfOne.end())
            refuseCase("\"" + std::string(pair.data(), pair.size()) + "\"");
        copy(end - m_at);
    }

    /// Ignoring case, Oniguruma lets a character meet several: a sharp s and "ss".
    void refuseLongCase(char32_t first, std::optional<char32_t> last = std::nullopt) const
    {
        static constexpr std::array<std::pair<char32_t, char32_t>, 14> kLong{{{0xDF, 0xDF}, {0x130, 0x130}, {0x149, 0x149}, {0x1F0, 0x1F0}, {0x390, 0x390}, {0x3B0, 0x3B0}, {0x587, 0x587},
                                                                             {0x1E96, 0x1E9E}, {0x1F50, 0x1F56}, {0x1F80, 0x1FAF}, {0x1FB2, 0x1FBC}, {0x1FC2, 0x1FFC}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17}}};
        for (const auto& [begin, end] : kLong)
            if (first <= end && last.value_or(first) >= begin)
                refuseCase("a character that is several in another case");
    }

    void closeFlags()
    {
        m_out.append(m_flags, ')');
        m_flags = 0;
    }

    void endGroup()
    {
        if (!m_groups.empty())
            closeFlags();
        copy(1);
        if (m_groups.empty())
            return;   // does not compile
        m_atom = m_groups.back().begin;
        m_flags = m_groups.back().flags;
        m_ignoreCase = m_groups.back().ignoreCase;
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

    /// Ignoring case, Oniguruma adds to a set what its members' cases are; PCRE2 does that for characters and ranges only.
    void refuseCase(std::string_view what) const
    {
        if (m_ignoreCase)
            refuse(std::string(what) + " while case is ignored");
    }

    /// \p{…}, \P{…} and \p{^…}.
    CharacterSet property()
    {
        const std::size_t close = m_in.find('}', m_at);
        if (peek(2) != '{' || close == std::string_view::npos)
            refuse("a property without braces");
        const std::string_view whole = m_in.substr(m_at + 3, close - m_at - 3);
        const bool turned = whole.starts_with('^');
        const bool negated = (m_in[m_at + 1] == 'P') != turned;
        const std::string_view name = whole.substr(turned ? 1 : 0);
        static constexpr std::array kCategories = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd",
                                                   "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm",
                                                   "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cn", "Co"};
        static constexpr std::array kScripts = {"Han",      "Hiragana", "Katakana",   "Hangul",  "Latin", "Greek",  "Cyrillic", "Arabic",   "Hebrew",
                                                "Thai",     "Lao",      "Khmer",      "Myanmar", "Tamil", "Telugu", "Georgian", "Armenian", "Bopomofo",
                                                "Ethiopic", "Tibetan",  "Devanagari", "Bengali", "Mongolian"};
        static constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kLongNames{{{"letter", "L"},
                                                                                                  {"mark", "M"},
                                                                                                  {"number", "N"},
                                                                                                  {"punctuation", "P"},
                                                                                                  {"punct", "P"},
                                                                                                  {"symbol", "S"},
                                                                                                  {"separator", "Z"},
                                                                                                  {"other", "C"},
                                                                                                  {"uppercaseletter", "Lu"},
                                                                                                  {"lowercaseletter", "Ll"},
                                                                                                  {"decimalnumber", "Nd"},
                                                                                                  {"unassigned", "Cn"},
                                                                                                  {"alphabetic", "alpha"},
                                                                                                  {"whitespace", "space"},
                                                                                                  {"uppercase", "upper"},
                                                                                                  {"lowercase", "lower"},
                                                                                                  {"nonspacingmark", "Mn"}}};
        std::string plain;   // as Oniguruma compares names
        for (const char c : name)
            if (c != ' ' && c != '_' && c != '-')
                plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        std::string_view meant = name;
        for (const auto& [known, by] : kLongNames)
            if (plain == known)
                meant = by;
        const std::string text(meant);
        m_at = close + 1;
        if (std::find(kCategories.begin(), kCategories.end(), meant) != kCategories.end()) {
            if (meant.size() == 2 && meant[0] == 'L' && meant != "Lm" && meant != "Lo")
                refuseCase("the property \"" + text + "\"");
            return cased(named(meant, "\\p{" + text + "}", "\\P{" + text + "}", negated), negated && meant[0] != 'Z');
        }
        if (std::find(kScripts.begin(), kScripts.end(), meant) != kScripts.end())   // without "sc:" PCRE2 would take the script extensions
            return cased(named(meant, "\\p{sc:" + text + "}", "\\P{sc:" + text + "}", negated), true);
        for (const NamedSet& set : kSets)
            if (set.spelled == meant && set.name != "word" && set.name != "alnum")
                return cased(named(set.name, set.content, set.inverse, negated), set.name == "upper" || set.name == "lower");
        if (plain == "any" || plain == "ascii") {
            CharacterSet set;
            set.addRange(0, plain == "any" ? 0x10FFFF : 0x7F);
            return cased(negated ? set.complement() : set, true);
        }
        m_at = close;
        refuse("the property \"" + std::string(name) + "\"");
    }

    CharacterSet cased(CharacterSet set, bool changes) const
    {
        if (changes)
            refuseCase("a property or a negated one");
        return set;
    }

    /// What "\" begins, where it is a set of characters: \w, \D, \p{L}, …
    std::optional<CharacterSet> escapedSet(bool inClass)
    {
        const char c = peek(1);
        const auto set = [&](CharacterSet found) {
            m_at += 2;
            return found;
        };
        CharacterSet hexadecimal;
        hexadecimal.addContent(kHexadecimal);
        switch (c) {
        case 's':
        case 'S':
            return set(named("space", "\\p{White_Space}", "\\P{White_Space}", c == 'S'));
        case 'd':
        case 'D':
            return set(named("Nd", "\\p{Nd}", "\\P{Nd}", c == 'D'));
        case 'h':
            return set(hexadecimal);
        case 'H':
            return set(cased(hexadecimal.complement(), true));
        case 'w':
            return set(inClass ? named("word", kWord) : standingWord());
        case 'W':
            return set(inClass ? named("word", kWord, {}, true) : standingWord().complement());
        case 'p':
        case 'P':
            return property();
        default:
            return std::nullopt;
        }
    }

    /// The character that "\" spells, in a class or outside.
    char32_t escapedCharacter()
    {
        const char c = peek(1);
        const auto hexadecimal = [&](std::size_t begin, std::size_t digits) {
            const std::string_view text = m_in.substr(std::min(m_in.size(), m_at + begin), digits);
            if (digits == 0 || digits > 6 || text.size() != digits || text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
                refuse(std::string("\"\\") + c + "\" without " + (c == 'u' ? "four digits" : "its digits"));
            return static_cast<char32_t>(std::stoul(std::string(text), nullptr, 16));
        };
        static constexpr std::array<std::pair<char, char32_t>, 7> kControls{{{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'f', '\f'}, {'v', '\v'}, {'a', '\a'}, {'e', 0x1B}}};
        for (const auto& [name, point] : kControls)
            if (c == name) {
                m_at += 2;
                return point;
            }
        if (c == 'u' || c == 'x') {
            const std::size_t close = m_in.find('}', m_at);
            const bool braces = c == 'x' && peek(2) == '{';
            if (braces && close == std::string_view::npos)
                refuse("\\x without its closing brace");
            const char32_t point = braces ? hexadecimal(3, close - m_at - 3) : hexadecimal(2, c == 'u' ? 4 : 2);
            if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF) || (c == 'x' && !braces && point >= 0x80))
                refuse("\"" + std::string(m_in.substr(m_at, braces ? close + 1 - m_at : 4)) + "\"");
            m_at = braces ? close + 1 : m_at + (c == 'u' ? 6 : 4);
            return point;
        }
        if (c == '\0' || std::isalnum(static_cast<unsigned char>(c)) != 0)
            refuse(std::string("\"\\") + c + "\"");
        ++m_at;
        return unicode::next(m_in, m_at);   // escaped, any other is itself
    }

    void escape()
    {
        const std::string word = standingWord().pattern();
        switch (peek(1)) {
        case 'b':
            return replace(2, "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))");
        case 'B':
            return replace(2, "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))");
        case 'R':
            return replace(2, kLineEnd);
        case 'A':
        case 'z':
        case 'Z':
            return copy(2);
        default:
            break;
        }
        if (const auto set = escapedSet(false)) {
            m_out += set->pattern();
            return;
        }
        CharacterSet one;
        const char32_t point = escapedCharacter();
        refuseLongCase(point);
        one.addCharacter(point);
        m_out += one.pattern();
    }

    /// [:alpha:], [:^alpha:] and their like, inside a class.
    std::optional<CharacterSet> posix()
    {
        if (peek(1) != ':')
            return std::nullopt;
        const bool negated = peek(2) == '^';
        const std::string_view rest = m_in.substr(m_at + (negated ? 3 : 2));
        static constexpr std::array<NamedSet, 5> kOthers{{{"punct", "punct", "\\p{P}\\p{S}", ""}, {"cntrl", "Cc", "\\p{Cc}", "\\P{Cc}"}, {"xdigit", "", kHexadecimal, ""},
                                                         {"blank", "", "\\p{Zs}\\t", ""}, {"ascii", "", "\\x{0}-\\x{7F}", ""}}};
        for (const std::span<const NamedSet> sets : {std::span<const NamedSet>(kSets), std::span<const NamedSet>(kOthers)})
            for (const NamedSet& set : sets)
                if (rest.starts_with(std::string(set.spelled) + ":]")) {
                    m_at += (negated ? 3 : 2) + set.spelled.size() + 2;
                    return cased(named(set.name, set.content, set.inverse, negated), negated || set.name == "upper" || set.name == "lower" || set.name.empty());
                }
        return std::nullopt;
    }

    /// A class: characters, ranges, sets and classes, joined; "&&" cuts with what stands before it, and a "^" at the front counts last.
    CharacterSet characterClass(int depth)
    {
        if (depth > 30)
            refuse("classes in classes that deep");
        const bool negated = peek(1) == '^';
        m_at += negated ? 2 : 1;
        CharacterSet united;
        std::optional<CharacterSet> cut;   // by "&&", so far
        const auto intersect = [&] {
            if (united.empty())
                refuse("an intersection with nothing");
            cut = cut ? cut->intersection(united) : united;
            united = {};
        };
        if (peek(0) == ']') {
            if (depth > 0)
                refuse("\"[]\" inside a class");
            united.addCharacter(']');
            ++m_at;
        }
        for (;;) {
            if (m_at >= m_in.size())
                refuse("a class without its end");
            if (m_in[m_at] == ']')
                break;
            if (m_in[m_at] == '&' && peek(1) == '&') {
                m_at += 2;
                intersect();
                continue;
            }
            if (m_in[m_at] == '[') {
                if (const auto set = posix()) {
                    united.add(*set);
                    continue;
                }
                if (peek(1) == ':')
                    refuse("\"[:\" inside a class");
                united.add(characterClass(depth + 1));
                continue;
            }
            if (m_in[m_at] == '\\')
                if (const auto set = escapedSet(true)) {
                    united.add(*set);
                    continue;
                }
            const char32_t first = classCharacter();
            if (peek(0) != '-' || peek(1) == ']' || peek(1) == '&' || peek(1) == '\0') {
                refuseLongCase(first);
                united.addCharacter(first);
                continue;
            }
            ++m_at;
            const char kind = peek(1);
            if (m_in[m_at] == '[' || (m_in[m_at] == '\\' && std::string_view("sSdDhHwWpP").find(kind) != std::string_view::npos))
                refuse("a range without its end");
            const char32_t last = classCharacter();
            if (last < first)
                refuse("a range the wrong way round");
            refuseLongCase(first, last);
            united.addRange(first, last);
        }
        ++m_at;
        if (cut)
            intersect();
        CharacterSet set = cut ? *cut : united;
        if (set.empty())
            refuse("an empty class");
        if (depth > 0 && negated)
            refuseCase("a negated class inside a class");
        return negated ? set.complement() : set;
    }

    char32_t classCharacter()
    {
        if (m_in[m_at] != '\\')
            return unicode::next(m_in, m_at);
        if (peek(1) == 'b') {
            m_at += 2;
            return 0x08;
        }
        return escapedCharacter();
    }

    std::string_view m_in;
    std::string_view m_subject;
    std::size_t m_at = 0;
    std::string m_out;
    std::size_t m_atom = 0;               ///< where in m_out what a repetition would repeat begins
    struct Group {
        std::size_t begin;   ///< the same of a group that is open
        std::size_t flags;   ///< of the one around it
        bool ignoreCase;
    };
    std::vector<Group> m_groups;
    std::size_t m_flags = 0;              ///< "(?i)" of the innermost group, each of which opened one in m_out
    bool m_ignoreCase = false;
};

} // namespace

std::string pcreFromOniguruma(std::string_view pattern, std::string_view subject)
{
    return Translator(pattern, subject).run();
}

} // namespace halftone
