#pragma once

#include "core/methods/method.h"
#include "core/model/describe.h"
#include "core/quant/grid.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What will be done to one linear.
struct Plan {
    MethodChoice transform{"none", {}};
    MethodChoice rounding{"rtn", {}};
    MethodChoice compensation{"none", {}};
    WeightGrid weights;
    ActivationGrid activations;
    friend bool operator==(const Plan&, const Plan&) = default;
};

struct CalibrationSettings {
    int samples = 128;
    int length = 2048;
    std::uint64_t seed = 0;   ///< 0: samples from the start of the text
    friend bool operator==(const CalibrationSettings&, const CalibrationSettings&) = default;
};

/// Some of a plan: what a rule (or the defaults) sets. Absent = inherited.
struct PlanPatch {
    std::optional<MethodChoice> transform, rounding, compensation;  ///< parameters: only those written
    std::optional<int> bits, group;
    std::optional<bool> symmetric, perTensor;
    std::optional<WeightGrid::Range> range;
    std::optional<WeightGrid::Clip> clip;
    std::optional<ActivationScheme> scheme;
    std::optional<int> activationBits;
    std::optional<bool> activationSymmetric;
    std::optional<double> alpha;

    bool empty() const;
    /// Later wins.
    void merge(const PlanPatch& over);
    friend bool operator==(const PlanPatch&, const PlanPatch&) = default;
};

struct Rule {
    std::string match;   ///< glob on linear names: * ? [abc] {a,b}; * crosses dots
    PlanPatch patch;
    friend bool operator==(const Rule&, const Rule&) = default;
};

/// The whole choice. A value: copy, compare, edit.
struct Recipe {
    CalibrationSettings calibration;
    PlanPatch defaults;
    std::vector<Rule> rules;      ///< in order, later wins
    std::string contract;         ///< "", "transformers", "vllm", "vllm-cpu"

    /// @throws Error{BadFile} whose subject is the faulty key as a JSON pointer ("/rules/2/weights/bits").
    static Recipe parse(std::string_view json, std::string_view subject);
    static Recipe load(const std::filesystem::path& file);
    /// Canonical JSON (sorted keys, 2 spaces, trailing newline): parse(toJson()) is the identity.
    std::string toJson() const;
    void save(const std::filesystem::path& file) const;
    friend bool operator==(const Recipe&, const Recipe&) = default;
};

bool globMatches(std::string_view pattern, std::string_view name);

struct ResolvedPlan {
    std::string linear;
    Plan plan;
    int rule = -1;   ///< last rule that touched it; −1: defaults
};

/// The plan of every linear. @throws Error{BadFile} naming the key: rules that match nothing, groups that do not divide, unknown methods,
/// impossible combinations (linears of one site with different transforms), contract breaches with the reason.
std::vector<ResolvedPlan> resolve(const Recipe& recipe, const ModelDescription& model);

/// Size accounting over the whole model.
struct SizeEstimate {
    double bitsPerWeight = 0;        ///< block linears only, scales and zero points included
    std::uint64_t bytes = 0;         ///< whole export: linears + everything else at bf16
    std::uint64_t linearBytes = 0;
    std::uint64_t originalBytes = 0; ///< all weights at bf16
};
SizeEstimate estimateSize(const std::vector<ResolvedPlan>& plans, const ModelDescription& model);

/// Which linears a contract ties to one scheme, and why a plan breaks it. Empty = none.
struct ContractIssue {
    std::string linear;
    std::string reason;   ///< a sentence
    bool fatal = true;    ///< false: it loads, but not as meant (said before an export)
};
std::vector<std::string> contracts();
std::vector<ContractIssue> checkContract(std::string_view contract, const std::vector<ResolvedPlan>& plans, const ModelDescription& model);

/// Sets what `plan` of one linear is, by editing the recipe: a rule for exactly that name, kept minimal (dropped when it says what the rest says).
void setPlan(Recipe& recipe, const ModelDescription& model, std::string_view linear, const PlanPatch& patch);

/// Presets ("w4-gptq-g64", …) for menus and `--recipe preset:ID`.
struct Preset { std::string id, name, summary; Recipe recipe; };
std::vector<Preset> presets();

} // namespace halftone
