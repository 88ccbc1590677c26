#include "core/model/block_kernels.h"

#include "core/algebra/fixed_pieces.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace halftone::kernels {

namespace {

/// Rows a thread takes at a time, so that a thread's share is worth waking it.
std::int64_t grain(std::int64_t rowLength)
{
    return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, rowLength));
}

/// Sixteen partial sums, which the compiler keeps in vector registers.
float sumOfSquares(const float* x, std::int64_t n)
{
    float partial[16] = {};
    std::int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; ++k)
            partial[k] += x[i + k] * x[i + k];
    float sum = 0;
    for (; i < n; ++i)
        sum += x[i] * x[i];
    for (int width = 8; width > 0; width /= 2)
        for (int k = 0; k < width; ++k)
            partial[k] += partial[k + width];
    return sum + partial[0];
}

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon, Arithmetic arithmetic)
{
    if (arithmetic == Arithmetic::Plain || recorded(x) || recorded(weight) || !x.is_cpu())
        return x * at::rsqrt(x.square().mean(-1, true) + epsilon) * weight;
    const at::Tensor in = x.contiguous();
    at::Tensor out = at::empty_like(in);
    const std::int64_t n = in.size(-1);
    const float* from = in.const_data_ptr<float>();
    const float* scale = weight.const_data_ptr<float>();
    float* to = out.mutable_data_ptr<float>();
    const auto eps = static_cast<float>(epsilon);
    at::parallel_for(0, in.numel() / n, grain(n), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const float* a = from + row * n;
            float* b = to + row * n;
            const float factor = 1.0F / std::sqrt(sumOfSquares(a, n) / static_cast<float>(n) + eps);
            for (std::int64_t i = 0; i < n; ++i)
                b[i] = a[i] * factor * scale[i];
        }
    });
    return out;
}

/// Calls work(first, length) on pieces that fit a core's cache, in parallel. Their bounds are the same for any number of threads: what a vector of
/// lanes computes may differ in its last bit from what is left over at the end of a piece.
template <typename Work>
void inCachePieces(std::int64_t count, Work work)
{
    constexpr std::int64_t kPiece = 32768;
    eachPiece((count + kPiece - 1) / kPiece, [&](std::int64_t piece) { work(piece * kPiece, std::min(kPiece, count - piece * kPiece)); }, count >= 8 * kPiece);
}

void activateInPlace(at::Tensor& x, ActivationFunction function)
{
    switch (function) {
    case ActivationFunction::Silu: at::silu_(x); break;
    case ActivationFunction::Relu: at::relu_(x); break;
    case ActivationFunction::Gelu: at::gelu_(x); break;
    case ActivationFunction::GeluTanh: at::gelu_(x, "tanh"); break;
    }
}

} // namespace

bool recorded(const at::Tensor& x)
{
    return at::GradMode::is_enabled() && x.requires_grad();
}

at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double epsilon, Arithmetic arithmetic)
{
    if (kind == NormKind::Rms)
        return rmsNorm(x, norm.weight, epsilon, arithmetic);
    if (recorded(norm.weight) && norm.bias.defined()) {   // the gradients of LibTorch's own are summed as there are threads
        const at::Tensor centred = x - x.mean(-1, true);
        return centred * at::rsqrt(centred.square().mean(-1, true) + epsilon) * norm.weight + norm.bias;
    }
    return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, epsilon);
}

at::Tensor rotate(at::Tensor x, const at::Tensor& cosines, const at::Tensor& sines, Arithmetic arithmetic)
{
    const std::int64_t half = x.size(3) / 2;
    if (arithmetic == Arithmetic::Plain || recorded(x) || !x.is_cpu()) {
        const at::Tensor c = cosines.unsqueeze(1);
        const at::Tensor s = sines.unsqueeze(1);
        const at::Tensor low = x.narrow(3, 0, half);
        const at::Tensor high = x.narrow(3, half, half);
        return at::cat({low * c - high * s, high * c + low * s}, 3);
    }
    x = x.contiguous();
    const std::int64_t tokens = x.size(1);
    const std::int64_t heads = x.size(2);
    const float* c = cosines.const_data_ptr<float>();
    const float* s = sines.const_data_ptr<float>();
    float* data = x.mutable_data_ptr<float>();
    at::parallel_for(0, x.size(0) * tokens, grain(heads * 2 * half), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const float* cosine = c + (row % tokens) * half;
            const float* sine = s + (row % tokens) * half;
            for (std::int64_t head = 0; head < heads; ++head) {
                float* low = data + (row * heads + head) * 2 * half;
                float* high = low + half;
                for (std::int64_t i = 0; i < half; ++i) {
                    const float a = low[i];
                    const float b = high[i];
                    low[i] = a * cosine[i] - b * sine[i];
                    high[i] = b * cosine[i] + a * sine[i];
                }
            }
        }
    });
    return x;
}

at::Tensor activate(at::Tensor x, ActivationFunction function)
{
    if (!recorded(x)) {
        if (!x.is_cpu() || !x.is_contiguous()) {
            activateInPlace(x, function);
            return x;
        }
        const at::Tensor flat = x.view({-1});
        inCachePieces(flat.numel(), [&](std::int64_t first, std::int64_t length) {
            at::Tensor piece = flat.narrow(0, first, length);
            activateInPlace(piece, function);
        });
        return x;
    }
    switch (function) {
    case ActivationFunction::Silu: return at::silu(x);
    case ActivationFunction::Relu: return at::relu(x);
    case ActivationFunction::Gelu: return at::gelu(x);
    case ActivationFunction::GeluTanh: return at::gelu(x, "tanh");
    }
    return x;
}

at::Tensor activateAndMultiply(at::Tensor gate, const at::Tensor& up, ActivationFunction function, Arithmetic arithmetic)
{
    if (recorded(gate) || recorded(up))
        return activate(std::move(gate), function) * up;
    if (arithmetic == Arithmetic::Plain || !gate.is_cpu() || !gate.is_contiguous() || !up.is_contiguous())
        return activate(std::move(gate), function).mul_(up);
    const at::Tensor gates = gate.view({-1}), ups = up.view({-1});
    inCachePieces(gates.numel(), [&](std::int64_t first, std::int64_t length) {
        at::Tensor piece = gates.narrow(0, first, length);
        activateInPlace(piece, function);
        piece.mul_(ups.narrow(0, first, length));
    });
    return gate;
}

at::Tensor addTo(at::Tensor a, const at::Tensor& b)
{
    return recorded(a) || recorded(b) ? a + b : a.add_(b);
}

} // namespace halftone::kernels
