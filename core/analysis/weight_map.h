#pragma once

#include "core/quant/grid.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// One linear's matrix, whole, beside what a grid makes of it: what the Weights view shows. Shared vectors are immutable.
struct WeightMap {
    std::string linear;
    std::int64_t rows = 0, columns = 0;                      ///< out, in
    std::shared_ptr<const std::vector<float>> weight;        ///< [rows, columns], as the checkpoint holds it
    std::shared_ptr<const std::vector<float>> quantized;     ///< the same after the grid; null: left float
    WeightGrid grid;                                         ///< bits 16 where it is left float
    std::string method, run;                                 ///< "rtn"; or the method and the run whose codes these are
    std::string note;                                        ///< why there is no quantized matrix though one was asked for, or what its error holds beside rounding
    std::int64_t groups = 0;                                 ///< scales a row
    std::shared_ptr<const std::vector<float>> scale;         ///< [rows, groups]; null: left float

    std::vector<float> rowError, columnError, groupError;    ///< root mean square of quantized − weight: [rows], [columns], [groups]
    double sqnrDb = 0;                                       ///< signal to error, infinite where they are equal

    /// Counts of the weights in equal bins: in steps of each weight's own scale (code units; bin centres on codes) where quantized, else in units
    /// of the weight.
    double low = 0, high = 0;
    bool inSteps = false;
    std::vector<std::int64_t> counts;
    std::vector<double> levels;                              ///< where the grid's codes lie on that axis
    std::int64_t notFinite = 0;

    float at(std::int64_t row, std::int64_t column) const { return (*weight)[static_cast<std::size_t>(row * columns + column)]; }
    float scaleAt(std::int64_t row, std::int64_t column) const { return (*scale)[static_cast<std::size_t>(row * groups + column * groups / columns)]; }
};

} // namespace halftone
