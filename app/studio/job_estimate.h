#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace halftone {

/// Rate and remaining time of one phase, from the moments its steps were finished. Pure arithmetic; times are seconds on one clock.
class JobEstimate {
public:
    void begin(double now);
    /// `done` steps are finished at `now`; a count that does not grow changes nothing.
    void step(std::int64_t done, double now);
    /// Steps a second over the last steps; 0 before the second one.
    double rate() const;
    /// Seconds left as a range: from the quicker to the slower of the whole phase's and the last steps' pace, widened by a tenth.
    /// Empty while `total` or the pace is unknown.
    /// Asked again and again it moves towards what is new rather than jumping there, and it does not run out while a step is at work.
    std::optional<std::pair<double, double>> remaining(std::int64_t total, double now);

private:
    std::optional<std::pair<double, double>> measured(std::int64_t total, double now) const;
    struct Mark { std::int64_t done = 0; double time = 0; };
    std::array<Mark, 9> m_marks;   ///< ring of the last steps
    int m_count = 0;
    double m_start = 0;
    struct Said { std::int64_t total = 0; double low = 0, high = 0, time = 0; };
    std::optional<Said> m_said;   ///< what was answered last
};

} // namespace halftone
