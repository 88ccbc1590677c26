#pragma once

#include "core/methods/block_reconstruction.h"
#include "core/model/decoder_block.h"
#include "core/pipeline/calibration_streams.h"
#include "core/recipe/recipe.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace halftone {

/// The calibration windows, one by one, out of the streams' batches. @throws Error{Internal} without a float stream.
class StreamWindows final : public ReconstructionData {
public:
    explicit StreamWindows(const CalibrationStreams& streams);
    std::size_t windows() const override { return m_windows.size(); }
    at::Tensor inputs(std::span<const std::size_t> windows) const override { return gather(m_streams.hidden, windows); }
    at::Tensor targets(std::span<const std::size_t> windows) const override { return gather(*m_streams.floatHidden, windows); }

private:
    at::Tensor gather(const ActivationStream& stream, std::span<const std::size_t> windows) const;

    const CalibrationStreams& m_streams;
    std::vector<std::pair<std::size_t, std::int64_t>> m_windows;   ///< batch, row
};

/// Windows that are not in the calibration, out of the same streams.
class UnseenWindows final : public ReconstructionData {
public:
    explicit UnseenWindows(const CalibrationStreams& streams) : m_streams(streams) {}
    std::size_t windows() const override { return static_cast<std::size_t>(m_streams.unseen.size(0)); }
    at::Tensor inputs(std::span<const std::size_t> windows) const override { return gather(m_streams.unseen, windows); }
    at::Tensor targets(std::span<const std::size_t> windows) const override { return gather(m_streams.floatUnseen, windows); }

private:
    static at::Tensor gather(const at::Tensor& all, std::span<const std::size_t> windows);

    const CalibrationStreams& m_streams;
};

struct FitSettings {
    std::string what;   ///< names the curve
    int steps = 0, batch = 1;
    Schedule schedule = Schedule::Cosine;
};

/// Trains `parameters` of a block on the streams; the curve also has the loss on the windows outside the calibration, where there are some.
/// @throws Cancelled.
LossCurve fitBlock(const DecoderBlock& block, BlockParameters& parameters, const CalibrationStreams& streams, const FitSettings& settings,
                   const std::stop_token& stop, const std::function<void(const std::string& detail)>& step);

/// The rounding of a plan that is fitted to the block, for one linear.
std::unique_ptr<LearnedWeight> learnedWeight(const Plan& plan, const Linear& linear, std::uint64_t seed);

/// Whether a plan's rounding is fitted to the block's output.
bool fittedToBlock(const Plan& plan);
/// Updates that learnRoundings() will make for a block; 0: none of its linears is fitted to it.
int trainingSteps(const std::vector<Plan>& plans);

struct LearnedRoundings {
    std::map<std::size_t, RoundingResult> linears;   ///< by index in the block
    std::vector<LossCurve> curves;
};

/// Fits the roundings of a block's linears together: input is the quantized stream, target the float stream, which must have been advanced through
/// the float block already. Linears rounded otherwise are held at their nearest rounding meanwhile; static activation ranges are those of the
/// float block on the quantized stream. Those in `known` are learned already and held. @throws Cancelled.
LearnedRoundings learnRoundings(const DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams,
                                const std::map<std::size_t, RoundingResult>& known, const std::stop_token& stop,
                                const std::function<void(const std::string& detail)>& step);

} // namespace halftone
