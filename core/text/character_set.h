#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// A set of characters as PCRE2 can match one of it. Classes of PCRE2 know union and complement only, and its properties may be of an older Unicode: what
/// they cannot say is spelled with looks ahead.
class CharacterSet {
public:
    void addCharacter(char32_t point);
    void addRange(char32_t first, char32_t last);
    /// What may stand in a class of PCRE2.
    void addContent(std::string_view content);
    /// All that is not in the class of that content.
    void addAllBut(std::string_view content);
    void add(const CharacterSet& other);
    /// A category, script or set of the characters ("word", "alpha", …) that kNewerCharacters corrects. `content` is PCRE2's, `inverse` what PCRE2 has beside it,
    /// empty where only a class of its own can say that.
    void addNamed(std::string_view name, std::string_view content, std::string_view inverse, bool negated);

    bool empty() const { return m_content.empty() && m_allBut.empty() && m_others.empty(); }
    CharacterSet complement() const;
    CharacterSet intersection(const CharacterSet& other) const;
    /// An atom of a pattern that matches one character.
    std::string pattern() const;

private:
    std::string m_content;                ///< of one class
    std::vector<std::string> m_allBut;    ///< contents of negated classes
    std::vector<std::string> m_others;    ///< atoms
};

} // namespace halftone
