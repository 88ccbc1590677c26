#include "core/algebra/product.h"

#include "core/algebra/fixed_pieces.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

namespace halftone {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows and columns of a piece: large enough that packing the operands anew for each costs a few hundredths.
constexpr std::int64_t kRows = 256, kColumns = 1024;
/// Multiply-adds that are worth waking threads for: a tenth of a millisecond of one.
constexpr std::int64_t kWorthwhile = 8'000'000;

bool isOurs(const at::Tensor& a, const at::Tensor& b)
{
    return a.is_cpu() && b.is_cpu() && a.scalar_type() == b.scalar_type() && (a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble) && a.dim() == b.dim() &&
           (a.dim() == 2 || a.dim() == 3);
}

/// out (+)= factor · a · b of matrices in pieces; 3-D tensors are as many matrices.
void multiply(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, const std::optional<double>& add)
{
    const bool many = out.dim() == 3;
    const std::int64_t count = many ? out.size(0) : 1, m = out.size(-2), n = out.size(-1);
    const std::int64_t rows = (m + kRows - 1) / kRows, columns = (n + kColumns - 1) / kColumns;
    eachPiece(count * rows * columns, [&](std::int64_t piece) {
        const std::int64_t matrix = piece / (rows * columns), row = piece / columns % rows * kRows, column = piece % columns * kColumns;
        const auto of = [&](const at::Tensor& x) { return many ? x.select(0, matrix) : x; };
        at::Tensor part = of(out).narrow(0, row, std::min(kRows, m - row)).narrow(1, column, std::min(kColumns, n - column));
        const at::Tensor left = of(a).narrow(0, row, part.size(0)), right = of(b).narrow(1, column, part.size(1));
        if (add)
            part.addmm_(left, right, 1, *add);
        else
            at::mm_out(part, left, right);
    }, count * m * n * a.size(-1) >= kWorthwhile);
}

at::Tensor plainProduct(const at::Tensor& a, const at::Tensor& b)
{
    at::Tensor out = a.dim() == 3 ? at::empty({a.size(0), a.size(1), b.size(2)}, a.options()) : at::empty({a.size(0), b.size(1)}, a.options());
    multiply(out, a, b, {});
    return out;
}

struct RecordedProduct : torch::autograd::Function<RecordedProduct> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b)
    {
        context->save_for_backward({a, b});
        return plainProduct(a, b);
    }
    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        const variable_list saved = context->get_saved_variables();
        return {context->needs_input_grad(0) ? plainProduct(gradients[0], saved[1].transpose(-2, -1)) : at::Tensor(),
                context->needs_input_grad(1) ? plainProduct(saved[0].transpose(-2, -1), gradients[0]) : at::Tensor()};
    }
};

} // namespace

at::Tensor product(const at::Tensor& a, const at::Tensor& b)
{
    if (!isOurs(a, b))
        return at::matmul(a, b);
    return at::GradMode::is_enabled() && (a.requires_grad() || b.requires_grad()) ? RecordedProduct::apply(a, b) : plainProduct(a, b);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)
{
    const at::Tensor flat = x.dim() == 2 ? x : x.reshape({-1, x.size(-1)});
    if (!isOurs(flat, weight))
        return at::linear(x, weight, bias);
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    at::Tensor out = product(flat, weight.t());
    if (bias.defined())
        out = out.requires_grad() || (at::GradMode::is_enabled() && bias.requires_grad()) ? out + bias : out.add_(bias);
    return out.view(shape);
}

void addProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, double factor)
{
    multiply(out, a, b, factor);
}

void addSquare(const at::Tensor& sum, const at::Tensor& x)
{
    const std::int64_t n = sum.size(0), strips = (n + kRows - 1) / kRows;
    std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
    for (std::int64_t i = 0; i < strips; ++i)
        for (std::int64_t j = i * kRows; j < n; j += kColumns)
            pieces.emplace_back(i * kRows, j);
    eachPiece(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t piece) {
        const auto [i, j] = pieces[static_cast<std::size_t>(piece)];
        const std::int64_t rows = std::min(kRows, n - i), columns = std::min(kColumns, n - j);
        sum.narrow(0, i, rows).narrow(1, j, columns).addmm_(x.narrow(1, i, rows).t(), x.narrow(1, j, columns));
    }, n * n * x.size(0) / 2 >= kWorthwhile);
}

} // namespace halftone
