#include "app/studio/job_estimate.h"

#include <algorithm>

namespace halftone {

void JobEstimate::begin(double now)
{
    m_count = 0;
    m_start = now;
    m_marks[0] = {0, now};
    m_count = 1;
}

void JobEstimate::step(std::int64_t done, double now)
{
    if (m_count == 0)
        begin(now);
    if (done <= m_marks[static_cast<std::size_t>(m_count - 1)].done)
        return;
    if (m_count == static_cast<int>(m_marks.size())) {
        std::move(m_marks.begin() + 1, m_marks.end(), m_marks.begin());
        --m_count;
    }
    m_marks[static_cast<std::size_t>(m_count++)] = {done, now};
}

double JobEstimate::rate() const
{
    if (m_count < 2)
        return 0;
    const Mark& first = m_marks[0];
    const Mark& last = m_marks[static_cast<std::size_t>(m_count - 1)];
    return last.time > first.time ? static_cast<double>(last.done - first.done) / (last.time - first.time) : 0;
}

std::optional<std::pair<double, double>> JobEstimate::remaining(std::int64_t total, double now) const
{
    const double recent = rate();
    if (total <= 0 || recent <= 0)
        return std::nullopt;
    const Mark& last = m_marks[static_cast<std::size_t>(m_count - 1)];
    const double overall = last.time > m_start ? static_cast<double>(last.done) / (last.time - m_start) : recent;
    const double left = static_cast<double>(std::max<std::int64_t>(0, total - last.done));
    const double spent = now - last.time;   // already gone on the step at work
    const auto [slow, fast] = std::minmax(recent, overall);
    return std::pair{std::max(0.0, left / fast * 0.9 - spent), std::max(0.0, left / slow * 1.1 - spent)};
}

} // namespace halftone
