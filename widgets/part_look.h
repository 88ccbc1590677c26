#pragma once

#include "widgets/plot_style.h"

namespace halftone {

/// One of several curves of one run: the run's own colour, lighter or darker, with a dash and a marker that tell it from the others. Of a run that has no
/// name yet, or none, the series' own looks.
SeriesLook partLook(const QString& run, int part);

} // namespace halftone
