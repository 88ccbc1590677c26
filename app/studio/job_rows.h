#pragma once

#include "app/studio/job_runner.h"
#include "widgets/jobs_view.h"

namespace halftone {

/// A runner's job as the Jobs view shows it.
JobRow toJobRow(const JobStatus& status);

/// The end of a log file, whole lines; what is wrong where it cannot be read.
QString tailOf(const QString& file, qint64 bytes = 256 << 10);

/// "Quantize tiny-llama · GPTQ 4 bits: done in 2:10, 1 flag": one line for a job that came to its end.
QString endText(const JobStatus& status);

/// The one of `jobs` that is at work, running or paused; null when none is.
const JobStatus* jobAtWork(const std::vector<JobStatus>& jobs);
/// "42 %", "paused at 42 %"; empty while it is not known how far it is.
QString shareText(const JobStatus& status);

} // namespace halftone
