#pragma once

#include "core/analysis/activation_sample.h"
#include "core/quant/grid.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// Counts in bins of one width over [low, high], both ends included.
struct Histogram {
    double low = 0, high = 0;
    std::vector<std::int64_t> counts;
};

/// What rounding one linear to nearest costs, before anything is run. Errors are relative: norm of the difference over norm of the original.
struct LinearPreview {
    std::int64_t rows = 0;              ///< rows of the weight that were looked at, spread evenly
    double weightError = 0;             ///< ‖ŵ − w‖ / ‖w‖; 0 where weights are left float
    double zeros = 0, clipped = 0;      ///< shares of the weights: rounded to zero, beyond the end of the grid
    /// Output error at the sampled tokens, weights and input both rounded: root mean square over tokens of ‖ŷ − y‖ / ‖y‖, so that each token
    /// counts alike. Absent without a sample, and for asymmetric input grids.
    std::optional<double> outputError;
    std::vector<float> levels;          ///< the values of the group with the median scale, ascending; empty where weights are left float
};

/// Signal to error in decibels, as runs report it; infinite for an error of 0.
double decibels(double relativeError);

/// The weights of one linear, read once, to try grids on. Immutable, thread-safe. Of a matrix above kMostWeights only whole rows, spread
/// evenly, are kept; ranges are those of the whole.
class LinearWeights {
public:
    static constexpr std::int64_t kMostWeights = 4 << 20;
    static constexpr int kBins = 120;

    /// @param values [rows, in], at most `out` rows. @throws Error{InvalidArgument} when they are no whole rows.
    LinearWeights(std::string linear, std::int64_t out, std::int64_t in, std::vector<float> values);

    const std::string& linear() const { return m_linear; }
    std::int64_t out() const { return m_out; }
    std::int64_t in() const { return m_in; }
    std::int64_t rows() const { return static_cast<std::int64_t>(m_values.size()) / m_in; }   ///< that are kept
    const Histogram& histogram() const { return m_histogram; }   ///< of what is kept; what is not finite is left out

    /// @param most weights to look at; 0: all that are kept. @param sample may be null.
    /// @throws Error{InvalidArgument} for a grid that does not fit or weights that are not finite; Cancelled.
    LinearPreview preview(const WeightGrid& weights, const ActivationGrid& activations, const SiteSample* sample, std::int64_t most,
                          const std::stop_token& stop) const;

private:
    friend class WeightReader;
    std::string m_linear;
    std::int64_t m_out = 0, m_in = 0;
    std::vector<float> m_values;
    float m_low = 0, m_high = 0;                                 ///< of the whole matrix
    Histogram m_histogram;
};

/// Reads linears of one model one at a time, the model staying open between them. Thread-safe.
class WeightReader {
public:
    explicit WeightReader(std::filesystem::path model);
    ~WeightReader();
    /// @throws Error{BadFile} as Model::open and Model::weight; Cancelled.
    std::shared_ptr<const LinearWeights> read(std::string_view linear, const std::stop_token& stop);

private:
    struct Opened;
    std::unique_ptr<Opened> m_opened;
};

} // namespace halftone
