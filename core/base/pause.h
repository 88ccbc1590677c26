#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace halftone {

/// Where a job waits while it is paused, with its memory and its open files: the job's thread stands in throwIfStopped(), another thread
/// closes and opens the gate.
class PauseGate {
public:
    /// The job stops at its next stop point.
    void close();
    void open();
    bool isClosed() const;
    /// The job stands at the gate.
    bool isHolding() const;
    /// Seconds the job stood here so far.
    double seconds() const;
    /// Returns when the gate is open or a stop is requested.
    void pass(const std::stop_token& stop);

private:
    mutable std::mutex m_mutex;
    std::condition_variable_any m_changed;
    bool m_closed = false, m_holding = false;
    double m_waited = 0;
    std::chrono::steady_clock::time_point m_since;
};

/// Gives the thread a gate for as long as it lives. Scopes nest.
class PauseScope {
public:
    explicit PauseScope(PauseGate& gate);
    ~PauseScope();
    PauseScope(const PauseScope&) = delete;
    PauseScope& operator=(const PauseScope&) = delete;

private:
    PauseGate* m_outer;
};

/// Waits at this thread's gate, if it has one and that is closed.
void waitWhilePaused(const std::stop_token& stop);

/// Seconds of work since it was made: it stands while this thread waits at a gate. For the thread that made it.
class WorkClock {
public:
    WorkClock();
    double seconds() const;

private:
    std::chrono::steady_clock::time_point m_start;
    double m_waited;
};

} // namespace halftone
