#pragma once

#include "core/pipeline/calibration_streams.h"
#include "core/pipeline/jobs.h"

#include <chrono>
#include <functional>

namespace halftone {

/// Hands the losses of a training on in bundles: at most one every kPause, none left out.
class TrainingFeed {
public:
    static constexpr std::chrono::milliseconds kPause{100};

    /// `tell` may be empty: then nothing is kept.
    explicit TrainingFeed(std::function<void(const TrainingProgress&)> tell) : m_tell(std::move(tell)) {}
    void add(const TrainingStep& step);
    /// What waits goes out now.
    void flush();

private:
    std::function<void(const TrainingProgress&)> m_tell;
    TrainingProgress m_waiting;
    std::chrono::steady_clock::time_point m_told{};
};

} // namespace halftone
