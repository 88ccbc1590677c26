#pragma once

#include "core/project/run_store.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

/// The results of a block, the same for the same number; all kinds of linears a run can leave.
inline halftone::StoredBlock storedBlock(int number, std::int64_t rows = 12, std::int64_t columns = 48)
{
    using namespace halftone;
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    generator.set_current_seed(static_cast<std::uint64_t>(number) + 1);
    StoredBlock block;
    block.block = number;
    struct Kind { int bits, group; bool symmetric, perTensor; ActivationScheme scheme; };
    const Kind kinds[] = {{4, 16, true, false, ActivationScheme::None}, {4, 16, false, false, ActivationScheme::PerToken},
        {8, 0, true, false, ActivationScheme::PerTensor},
        {8, 8, false, false, ActivationScheme::CrossStatic}, {2, 0, true, false, ActivationScheme::Cross},
            {3, 24, false, false, ActivationScheme::PerChannel},
        {5, 0, true, true, ActivationScheme::None}, {16, 0, true, false, ActivationScheme::PerToken}};
    int index = 0;
    for (const Kind& kind : kinds) {
        StoredLinear linear;
        linear.name = "model.layers." + std::to_string(number) + ".linear_" + std::to_string(index++);
        WeightGrid grid;
        grid.bits = kind.bits;
        grid.group = kind.group > 0 && columns % kind.group == 0 ? kind.group : 0;
        grid.symmetric = kind.symmetric;
        grid.perTensor = kind.perTensor;
        linear.activations.scheme = kind.scheme;
        linear.activations.bits = 8 - index % 3;
        linear.activations.alpha = 0.1 * index;
        if (linear.activations.isStatic()) {
            linear.ranges.minimum = -1.5f * static_cast<float>(index);
            linear.ranges.maximum = 0.1f;
            for (std::int64_t c = 0; c < columns; ++c)
                linear.ranges.channelAbsmax.push_back(1.0f / static_cast<float>(c + number + 1));
            if (kind.scheme == ActivationScheme::PerChannel) {
                linear.ranges.channelMin.assign(linear.ranges.channelAbsmax.size(), -0.25f);
                linear.ranges.channelMax = linear.ranges.channelAbsmax;
            }
        }
        if (grid.quantized()) {
            const std::int64_t low = grid.symmetric ? -(1 << (grid.bits - 1)) : 0;
            QuantizedWeight weight;
            weight.grid = grid;
            weight.codes = at::randint(low, low + (1 << grid.bits), {rows, columns}, generator,
                at::TensorOptions(at::kInt)).to(grid.symmetric ? at::kChar : at::kByte);
            const std::vector<std::int64_t> scaleShape{grid.perTensor ? 1 : rows, grid.group > 0 ? columns / grid.group : 1};
            weight.scales.scale = at::rand(scaleShape, generator) + 0.01;
            weight.scales.zero = grid.symmetric ? at::zeros(scaleShape, at::kInt)
                : at::randint(0, 1 << grid.bits, scaleShape, generator, at::TensorOptions(at::kInt));
            linear.weight = weight;
        }
        linear.result.linear = linear.name;
        linear.result.method = grid.quantized() ? "gptq" : "none";
        linear.result.weights = grid;
        linear.result.activations = linear.activations;
        linear.result.weightSqnrDb = index == 3 ? std::numeric_limits<double>::infinity() : 20.0 / 3 * index;
        linear.result.outputMse = index == 4 ? std::numeric_limits<double>::quiet_NaN() : 1e-7 / 3;
        linear.result.damping = 0.01;
        linear.result.seconds = 0.1 * index;
        if (index % 2)
            linear.result.notes = {"damping raised to 0.1", "a second note with \"quotes\" and é"};
        const std::int64_t rank = std::min<std::int64_t>({3, rows, columns});
        if (grid.quantized() && index == 1)
            linear.factors = LowRank{at::rand({rows, rank}, generator), at::rand({rank, columns}, generator), {}, {}};
        if (grid.quantized() && index == 2)
            linear.factors = LowRank{at::randint(-127, 128, {rows, rank}, generator, at::TensorOptions(at::kChar)),
                at::randint(-127, 128, {rank, columns}, generator, at::TensorOptions(at::kChar)), at::rand({1, rank}, generator), at::rand({rank, 1}, generator)};
        if (linear.factors) {
            linear.result.compensation = "lorc";
            linear.result.compensated = 0.25;
            linear.result.rank = rank;
            linear.result.errorSpectrum = {3, 2.5f, 0.125f};
        }
        block.linears.push_back(std::move(linear));
    }
    block.tensors = {{"model.layers.0.input_layernorm.weight", at::rand({columns}, generator)}, {"model.layers.0.linear_7.weight", at::rand({std::min<std::int64_t>(rows, 4), std::min<std::int64_t>(columns, 5)}, generator)}};
    block.result.curves = {{"block " + std::to_string(number), 1.5, 0.5, 7, 1.75, 0.75, 1, {1.25f, 0.75f, 0.5f}, {"went back to step 3"}}, {"a linear", 2, 2, 0, -1, -1, 0, {}, {}}};
    block.result.transforms = {{"smoothquant", "MLP in", "scale", 1, 1, 3, {1.5f, 0.25f, 2}, {}, 0, {}},
        {"affinequant", "attention out", "matrix", 2, 2, 2, {1, 0.5f, 0, 1, 2, 0, 0.125f, 2}, {2.25, 1.0625}, 0.1, {{0, 1, 1.5}, {64, 2, 2.25}}}};
    block.result.weights = {{"a linear", "divisor", 2, 3, {1, -2, 0.5f, 0, 3, -0.25f}, 128, 96, 7, 0.4}, {"another", "clip", 1, 1, {0.875f}, 1, 1, 0, 0}};
    SiteChange change;
    change.site = SiteKind::MlpInput;
    change.method = "awq";
    change.tokens = 512;
    change.before = {4, 2, 64};
    change.after = {4, 2, 8};
    change.grid = {.scheme = ActivationScheme::PerToken, .bits = 6, .symmetric = false};
    change.kernelBefore = 0.25;
    change.kernelAfter = 0.125;
    block.result.sites = {change};
    block.result.block = number;
    block.result.seconds = 0.5 + number;
    block.result.peakBytes = 123456789;
    return block;
}

