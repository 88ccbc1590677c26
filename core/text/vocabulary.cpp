#include "core/text/vocabulary.h"

#include "core/base/error.h"

namespace halftone {

void Vocabulary::add(std::string text, std::int32_t id, std::string_view subject)
{
    const auto [entry, isNew] = m_ids.try_emplace(std::move(text), id);
    if (!isNew)
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the token \"" + entry->first + "\" has two ids, " + std::to_string(entry->second) + " and "
                        + std::to_string(id) + ".",
                    std::string(subject));
    const auto index = static_cast<std::size_t>(id);
    if (index >= m_texts.size())
        m_texts.resize(index + 1, nullptr);
    if (m_texts[index] != nullptr)
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the tokens \"" + *m_texts[index] + "\" and \"" + entry->first + "\" share the id "
                        + std::to_string(id) + ".",
                    std::string(subject));
    m_texts[index] = &entry->first;
}

const std::string& Vocabulary::text(std::int32_t id) const
{
    static const std::string none;
    return contains(id) ? *m_texts[static_cast<std::size_t>(id)] : none;
}

bool Vocabulary::contains(std::int32_t id) const
{
    return id >= 0 && id < size() && m_texts[static_cast<std::size_t>(id)] != nullptr;
}

bool Vocabulary::joinsBefore(std::string_view mark) const
{
    for (const auto& [text, id] : m_ids) {
        for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + mark.size()))
            if (at > 0 && (at < mark.size() || std::string_view(text).substr(at - mark.size(), mark.size()) != mark))
                return true;
    }
    return false;
}

std::vector<std::string_view> cutBeforeMarks(std::string_view text)
{
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    std::size_t at = text.find(kMark);
    while (at != std::string_view::npos) {
        if (at > begin) {
            parts.push_back(text.substr(begin, at - begin));
            begin = at;
        }
        std::size_t behind = at + kMark.size();
        while (text.substr(behind, kMark.size()) == kMark)
            behind += kMark.size();
        at = text.find(kMark, behind);
    }
    if (begin < text.size())
        parts.push_back(text.substr(begin));
    return parts;
}

} // namespace halftone
