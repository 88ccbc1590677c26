#include "app/studio/job_estimate.h"

#include <algorithm>
#include <cmath>

namespace halftone {

namespace {

constexpr double kMostOfAStep = 0.9;
constexpr double kSettles = 8, kQuickest = 1, kSlowest = 15;   ///< an eighth of what is left, in seconds from … to, and most of a jump is made up

} // namespace

void JobEstimate::begin(double now)
{
    m_said.reset();
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

std::optional<std::pair<double, double>> JobEstimate::remaining(std::int64_t total, double now)
{
    const auto range = measured(total, now);
    if (!range) {
        m_said.reset();
        return range;
    }
    if (!m_said || m_said->total != total) {
        m_said = Said{total, range->first, range->second, now};
        return range;
    }
    const double gone = std::max(0.0, now - m_said->time);
    const double share = 1 - std::exp(-gone / std::clamp(range->second / kSettles, kQuickest, kSlowest));
    const auto towards = [&](double said, double wanted) {
        const double aged = std::max(0.0, said - gone);
        return aged + (wanted - aged) * share;
    };
    m_said = Said{total, towards(m_said->low, range->first), towards(m_said->high, range->second), now};
    return std::pair{m_said->low, m_said->high};
}

std::optional<std::pair<double, double>> JobEstimate::measured(std::int64_t total, double now) const
{
    const double recent = rate();
    if (total <= 0 || recent <= 0)
        return std::nullopt;
    const Mark& last = m_marks[static_cast<std::size_t>(m_count - 1)];
    const double overall = last.time > m_start ? static_cast<double>(last.done) / (last.time - m_start) : recent;
    const double left = static_cast<double>(std::max<std::int64_t>(0, total - last.done));
    const auto [slow, fast] = std::minmax(recent, overall);
    // Of the step at work some is gone already, and never all.
    const auto without = [spent = now - last.time](double seconds, double step) { return std::max(0.0, seconds - std::min(spent, kMostOfAStep * step)); };
    return std::pair{without(left / fast * 0.9, 1 / fast), without(left / slow * 1.1, 1 / slow)};
}

} // namespace halftone
