#pragma once

#include "core/recipe/recipe.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// One way to quantize among those a study compares: transform, rounding, compensation and what they need of the weight grid.
struct StudyMethod {
    std::string name;
    PlanPatch patch;
    friend bool operator==(const StudyMethod&, const StudyMethod&) = default;
};

/// A recipe that a study names outright, beside its grid.
struct StudyRecipe {
    std::string name;
    Recipe recipe;
    friend bool operator==(const StudyRecipe&, const StudyRecipe&) = default;
};

/// A text that every member is evaluated on.
struct StudyText {
    std::string name;             ///< in tables: the file's name unless another is given
    std::filesystem::path file;
    friend bool operator==(const StudyText&, const StudyText&) = default;
};

/// Largest degradation of perplexity of each class (ZeroQuant-V2, arXiv 2303.08302): Class-1 up to and with `first`, Class-2 up to and with
/// `second`, Class-3 beyond.
struct ClassLimits {
    double first = 0.1, second = 0.5;
    friend bool operator==(const ClassLimits&, const ClassLimits&) = default;
};
/// 1, 2 or 3; a degradation that is not a number is Class-3.
int sensitivityClass(double degradation, const ClassLimits& limits);

/// One setting of a study.
struct StudyMember {
    std::string name;             ///< "GPTQ W4 g64 A8 per token"
    std::string method;           ///< the method's name alone; empty for a recipe named outright
    std::string weights;          ///< "W4 g64", "W16", "mixed"
    std::string activations;      ///< "A8 per token", "A16", "mixed"
    Recipe recipe;

    /// Changes nothing: the float model itself.
    bool isFloat() const;
    /// Needs no calibration and no learning: rounding to nearest and activation grids that are made as the text goes by.
    bool onTheFly() const;
};

/// A grid of recipes, methods × weight bits × groups × activation grids, and recipes named outright, measured on the same texts.
struct Study {
    std::string name;
    Recipe base;                              ///< what the axes do not set, calibration, rules and contract included
    std::vector<StudyMethod> methods;         ///< the axes; an empty one leaves what the base says
    std::vector<int> weightBits, groups;
    std::vector<ActivationGrid> activations;
    std::vector<StudyRecipe> recipes;
    std::vector<StudyText> texts;
    int windows = 0, length = 2048;           ///< of each text; 0 windows: all
    bool divergence = true;                   ///< KL from the float model, at the price of one head product a group of members
    ClassLimits limits;
    /// May be empty; whoever runs the study fills them in.
    std::filesystem::path model, calibrationText, project;

    /// @param folder what relative paths are relative to
    /// @throws Error{BadFile} whose subject is the faulty key as a JSON pointer ("/axes/weight_bits/1").
    static Study parse(std::string_view json, std::string_view subject, const std::filesystem::path& folder = {});
    /// Relative paths are relative to the file's folder.
    static Study load(const std::filesystem::path& file);
    /// Canonical JSON: parse(toJson()) is the identity.
    std::string toJson() const;

    /// The settings, in the order of methods, bits, groups, activations, then the named recipes; of equal ones the first. At 16 bits only the
    /// transform of a method is left. @throws Error{BadFile} when there is none, or more than kMaxMembers.
    std::vector<StudyMember> members() const;
    static constexpr std::size_t kMaxMembers = 1000;
    friend bool operator==(const Study&, const Study&) = default;
};

/// "W4 g64", "A8 per token", "A6 cross α 0.15": as tables name grids.
std::string weightsLabel(int bits, int group);
std::string activationsLabel(const ActivationGrid& grid);

/// Studies that people start from, for one model: "weights", "activations", "both", "kernel" (perplexity against kernel share: bits and alpha
/// swept over float weights). Groups are those of presetForModel(). Texts, windows and paths are left to the caller.
struct StudyPreset { std::string id, name, summary; };
std::vector<StudyPreset> studyPresets();
/// @throws Error{InvalidArgument} naming the known ones.
Study studyForModel(std::string_view id, const ModelDescription& model);

} // namespace halftone
