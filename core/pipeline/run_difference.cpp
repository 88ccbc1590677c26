#include "core/pipeline/run_difference.h"

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/model/model.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/numerics_version.h"
#include "core/text/corpus.h"

#include <algorithm>
#include <type_traits>

namespace halftone {

namespace {

using Part = RunDifference::Part;

template <typename Value> bool compare(std::vector<Part>& parts, const char* what, const Value& had, const Value& wants)
{
    if (had == wants)
        return false;
    if constexpr (std::is_arithmetic_v<Value>)
        parts.push_back({what, std::to_string(had), std::to_string(wants)});
    else
        parts.push_back({what, had, wants});
    return true;
}

/// The first block whose plans or cache grid differ; the number of blocks where none do.
int firstOtherBlock(const Recipe& had, const Recipe& wants, const ModelDescription& model)
{
    const std::vector<ResolvedPlan> before = resolve(had, model);
    const std::vector<ResolvedPlan> now = resolve(wants, model);
    int first = model.config.blocks;
    for (std::size_t i = 0; i < std::min({before.size(), now.size(), model.linears.size()}); ++i)
        if (!(before[i].plan == now[i].plan))
            first = std::min(first, model.linears[i].block);
    for (int b = 0; b < first; ++b)
        if (!(had.kvCache.ofBlock(b) == wants.kvCache.ofBlock(b)))
            return b;
    return first;
}

} // namespace

std::string sentenceOf(const std::vector<Part>& parts)
{
    std::string text;
    for (const Part& part : parts) {
        text += (text.empty() ? "" : "; ") + part.what;
        if (!part.had.empty() || !part.wants.empty())
            text += " " + (part.had.empty() ? "none" : part.had) + ", now " + (part.wants.empty() ? "none" : part.wants);
    }
    return text;
}

std::string RunDifference::sentence() const { return sentenceOf(parts); }

std::vector<Part> inputDifference(const RunInputs& had, const RunInputs& wants, bool sampledOtherwise)
{
    std::vector<Part> parts;
    compare(parts, "version of the arithmetic", had.code, wants.code);
    if (had.model != wants.model)
        parts.push_back({"the model's files are not what they were", {}, {}});
    if (had.tokens != wants.tokens) {
        if (had.text != wants.text)
            parts.push_back({"text", had.text, wants.text});
        else if (!sampledOtherwise)
            parts.push_back({had.text.empty() ? "the calibration samples are others" : "the text " + had.text + " is not what it was", {}, {}});
    }
    compare(parts, "computed by", had.products, wants.products);
    return parts;
}

RunInputs inputsOf(const Model& model, const TokenWindows& windows, const TextChoice& text)
{
    Sha256 tokens;
    for (const auto& ids : windows.ids)
        tokens.update(std::as_bytes(std::span(ids)));
    return {std::string(kNumericsVersion), model.checkpoint().fingerprint(), text.empty() ? std::string() : text.absolute().line(), tokens.finish(), matrixProductName()};
}

RunInputs inputsOf(const QuantizeJob& job)
{
    const ComputeScope scope(job.options);
    QuantizeJob read = job;
    readCalibration(read);
    return inputsOf(*read.opened, *read.windows, job.text);
}

std::string fingerprintOf(const RunInputs& inputs, const Recipe& recipe, const TokenWindows& windows)
{
    Sha256 hash;
    hash.update(inputs.code);
    hash.update(inputs.model);
    hash.update(recipe.toJson());
    for (const auto& ids : windows.ids)
        hash.update(std::as_bytes(std::span(ids)));
    hash.update(" " + inputs.products);
    return hash.finish();
}

RunDifference differenceTo(const RunInfo& stored, const RunInputs& inputs, const Recipe& wanted, const ModelDescription& model)
{
    RunDifference difference;
    std::vector<Part>& parts = difference.parts;
    difference.firstBlock = model.config.blocks;
    bool sampledOtherwise = false;
    try {
        const Recipe recipe = Recipe::parse(stored.recipeJson, stored.id);
        difference.firstBlock = firstOtherBlock(recipe, wanted, model);
        if (difference.firstBlock < model.config.blocks)
            parts.push_back({"the recipes' plans differ from block " + std::to_string(difference.firstBlock) + " on", {}, {}});
        const CalibrationSettings &had = recipe.calibration, &wants = wanted.calibration;
        sampledOtherwise |= compare(parts, "samples", had.samples, wants.samples);
        sampledOtherwise |= compare(parts, "length", had.length, wants.length);
        sampledOtherwise |= compare(parts, "seed", had.seed, wants.seed);
        if (sampledOtherwise)
            difference.firstBlock = 0;
        compare(parts, "contract", recipe.contract, wanted.contract);   // what may be served, not what is computed
        if (parts.empty() && recipe.toJson() != wanted.toJson())
            parts.push_back({"the recipes are worded differently, though they do the same", {}, {}});
    } catch (const Error& e) {   // a recipe of another version, or of another model
        parts.push_back({"the run's recipe cannot be read here (" + std::string(e.what()) + ")", {}, {}});
        difference.firstBlock = 0;
    }
    if (!stored.inputs.known()) {
        if (parts.empty())
            parts.push_back({"it is from an older version, which did not keep what it was computed from", {}, {}});
        difference.firstBlock = 0;
        return difference;
    }
    const std::vector<Part> inputParts = inputDifference(stored.inputs, inputs, sampledOtherwise);
    if (!inputParts.empty())
        difference.firstBlock = 0;
    parts.insert(parts.end(), inputParts.begin(), inputParts.end());
    difference.shared = std::min(stored.blocksDone, difference.firstBlock);
    return difference;
}

} // namespace halftone
