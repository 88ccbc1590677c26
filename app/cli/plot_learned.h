#pragma once

#include "core/project/project.h"
#include "widgets/view_frame.h"

#include <memory>
#include <string>

namespace halftone::cli {

/// What `plot` draws of a run that learned. `run` empty: the newest finished one. `linear`: a linear's name, or empty for the first the run learned of.
struct LearnedPlot {
    std::shared_ptr<const Project> project;
    std::string run, linear, mode;
};

/// All throw Error{BadFile} where the run keeps nothing of the kind, Error{InvalidArgument} for a linear or a mode that there is not.
std::unique_ptr<ViewFrame> trainingPlot(const LearnedPlot& plot);
/// mode: the kind of thing ("divisor", "clip", "scale", "shift", "matrix", "rotation"); empty: the first there is.
std::unique_ptr<ViewFrame> learnedPlot(const LearnedPlot& plot);
std::unique_ptr<ViewFrame> spectrumPlot(const LearnedPlot& plot);

} // namespace halftone::cli
