#include "core/text/character_set.h"

#include "core/text/newer_characters.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace halftone {

namespace {

std::string codePoint(char32_t point)
{
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "\\x{%X}", static_cast<unsigned>(point));
    return text.data();
}

} // namespace

void CharacterSet::addCharacter(char32_t point)
{
    m_content += codePoint(point);
}

void CharacterSet::addRange(char32_t first, char32_t last)
{
    m_content += codePoint(first) + '-' + codePoint(last);
}

void CharacterSet::addContent(std::string_view content)
{
    m_content += content;
}

void CharacterSet::addAllBut(std::string_view content)
{
    m_allBut.emplace_back(content);
}

void CharacterSet::add(const CharacterSet& other)
{
    m_content += other.m_content;
    m_allBut.insert(m_allBut.end(), other.m_allBut.begin(), other.m_allBut.end());
    m_others.insert(m_others.end(), other.m_others.begin(), other.m_others.end());
}

void CharacterSet::addNamed(std::string_view name, std::string_view content, std::string_view inverse, bool negated)
{
    const auto found = std::find_if(kNewerCharacters.begin(), kNewerCharacters.end(), [&](const NewerCharacters& n) { return n.name == name; });
    const std::string_view added = found == kNewerCharacters.end() ? std::string_view() : negated ? found->removed : found->added;
    const std::string_view removed = found == kNewerCharacters.end() ? std::string_view() : negated ? found->added : found->removed;
    const std::string_view with = negated ? inverse : content, without = negated ? content : inverse;
    if (removed.empty() && !with.empty())
        m_content += with;
    else
        addAllBut(std::string(without) + std::string(removed));
    m_content += added;
}

CharacterSet CharacterSet::complement() const
{
    CharacterSet all;
    if (m_others.empty() && m_allBut.empty() && !m_content.empty()) {
        all.addAllBut(m_content);
        return all;
    }
    if (m_others.empty() && m_content.empty() && m_allBut.size() == 1) {
        all.m_content = m_allBut.front();
        return all;
    }
    std::string atom = "(?:";
    for (const std::string& content : m_allBut)
        atom += "(?=[" + content + "])";
    for (const std::string& other : m_others)
        atom += "(?!" + other + ")";
    all.m_others.push_back(atom + (m_content.empty() ? "(?s:.)" : "[^" + m_content + "]") + ")");
    return all;
}

CharacterSet CharacterSet::intersection(const CharacterSet& other) const
{
    CharacterSet both;
    both.m_others.push_back("(?:(?=" + pattern() + ")" + other.pattern() + ")");
    return both;
}

std::string CharacterSet::pattern() const
{
    std::vector<std::string> ways;
    if (!m_content.empty())
        ways.push_back("[" + m_content + "]");
    for (const std::string& content : m_allBut)
        ways.push_back("[^" + content + "]");
    ways.insert(ways.end(), m_others.begin(), m_others.end());
    if (ways.size() == 1)
        return ways.front();
    std::string atom = "(?>";   // of one character there is one way: trying the others again would only take time
    for (std::size_t i = 0; i < ways.size(); ++i)
        atom += (i > 0 ? "|" : "") + ways[i];
    return atom + ")";
}

} // namespace halftone
