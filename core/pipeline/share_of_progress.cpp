#include "core/pipeline/share_of_progress.h"

#include <algorithm>

namespace halftone {

void ShareOfProgress::begin(std::string_view phase, std::int64_t total, std::string_view, std::int64_t)
{
    m_phase = phase;
    m_total = total;
    update(0, {});
}

void ShareOfProgress::update(std::int64_t done, std::string_view detail)
{
    const std::int64_t share = m_total <= 0 ? 0 : (m_last - m_first) * std::clamp<std::int64_t>(done, 0, m_total) / m_total;
    m_outer.update(m_first + share, m_subject + " · " + (detail.empty() ? m_phase : std::string(detail)));
}

void ShareOfProgress::note(std::string_view sentence) { m_outer.note(m_subject + ": " + std::string(sentence)); }

} // namespace halftone
