#include "core/pipeline/training_feed.h"

namespace halftone {

void TrainingFeed::add(const TrainingStep& step)
{
    if (!m_tell)
        return;
    if (m_waiting.block != step.block || m_waiting.what != step.what || m_waiting.first + static_cast<int>(m_waiting.losses.size()) != step.step)
        flush();
    if (m_waiting.losses.empty()) {
        m_waiting.block = step.block;
        m_waiting.what = step.what;
        m_waiting.first = step.step;
        m_waiting.steps = step.steps;
    }
    m_waiting.losses.push_back(static_cast<float>(step.loss));
    if (step.step + 1 >= step.steps || std::chrono::steady_clock::now() - m_told >= kPause)
        flush();
}

void TrainingFeed::flush()
{
    if (m_waiting.losses.empty())
        return;
    m_tell(m_waiting);
    m_waiting.losses.clear();
    m_told = std::chrono::steady_clock::now();
}

} // namespace halftone
