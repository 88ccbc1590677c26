#pragma once

#include "app/studio/job_runner.h"
#include "widgets/message_banner.h"

namespace halftone {

/// An error as a person reads it: the sentence, the likely cause and what to do next; details to copy.
Message errorMessage(const QString& id, const JobError& error);

/// What is likely to help, by the kind of error and the job it stopped.
QString nextStep(const QString& tag, const JobError& error);

} // namespace halftone