inline bool sameNumber(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

inline bool sameResult(const halftone::LinearResult& a, const halftone::LinearResult& b)
{
    return a.linear == b.linear && a.method == b.method && a.weights == b.weights && a.activations == b.activations
        && sameNumber(a.weightSqnrDb, b.weightSqnrDb)
        && sameNumber(a.outputMse, b.outputMse) && a.damping == b.damping && a.seconds == b.seconds && a.notes == b.notes
        && a.compensation == b.compensation && a.compensated == b.compensated && a.rank == b.rank && a.errorSpectrum == b.errorSpectrum;
}

inline bool sameCurve(const halftone::LossCurve& a, const halftone::LossCurve& b)
{
    return a.what == b.what && a.start == b.start && a.end == b.end && a.bestStep == b.bestStep && a.rollbacks == b.rollbacks
        && a.losses == b.losses && a.notes == b.notes;
}

inline bool sameTransform(const halftone::TransformEvidence& a, const halftone::TransformEvidence& b)
{
    using Epoch = halftone::TransformEvidence::Epoch;
    return a.method == b.method && a.place == b.place && a.kind == b.kind && a.count == b.count && a.rows == b.rows && a.columns == b.columns
        && a.values == b.values && a.conditions == b.conditions && a.stability == b.stability
        && std::equal(a.epochs.begin(), a.epochs.end(), b.epochs.begin(), b.epochs.end(),
            [](const Epoch& x, const Epoch& y) { return x.step == y.step && x.bands == y.bands && x.condition == y.condition; });
}

inline bool sameEvidence(const halftone::WeightEvidence& a, const halftone::WeightEvidence& b)
{
    return a.linear == b.linear && a.kind == b.kind && a.rows == b.rows && a.columns == b.columns && a.values == b.values && a.fullRows == b.fullRows
        && a.fullColumns == b.fullColumns && a.rank == b.rank && a.learnable == b.learnable;
}

inline bool sameChange(const halftone::SiteChange& a, const halftone::SiteChange& b)
{
    return a.site == b.site && a.method == b.method && a.tokens == b.tokens && a.before == b.before && a.after == b.after && a.grid == b.grid
        && a.kernelBefore == b.kernelBefore && a.kernelAfter == b.kernelAfter;
}

/// Bit for bit.
inline bool sameBlock(const halftone::StoredBlock& a, const halftone::StoredBlock& b)
{
    const auto same = [](const at::Tensor& x, const at::Tensor& y) { return x.scalar_type() == y.scalar_type() && at::equal(x, y); };
    if (a.block != b.block || a.linears.size() != b.linears.size() || a.result.seconds != b.result.seconds
        || a.result.peakBytes != b.result.peakBytes)
        return false;
    if (a.tensors.size() != b.tensors.size() || !std::equal(a.result.curves.begin(), a.result.curves.end(), b.result.curves.begin(), b.result.curves.end(), sameCurve))
        return false;
    if (!std::equal(a.result.transforms.begin(), a.result.transforms.end(), b.result.transforms.begin(), b.result.transforms.end(), sameTransform))
        return false;
    if (!std::equal(a.result.weights.begin(), a.result.weights.end(), b.result.weights.begin(), b.result.weights.end(), sameEvidence)
        || !std::equal(a.result.sites.begin(), a.result.sites.end(), b.result.sites.begin(), b.result.sites.end(), sameChange))
        return false;
    for (std::size_t i = 0; i < a.tensors.size(); ++i)
        if (a.tensors[i].name != b.tensors[i].name || !same(a.tensors[i].value, b.tensors[i].value))
            return false;
    for (std::size_t i = 0; i < a.linears.size(); ++i) {
        const halftone::StoredLinear& x = a.linears[i];
        const halftone::StoredLinear& y = b.linears[i];
        if (x.name != y.name || !(x.activations == y.activations) || x.weight.has_value() != y.weight.has_value()
            || !sameResult(x.result, y.result))
            return false;
        if (x.ranges.minimum != y.ranges.minimum || x.ranges.maximum != y.ranges.maximum || x.ranges.channelAbsmax != y.ranges.channelAbsmax
            || x.ranges.channelMin != y.ranges.channelMin || x.ranges.channelMax != y.ranges.channelMax)
            return false;
        if (x.factors.has_value() != y.factors.has_value() || (x.factors
                && !(same(x.factors->left, y.factors->left) && same(x.factors->right, y.factors->right) && x.factors->coded() == y.factors->coded()
                    && (!x.factors->coded() || (same(x.factors->leftScale, y.factors->leftScale) && same(x.factors->rightScale, y.factors->rightScale))))))
            return false;
        if (x.weight
            && !(x.weight->grid == y.weight->grid && same(x.weight->codes, y.weight->codes)
                && same(x.weight->scales.scale, y.weight->scales.scale)
                && same(x.weight->scales.zero, y.weight->scales.zero)))
            return false;
    }
    return true;
}
