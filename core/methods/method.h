#pragma once

#include "core/model/model_info.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace halftone {

/// A typed parameter as a method declares it; window, CLI, help and recipe checks are generated from this.
struct ParameterInfo {
    enum class Type { Boolean, Integer, Real, Choice };
    std::string key;
    Type type = Type::Real;
    double minimum = 0, maximum = 0;      ///< Integer and Real, inclusive
    std::variant<bool, std::int64_t, double, std::string> defaultValue;
    std::vector<std::string> choices;     ///< Choice
    std::string help;                     ///< one line
};

enum class MethodKind { Transform, Rounding, Compensation, Activation };
std::string_view name(MethodKind kind);

/// The values of a method's parameters in one plan: sorted by key, complete (defaults filled in).
using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;
struct MethodChoice {
    std::string method = "none";
    std::vector<std::pair<std::string, ParameterValue>> parameters;

    bool boolean(std::string_view key) const;
    std::int64_t integer(std::string_view key) const;
    double real(std::string_view key) const;
    std::string choice(std::string_view key) const;
    friend bool operator==(const MethodChoice&, const MethodChoice&) = default;
};

/// How the rate of a training falls: to 0 along a cosine, not at all, or along a cosine in the last quarter of the steps only.
enum class Schedule { Cosine, Constant, Late };
/// "cosine", "constant", "late". @throws Error{InvalidArgument}.
Schedule scheduleFromName(const std::string& name);
std::string_view name(Schedule schedule);

/// What a training asks for. A block is fitted in one: what is fitted with others of its block agrees with them in all of it.
struct TrainingNeeds {
    std::int64_t steps = 0;        ///< updates
    int batch = 1;                 ///< calibration samples an update sees
    bool activations = false;      ///< activations and KV cache are rounded while training, where they have a grid
    Schedule schedule = Schedule::Cosine;
};
/// The first of "activations", "batch", "schedule", "steps" in which they differ; empty where they agree.
std::string_view difference(const TrainingNeeds& a, const TrainingNeeds& b);
/// One training that does for both: the more steps, the larger batch; the later one's schedule.
TrainingNeeds together(const TrainingNeeds& a, const TrainingNeeds& b);

struct MethodNeeds {
    bool calibration = false, hessian = false, gradients = false;
    bool withTransform = false;   ///< a rounding that is learned together with a learned transform, where there is one
    bool block = false;           ///< fitted to the output of the whole block, on the quantized stream against the float one
    bool sequential = true;       ///< a rounding whose site is calibrated with the linears before it already quantized; off: all sites of the block at once
    std::optional<TrainingNeeds> training;   ///< where something is learned

    bool text() const { return calibration || hessian || gradients; }
};

/// How much of what a method makes a plain checkpoint can hold, so that a stock runtime serves it (methods-core §17).
struct MethodFolds {
    enum class How { Undeclared, Fully, Partly, Adapter, Never };
    How how = How::Undeclared;
    std::string note;      ///< one sentence: what goes where, and under which contract it does not
};
std::string_view name(MethodFolds::How how);   ///< "fully", "partly", "adapter only", "analysis only"

struct MethodInfo {
    std::string id;        ///< as recipes write it
    std::string name;      ///< for people
    MethodKind kind = MethodKind::Rounding;
    std::string paper;     ///< "arXiv 2210.17323", or empty
    std::string summary;   ///< one sentence
    std::vector<ParameterInfo> parameters;
    MethodNeeds needs;     ///< with the default parameters
    void (*refine)(MethodNeeds& needs, const MethodChoice& choice) = nullptr;   ///< what the parameters change of the needs
    bool nearest = false;  ///< a rounding that rounds to nearest and does nothing else
    bool foldsCrossGrid = false;   ///< a transform that does a cross grid's work in the weights, over activations per token; it has the grid's "alpha"
    MethodFolds folds;     ///< every entry declares it
    std::string shortName; ///< in tables and lists, "RTN"; empty: the name is short enough

    const std::string& label() const { return shortName.empty() ? name : shortName; }
};

/// Every method there is ("none" excluded), by kind.
std::vector<MethodInfo> methodInfos();
/// Null when unknown.
const MethodInfo* findMethod(MethodKind kind, std::string_view id);
/// What tables and lists call a method: "GPTQ", "LoRC"; its id when unknown.
std::string methodLabel(MethodKind kind, std::string_view id);
/// What a method needs with these parameters, all of them filled in; nothing for "none" and for an unknown one.
MethodNeeds needsOf(MethodKind kind, const MethodChoice& choice);
/// The training among them; one of no steps where nothing is learned.
TrainingNeeds trainingOf(MethodKind kind, const MethodChoice& choice);
/// The rounding of a plan that names none: to nearest.
inline constexpr const char* kNearestRounding = "rtn";
bool roundsToNearest(const MethodChoice& rounding);
/// A choice with all defaults. @throws Error{InvalidArgument} when unknown.
MethodChoice defaultChoice(MethodKind kind, std::string_view id);

/// Bits that a compensation stores beside the codes of a linear [out, in]; 0 for "none". @throws Error{InvalidArgument} when unknown.
double compensationBits(const MethodChoice& choice, std::int64_t out, std::int64_t in);

/// Why a transform cannot be used on a site of a model, a sentence; empty where it can. @throws Error{InvalidArgument} when unknown.
std::string whyNotTransform(const MethodChoice& choice, const ModelConfig& config, SiteKind site);
/// Why a transform leaves a site as it is although it may be named there (so that a whole model can be given one), a sentence; empty where it acts.
/// @throws Error{InvalidArgument} when unknown.
std::string whyIdle(const MethodChoice& choice, const ModelConfig& config, SiteKind site);

} // namespace halftone
