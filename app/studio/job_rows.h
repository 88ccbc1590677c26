#pragma once

#include "app/studio/job_runner.h"
#include "widgets/jobs_view.h"

namespace halftone {

/// A runner's job as the Jobs view shows it.
JobRow toJobRow(const JobStatus& status);

} // namespace halftone
