#include "core/algebra/product.h"
#include "core/methods/gptq_kernel.h"
#include "core/base/number_text.h"
#include "core/methods/hessian.h"
#include "core/methods/rounding.h"
#include "core/base/error.h"
#include "core/quant/group_scale.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>

namespace halftone {
namespace {

/// One linear on its way through GPTQ (arXiv 2210.17323), all matrices transposed: [columns in visiting order, rows], rows padded to whole tiles.
/// Departures from the paper's code: group grids are computed from the updated weights also inside a block of columns; channels that were never
/// activated are rounded to nearest instead of being erased; scales may be searched for the least Σ ((x̂ − x) / U(j, j))², which is the error that
/// GPTQ would make if no weight moved.
class Solver {
public:
    Solver(const at::Tensor& weight, const WeightGrid& grid, const SiteHessian::Factor& factor, bool fixedGrids, bool searchScales,
           std::int64_t block);
    void run(const std::stop_token& stop);
    QuantizedWeight result() const;

private:
    void scaleFromOriginal(const at::Tensor& weight);
    void solveTile(std::int64_t tile, std::int64_t begin, std::int64_t end, const at::Tensor& factor);
    void scaleFromUpdated(std::int64_t tile, std::int64_t position);
    std::int64_t groupAt(std::int64_t position) const { return m_column[static_cast<std::size_t>(position)] / m_width; }

    WeightGrid m_grid;
    const SiteHessian::Factor& m_factor;
    std::int64_t m_rows, m_columns, m_padded, m_width, m_groups, m_block;
    bool m_fixedGrids, m_search;
    std::vector<std::int64_t> m_column;   ///< position → column
    at::Tensor m_importance;              ///< [columns]: what an error at a position weighs, mean 1
    at::Tensor m_weight;                  ///< [columns, padded]
    at::Tensor m_codes;                   ///< int8 [columns, padded], less m_offset
    at::Tensor m_error;                   ///< [block, padded]
    at::Tensor m_scale, m_zero;           ///< float [groups, padded]
    float m_offset = 0;
};

Solver::Solver(const at::Tensor& weight, const WeightGrid& grid, const SiteHessian::Factor& factor, bool fixedGrids, bool searchScales,
               std::int64_t block)
    : m_grid(grid)
    , m_factor(factor)
    , m_rows(weight.size(0))
    , m_columns(weight.size(1))
    , m_padded((m_rows + kernels::kGptqTile - 1) / kernels::kGptqTile * kernels::kGptqTile)
    , m_width(groupWidth(grid, m_columns))
    , m_groups(m_columns / m_width)
    , m_block(block)
    , m_fixedGrids(fixedGrids)
    , m_search(searchScales && !grid.perTensor)
    , m_offset(grid.symmetric ? 0.0f : 128.0f)
{
    if (!m_fixedGrids)   // a group must not reach beyond its block: its weights have to be up to date when its grid is computed
        m_block = (std::max(block, m_width) + m_width - 1) / m_width * m_width;
    m_column.resize(static_cast<std::size_t>(m_columns));
    for (std::int64_t i = 0; i < m_columns; ++i)
        m_column[static_cast<std::size_t>(i)] = factor.order.defined() ? factor.order.const_data_ptr<std::int64_t>()[i] : i;

    m_importance = factor.upper.diagonal().square().reciprocal();
    m_importance.div_(m_importance.mean());

    m_weight = at::zeros({m_columns, m_padded}, at::kFloat);
    m_weight.slice(1, 0, m_rows).copy_(factor.order.defined() ? weight.t().index_select(0, factor.order) : weight.t());
    m_codes = at::empty({m_columns, m_padded}, at::kChar);
    m_error = at::empty({std::min(m_block, m_columns), m_padded}, at::kFloat);
    m_scale = at::ones({m_groups, m_padded}, at::kFloat);
    m_zero = at::zeros({m_groups, m_padded}, at::kFloat);
    scaleFromOriginal(weight);   // also finds what is not finite
}

void Solver::scaleFromOriginal(const at::Tensor& weight)
{
    at::Tensor importance = m_importance;   // by column
    if (m_factor.order.defined())
        importance = at::empty_like(m_importance).index_copy_(0, m_factor.order, m_importance);
    const WeightScales scales = m_search && m_fixedGrids ? searchScales(weight, m_grid, importance) : weightScales(weight, m_grid);
    m_scale.slice(1, 0, m_rows).copy_(scales.scale.t());   // [1, 1] spreads over the rows
    m_zero.slice(1, 0, m_rows).copy_(scales.zero.t());
}

/// Grid of the group that begins at `position`, from the weights as they are now, for the rows of a tile.
void Solver::scaleFromUpdated(std::int64_t tile, std::int64_t position)
{
    const std::int64_t group = groupAt(position), first = tile * kernels::kGptqTile;
    const std::int64_t rows = std::min(kernels::kGptqTile, m_rows - first);
    const float* source = m_weight.const_data_ptr<float>() + position * m_padded + first;
    float* scale = m_scale.data_ptr<float>() + group * m_padded + first;
    float* zero = m_zero.data_ptr<float>() + group * m_padded + first;
    std::vector<float> row(static_cast<std::size_t>(m_width));
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t j = 0; j < m_width; ++j)
            row[static_cast<std::size_t>(j)] = source[j * m_padded + r];
        const auto [low, high] = std::minmax_element(row.begin(), row.end());
        const GroupScale one =
            m_search ? searchScale(m_grid, row, {m_importance.const_data_ptr<float>() + position, row.size()}, *low, *high)
                     : groupScale(m_grid, row, *low, *high);
        scale[r] = one.scale;
        zero[r] = static_cast<float>(one.zero);
    }
}

