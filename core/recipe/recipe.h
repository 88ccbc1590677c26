#pragma once

#include "core/methods/method.h"
#include "core/model/describe.h"
#include "core/quant/grid.h"
#include "core/quant/kv_cache_grid.h"
#include "core/recipe/glob.h"

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
    MethodChoice rounding{kNearestRounding, {}};
    MethodChoice compensation{"none", {}};
    WeightGrid weights;
    ActivationGrid activations;
    friend bool operator==(const Plan&, const Plan&) = default;
};

struct CalibrationSettings {
    int samples = 128;        ///< 0: none; then nothing that learns from data may be chosen
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
    /// Of the whole model. Applied wherever the quantized model is evaluated. A run's calibration stream passes through it in blocks that round
    /// activations (as OmniQuant calibrates), not where weights alone are rounded (as LRQ's KV8, which is applied at evaluation only); learned
    /// methods train under it where their parameter "activations" is on.
    KvCacheGrid kvCache;
    std::string contract;         ///< "", "transformers", "vllm", "vllm-cpu"

    /// @throws Error{BadFile} whose subject is the faulty key as a JSON pointer ("/rules/2/weights/bits").
    static Recipe parse(std::string_view json, std::string_view subject);
    static Recipe load(const std::filesystem::path& file);
    /// Canonical JSON (sorted keys, 2 spaces, trailing newline): parse(toJson()) is the identity.
    std::string toJson() const;
    void save(const std::filesystem::path& file) const;
    friend bool operator==(const Recipe&, const Recipe&) = default;
};

struct ResolvedPlan {
    std::string linear;
    Plan plan;
    int rule = -1;   ///< last rule that touched it; −1: defaults
};

/// What defaults and rules say of one name, later wins; the index of the last rule that matched goes to `rule` (−1: none).
PlanPatch patchOf(const Recipe& recipe, std::string_view linear, int* rule = nullptr);
/// The same as a whole plan, every parameter filled in; nothing is checked against a model.
/// @throws Error{InvalidArgument} for a method or parameter that does not exist (a parsed recipe has none).
Plan planOf(const Recipe& recipe, std::string_view linear, int* rule = nullptr);
Plan planOf(const PlanPatch& patch);

/// The plan of every linear. @throws Error{BadFile} naming the key: rules that match nothing, groups that do not divide, unknown methods,
/// impossible combinations (linears of one site with different transforms, linears of one block learned by two methods, a transform with nothing to
/// do), contract breaches with the reason.
std::vector<ResolvedPlan> resolve(const Recipe& recipe, const ModelDescription& model);
/// The plans that a run was made with. Its contract is not asked: it may take less today than it did then.
std::vector<ResolvedPlan> plansOfRun(Recipe recipe, const ModelDescription& model);

/// Size accounting over the whole model: the tensors that an export writes. Its headers, config and tokenizer come on top.
struct SizeEstimate {
    double bitsPerWeight = 0;        ///< block linears only, with scales and zero points; a linear left as it is counts 16
    std::uint64_t bytes = 0;         ///< a compressed-tensors export: linears + everything else
    std::uint64_t linearBytes = 0;   ///< of these, the block linears
    std::uint64_t denseBytes = 0;    ///< a dense export
    std::uint64_t originalBytes = 0; ///< all weights at 16 bits
};
/// `dtype` is that of what stays unquantized: "bf16", "f16", "f32", or "auto" for exportDTypeName(). @throws Error{InvalidArgument} unless each
/// linear has its plan.
SizeEstimate estimateSize(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, std::string_view dtype = "auto");
/// What an export stores unquantized weights in when nobody says: "f16" where the model is stored so, else "bf16", as runtimes serve them.
std::string exportDTypeName(const ModelConfig& config);

/// Which linears a contract ties to one scheme, and why a plan breaks it. Empty = none.
struct ContractIssue {
    std::string linear;
    std::string reason;   ///< a sentence
    bool fatal = true;    ///< false: it loads, but not as meant (said before an export)
};
std::vector<std::string> contracts();
/// As people call it: "vLLM on a CPU" for "vllm-cpu"; empty for none. @throws Error{InvalidArgument} for an unknown one.
std::string contractName(std::string_view contract);
std::vector<ContractIssue> checkContract(std::string_view contract, const std::vector<ResolvedPlan>& plans, const ModelDescription& model,
                                         const KvCacheGrid& kvCache = {});
/// Why transformers with compressed-tensors cannot serve a KV-cache grid of this model, a sentence; empty where it can (or there is none).
std::string whyNotServed(const KvCacheGrid& kvCache, const ModelConfig& config);
/// Whether a recipe changes anything: weights, activations or the cache.
bool quantizesAnything(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache);

/// Sets what `patch` names in the plan of one linear, by editing the recipe: a rule for exactly that name, kept minimal (only what differs
/// from the rest; dropped when nothing does). Other linears keep their plans, save that a transform belongs to a site and goes to all its
/// linears.
/// @throws Error{InvalidArgument} when the model has no such linear.
void setPlan(Recipe& recipe, const ModelDescription& model, std::string_view linear, const PlanPatch& patch);

/// Presets ("w4a16-gptq-g64", …) for menus and `--recipe preset:ID`, with LLaMA's names in their rules and groups of 64.
struct Preset { std::string id, name, summary; Recipe recipe; };
std::vector<Preset> presets();
/// A preset made for one model: rules name its linears, groups are the largest divisor of the row length that is at most 64.
/// @throws Error{InvalidArgument} naming the known presets.
Recipe presetForModel(std::string_view id, const ModelDescription& model);

} // namespace halftone
