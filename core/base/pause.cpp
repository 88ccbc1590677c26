#include "core/base/pause.h"

namespace halftone {

namespace {

thread_local PauseGate* t_gate = nullptr;
thread_local double t_waited = 0;   // seconds this thread stood at gates

double secondsSince(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

void PauseGate::close()
{
    const std::lock_guard lock(m_mutex);
    m_closed = true;
}

void PauseGate::open()
{
    {
        const std::lock_guard lock(m_mutex);
        m_closed = false;
    }
    m_changed.notify_all();
}

bool PauseGate::isClosed() const
{
    const std::lock_guard lock(m_mutex);
    return m_closed;
}

bool PauseGate::isHolding() const
{
    const std::lock_guard lock(m_mutex);
    return m_holding;
}

double PauseGate::seconds() const
{
    const std::lock_guard lock(m_mutex);
    return m_waited + (m_holding ? secondsSince(m_since) : 0);
}

void PauseGate::pass(const std::stop_token& stop)
{
    std::unique_lock lock(m_mutex);
    if (!m_closed)
        return;
    m_holding = true;
    m_since = std::chrono::steady_clock::now();
    m_changed.wait(lock, stop, [this] { return !m_closed; });
    m_holding = false;
    const double waited = secondsSince(m_since);
    m_waited += waited;
    t_waited += waited;
}

PauseScope::PauseScope(PauseGate& gate)
    : m_outer(t_gate)
{
    t_gate = &gate;
}

PauseScope::~PauseScope()
{
    t_gate = m_outer;
}

void waitWhilePaused(const std::stop_token& stop)
{
    if (t_gate)
        t_gate->pass(stop);
}

WorkClock::WorkClock()
    : m_start(std::chrono::steady_clock::now())
    , m_waited(t_waited)
{
}

double WorkClock::seconds() const
{
    return secondsSince(m_start) - (t_waited - m_waited);
}

} // namespace halftone