void Solver::solveTile(std::int64_t tile, std::int64_t begin, std::int64_t end, const at::Tensor& factor)
{
    const std::int64_t first = tile * kernels::kGptqTile, count = end - begin;
    const CodeRange codes = codeRange(m_grid);
    std::vector<float> error(static_cast<std::size_t>(count * kernels::kGptqTile));
    std::vector<const float*> scale(static_cast<std::size_t>(count)), zero(scale.size());
    for (std::int64_t j = 0; j < count; ++j) {
        scale[static_cast<std::size_t>(j)] = m_scale.const_data_ptr<float>() + groupAt(begin + j) * m_padded + first;
        zero[static_cast<std::size_t>(j)] = m_zero.const_data_ptr<float>() + groupAt(begin + j) * m_padded + first;
    }

    kernels::GptqTile work;
    work.weight = m_weight.data_ptr<float>() + begin * m_padded + first;
    work.stride = m_padded;
    work.factor = factor.const_data_ptr<float>();
    work.factorStride = count;
    work.error = error.data();
    work.codes = m_codes.data_ptr<std::int8_t>() + begin * m_padded + first;
    work.scale = scale.data();
    work.zero = zero.data();
    work.qmin = static_cast<float>(codes.minimum);
    work.qmax = static_cast<float>(codes.maximum);
    work.codeOffset = m_offset;

    if (m_fixedGrids) {
        kernels::gptqSolve(work, 0, count, 0);
    } else {
        for (std::int64_t j = 0; j < count; j += m_width) {
            kernels::gptqUpdate(work, j, j + m_width, 0, j);
            scaleFromUpdated(tile, begin + j);
            kernels::gptqSolve(work, j, j + m_width, j);
        }
    }
    for (std::int64_t j = 0; j < count; ++j)
        std::copy_n(error.data() + j * kernels::kGptqTile, kernels::kGptqTile, m_error.data_ptr<float>() + j * m_padded + first);
}

void Solver::run(const std::stop_token& stop)
{
    const at::Tensor& upper = m_factor.upper;
    for (std::int64_t begin = 0; begin < m_columns; begin += m_block) {
        throwIfStopped(stop);
        const std::int64_t end = std::min(begin + m_block, m_columns);
        const at::Tensor inside = upper.slice(0, begin, end).slice(1, begin, end).t().contiguous();
        at::parallel_for(0, m_padded / kernels::kGptqTile, 1, [&](std::int64_t firstTile, std::int64_t lastTile) {
            for (std::int64_t tile = firstTile; tile < lastTile; ++tile)
                solveTile(tile, begin, end, inside);
        });
        if (end < m_columns)
            addProduct(m_weight.slice(0, end), upper.slice(0, begin, end).slice(1, end).t(), m_error.slice(0, 0, end - begin), -1);
    }
}

