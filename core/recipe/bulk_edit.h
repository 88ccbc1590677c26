#pragma once

#include "core/recipe/recipe.h"

#include <span>
#include <string>
#include <vector>

namespace halftone {

/// Few globs that match exactly these linears of the model, and no others: "*" for all, "*.mlp.down_proj" for all of a kind,
/// "model.layers.{0,3}.*" for whole blocks, "model.layers.{0,3}.mlp.up_proj" for some of a kind. Names the model lacks are left out.
std::vector<std::string> globsFor(const ModelDescription& model, std::span<const std::string> linears);

/// setPlan() for many linears at once. The recipe stays readable: all of the model is said by the defaults, whole kinds and blocks by a rule
/// of globsFor(), anything else by a rule for each name.
/// @throws Error{InvalidArgument} when the model lacks one of them.
void setPlans(Recipe& recipe, const ModelDescription& model, std::span<const std::string> linears, const PlanPatch& patch);

/// Gives every linear that `glob` matches one plan, by a rule that has the last word. Rules for single names that it covers go.
void setRule(Recipe& recipe, const ModelDescription& model, const std::string& glob, const Plan& plan);

/// Takes back what was set for these linears: every rule that touches some of them and no others. What is left are the defaults and the rules
/// they share with other linears.
void resetPlans(Recipe& recipe, const ModelDescription& model, std::span<const std::string> linears);

/// A whole plan as a patch that sets every key.
PlanPatch wholePatch(const Plan& plan);

} // namespace halftone
