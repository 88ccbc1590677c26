#include "core/methods/affine_matrix.h"

#include "core/methods/equivalent.h"
#include "core/methods/learned_rounding.h"
#include "core/methods/let_parameters.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {
namespace {

/// Largest column sum of magnitudes of each matrix.
at::Tensor oneNorm(const at::Tensor& matrix) { return matrix.detach().abs().sum(1).amax(1); }

std::vector<double> conditionsOf(const at::Tensor& matrix, const at::Tensor& inverse)
{
    const at::Tensor products = (oneNorm(matrix) * oneNorm(inverse)).to(at::kDouble).contiguous();
    std::vector<double> conditions(products.const_data_ptr<double>(), products.const_data_ptr<double>() + products.numel());
    for (double& condition : conditions)
        if (!std::isfinite(condition))
            condition = std::numeric_limits<double>::infinity();
    return conditions;
}

} // namespace

int releasedBands(std::int64_t size, int epoch, int epochs)
{
    if (epochs <= 1)
        return static_cast<int>(size);
    const int at = std::clamp(epoch, 0, epochs - 1);
    return static_cast<int>(static_cast<double>(size - 1) / (epochs - 1) * at) + 1;
}

at::Tensor gradualMask(std::int64_t size, int bands, double stability)
{
    const at::Tensor places = at::arange(size);
    const at::Tensor distance = (places.unsqueeze(1) - places.unsqueeze(0)).abs();
    return at::where(distance == 0, 1.0, at::where(distance < bands, stability, 0.0)).to(at::kFloat);
}

double InvertedMatrix::worst() const { return conditions.empty() ? 1 : *std::max_element(conditions.begin(), conditions.end()); }

HeadMatrices::HeadMatrices(const at::Tensor& diagonal, double stability, const at::Tensor& held) : m_parameter(leafOf(diagonal.diag_embed())), m_stability(stability)
{
    if (held.defined() && held.any().item<bool>()) {
        const at::Tensor apart = held.to(at::kFloat), free = 1 - apart;
        m_free = free.unsqueeze(2) * free.unsqueeze(1);
        m_held = apart.diag_embed();
    }
    release(1);
}

void HeadMatrices::release(int bands)
{
    if (bands == m_bands)
        return;
    m_bands = bands;
    m_mask = gradualMask(m_parameter.size(1), bands, m_stability).to(m_parameter.device());
}

InvertedMatrix HeadMatrices::inverted(at::ScalarType type) const
{
    const at::Tensor diagonal = m_parameter.detach().diagonal(0, 1, 2);
    const at::Tensor pushed = heldAway(diagonal) - diagonal;
    InvertedMatrix result;
    at::Tensor matrix = m_parameter * m_mask + pushed.diag_embed();
    if (m_held.defined())
        matrix = matrix * m_free + m_held;
    result.matrix = matrix.to(type);
    const auto [inverse, info] = at::linalg_inv_ex(result.matrix);
    result.inverse = inverse;
    result.conditions = conditionsOf(result.matrix, inverse);
    const at::Tensor failed = info.to(at::kInt).contiguous();
    for (std::size_t i = 0; i < result.conditions.size(); ++i)
        if (failed.const_data_ptr<int>()[i] != 0)
            result.conditions[i] = std::numeric_limits<double>::infinity();
    return result;
}

PairMatrices::PairMatrices(std::int64_t heads, std::int64_t size, double stability)
    : m_parameter(leafOf(at::stack({at::ones({heads, size / 2}), at::zeros({heads, size / 2})}, 1))), m_stability(stability)
{
}

at::Tensor PairMatrices::values() const
{
    const double factor = m_bands > m_parameter.size(2) ? m_stability : 0;
    return at::stack({heldAway(m_parameter.select(1, 0)), m_parameter.select(1, 1) * factor}, 1);
}

InvertedMatrix PairMatrices::inverted(at::ScalarType type) const
{
    const at::Tensor both = values().to(type);
    const at::Tensor a = both.select(1, 0), b = both.select(1, 1), square = a.square() + b.square();
    InvertedMatrix result{pairBlocks(a, b), pairBlocks(a / square, -b / square), {}};
    result.conditions = conditionsOf(result.matrix, result.inverse);
    return result;
}

} // namespace halftone
