#pragma once

#include "core/base/progress.h"

#include <cstdint>
#include <string>

namespace halftone {

/// The progress of a job inside another: its steps fill one stretch of the outer phase, its notes carry a name.
class ShareOfProgress final : public Progress {
public:
    /// The stretch is `first` … `last` of the outer phase's steps; `subject` stands before details and notes.
    ShareOfProgress(Progress& outer, std::int64_t first, std::int64_t last, std::string subject)
        : m_outer(outer), m_first(first), m_last(last), m_subject(std::move(subject))
    {
    }
    void begin(std::string_view phase, std::int64_t total, std::string_view unit, std::int64_t parts) override;
    void update(std::int64_t done, std::string_view detail) override;
    void note(std::string_view sentence) override;

private:
    Progress& m_outer;
    std::int64_t m_first, m_last, m_total = 0;
    std::string m_subject, m_phase;
};

} // namespace halftone
