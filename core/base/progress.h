#pragma once

#include "core/base/error.h"
#include "core/base/pause.h"

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace halftone {

/// Where a job says how far it is. Called on the job's thread; implementations hand over to their own thread.
class Progress {
public:
    virtual ~Progress() = default;
    /// A phase begins: `total` steps, `parts` of which make one `unit` ("blocks", "windows", "tensors"); total 0 = unknown.
    virtual void begin(std::string_view phase, std::int64_t total, std::string_view unit, std::int64_t parts = 1) = 0;
    /// `done` steps of the current phase are finished. `detail` says what is at work ("block 3 · model.layers.3.mlp.down_proj").
    virtual void update(std::int64_t done, std::string_view detail = {}) = 0;
    /// A fact worth keeping in the job's log (damping raised, a sentinel, a fallback).
    virtual void note(std::string_view sentence) = 0;
};

/// Says nothing; for tests and inner calls.
class SilentProgress final : public Progress {
public:
    void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
    void update(std::int64_t, std::string_view) override {}
    void note(std::string_view) override {}
};

/// A stop point. Jobs call it at least every ~100 ms: a paused job waits here until it goes on. @throws Cancelled when a stop was requested.
inline void throwIfStopped(const std::stop_token& stop)
{
    waitWhilePaused(stop);
    if (stop.stop_requested())
        throw Cancelled{};
}

} // namespace halftone
