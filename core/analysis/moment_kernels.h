#pragma once

#include <cstdint>
#include <vector>

/// Moments of the columns of float32 matrices (Highway, dynamic dispatch), multi-threaded by columns, sums in double: the result does not
/// depend on the number of threads.
namespace halftone {

/// What a walk over rows adds up for every column. Elements that are not finite count as 0 and are counted.
struct ColumnMoments {
    explicit ColumnMoments(std::int64_t columns);
    std::int64_t columns() const { return static_cast<std::int64_t>(minimum.size()); }
    /// x [rows, columns], row-major.
    void add(const float* x, std::int64_t rows);

    std::int64_t rows = 0;
    std::vector<float> minimum, maximum;         ///< +∞ and −∞ before the first row
    std::vector<double> sum, sum2, sum3, sum4;   ///< Σx, Σx², Σx³, Σx⁴
    std::vector<std::int64_t> zeros, notFinite;
};

/// Mean, population variance and fourth standardised moment (3 for a normal distribution, 0 where the variance is 0).
struct Shape {
    double mean = 0, variance = 0, kurtosis = 0;
};
Shape shapeOf(double sum, double sum2, double sum3, double sum4, double count);

} // namespace halftone