QuantizedWeight Solver::result() const
{
    at::Tensor codes = m_codes.slice(1, 0, m_rows);
    if (m_factor.order.defined())
        codes = codes.index_select(0, m_factor.order.argsort());
    codes = codes.t().contiguous();
    if (!m_grid.symmetric)
        codes = codes.to(at::kShort).add_(static_cast<std::int64_t>(m_offset)).to(at::kByte);
    at::Tensor scale = m_scale.slice(1, 0, m_rows).t().contiguous(), zero = m_zero.slice(1, 0, m_rows).t().to(at::kInt).contiguous();
    if (m_grid.perTensor) {
        scale = scale.slice(0, 0, 1).clone();
        zero = zero.slice(0, 0, 1).clone();
    }
    return {m_grid, std::move(codes), {std::move(scale), std::move(zero)}};
}

class Gptq final : public Rounding {
public:
    RoundingResult round(const RoundingInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override
    {
        if (in.hessian == nullptr)
            throw Error(ErrorKind::Internal, in.linear + ": GPTQ was given no Hessian", in.linear);
        const at::Tensor weight = weightForRounding(in.weight, in.grid, in.linear);
        if (!weight.isfinite().all().item<bool>())
            throwNotFinite(weight, in.linear);
        if (in.hessian->h.size(0) != weight.size(1))
            throw Error(ErrorKind::InvalidArgument,
                        in.linear + " has " + std::to_string(weight.size(1)) + " input columns, its Hessian " + std::to_string(in.hessian->h.size(0)),
                        in.linear);
        const bool grouped = in.grid.group > 0 && in.grid.group < weight.size(1);
        const bool fixedGrids = !grouped || choice.boolean("static_groups");
        const VisitOrder order = !choice.boolean("activation_order") ? VisitOrder::Natural
                                 : fixedGrids                        ? VisitOrder::Activation
                                                                     : VisitOrder::GroupActivation;
        const SiteHessian::Factor& factor = in.hessian->factor(choice.real("damping"), order, in.grid.group);

        Solver solver(weight, in.grid, factor, fixedGrids, choice.boolean("scale_search"), choice.integer("block"));
        solver.run(stop);
        RoundingResult result;
        result.weight = solver.result();
        result.damping = factor.damping;
        if (factor.damping > choice.real("damping"))
            result.notes.push_back(in.linear + ": the Hessian could not be factorised with a damping of " + numberText(choice.real("damping")) +
                                   "; it was raised to " + numberText(factor.damping));
        else if (factor.float64)
            result.notes.push_back(in.linear + ": the Hessian had to be factorised in float64");
        return result;
    }
};

} // namespace

MethodEntry gptqMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "gptq";
    info.name = "GPTQ";
    info.kind = MethodKind::Rounding;
    info.paper = "arXiv 2210.17323";
    info.summary = "Rounds column by column and lets the columns still to come make up for the error, as the calibration activations weigh it.";
    info.needs.calibration = info.needs.hessian = true;
    info.folds = {MethodFolds::How::Fully, "Its result is codes and scales alone; the order of the columns is used while rounding only, so no runtime needs a group index."};
    info.parameters = {
        {"activation_order", Type::Boolean, 0, 0, true, {}, "Visit the input channels by decreasing activation instead of from left to right"},
        {"block", Type::Integer, 16, 1024, std::int64_t{128}, {}, "Columns rounded before the others are brought up to date; changes speed, not results"},
        {"damping", Type::Real, 0, 1, 0.01, {}, "Added to the Hessian's diagonal, as a share of its mean"},
        {"scale_search", Type::Boolean, 0, 0, true, {},
         "Search every scale for the least error, weighed as GPTQ weighs it; off: from the largest weight, or as the grid's clip says"},
        {"static_groups", Type::Boolean, 0, 0, true, {},
         "Compute every group's scale from the original weights; off: from the updated ones, groups being visited whole"},
        {"true_sequential", Type::Boolean, 0, 0, true, {},
         "Calibrate each site of a block with the linears before it already quantized"},
    };
    info.refine = [](MethodNeeds& needs, const MethodChoice& choice) { needs.sequential = choice.boolean("true_sequential"); };
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new Gptq); }};
}

} // namespace halftone
