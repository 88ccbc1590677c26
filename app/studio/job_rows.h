#pragma once

#include "app/studio/job_runner.h"
#include "widgets/jobs_view.h"

namespace halftone {

/// A runner's job as the Jobs view shows it.
JobRow toJobRow(const JobStatus& status);

/// The end of a log file, whole lines; what is wrong where it cannot be read.
QString tailOf(const QString& file, qint64 bytes = 256 << 10);

/// "Quantize · 4.25 bits a weight: done in 2:10, 1 flag": one line for a job that came to its end.
QString endText(const JobStatus& status);

} // namespace halftone
