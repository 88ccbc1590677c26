#include "core/methods/equivalent.h"

#include "core/algebra/product.h"
#include "core/base/error.h"

#include <ATen/ATen.h>

#include <array>

namespace halftone {
namespace {

[[noreturn]] void refuse(const DecoderBlock& block, SiteKind site, const std::string& why)
{
    const std::string where = "block " + std::to_string(block.index()) + ", " + std::string(label(site));
    throw Error(ErrorKind::InvalidArgument, where + " cannot be transformed: " + why, where);
}

/// Per-row factors of a fused query-key-value weight whose rows are [heads, (q, k, v), headDim]; undefined parts are ones.
at::Tensor fusedRows(const ModelConfig& config, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, double neutral)
{
    const at::Tensor any = query.defined() ? query : value;
    const auto part = [&](const at::Tensor& x) {
        return x.defined() ? x.reshape({config.heads, config.headDim}) : at::full({config.heads, config.headDim}, neutral, any.options().requires_grad(false));
    };
    return at::stack({part(query), part(key), part(value)}, 1).reshape({-1});
}

void scaleRows(Linear& linear, const at::Tensor& factors)
{
    linear.weight = linear.weight * factors.unsqueeze(1);
    if (linear.bias.defined())
        linear.bias = linear.bias * factors;
}

/// weight [out, in] · x [in].
at::Tensor times(const at::Tensor& weight, const at::Tensor& x) { return product(weight, x.to(weight.scalar_type()).unsqueeze(1)).squeeze(1); }

/// A matrix a head [n, headDim, headDim] times each head's rows of x [n · headDim, columns] or [n · headDim].
at::Tensor headRows(const at::Tensor& matrix, const at::Tensor& x)
{
    const at::Tensor typed = matrix.to(x.scalar_type());
    return product(typed, x.reshape({matrix.size(0), matrix.size(1), -1})).reshape(x.sizes());
}

/// The same for the parts of a fused query-key-value weight or bias, whose rows are [heads, (q, k, v), headDim]; undefined parts stay.
at::Tensor fusedHeadRows(const std::array<at::Tensor, 3>& matrices, const at::Tensor& x, std::int64_t heads, std::int64_t headDim)
{
    std::vector<at::Tensor> parts = x.reshape({heads, 3, headDim, -1}).unbind(1);
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (matrices[i].defined())
            parts[i] = product(matrices[i].to(x.scalar_type()), parts[i]);
    return at::stack(parts, 1).reshape(x.sizes());
}

/// Applies work to a linear's weight and, where it has one, its bias.
template <class Work>
void onRows(Linear& linear, const Work& work)
{
    linear.weight = work(linear.weight);
    if (linear.bias.defined())
        linear.bias = work(linear.bias);
}

/// A matrix a key-value head → one a query head.
at::Tensor forQueries(const ModelConfig& config, const at::Tensor& matrix)
{
    return config.kvHeads == config.heads ? matrix : matrix.repeat_interleave(config.heads / config.kvHeads, 0);
}

/// The linear that computes the values.
LinearRole valuesOf(const ModelConfig& config) { return config.fusedQkv ? LinearRole::FusedQkv : LinearRole::Value; }

/// The linear whose output rows are the site's producer, and the factor of each row for a division of the site by `scale`.
void divideProducer(DecoderBlock& block, SiteKind site, const at::Tensor& scale, const at::Tensor& shift)
{
    const ModelConfig& config = block.config();
    if (site.producer() == SiteProducer::Norm) {
        Norm& norm = block.norm(site.half());
        if (shift.defined() && !norm.bias.defined())
            refuse(block, site, "the norm has no bias that could take a shift");
        norm.weight = norm.weight / scale;
        if (norm.bias.defined())
            norm.bias = (shift.defined() ? norm.bias - shift : norm.bias) / scale;
        return;
    }
    if (site.producer() == SiteProducer::Activation) {
        if (shift.defined())
            refuse(block, site, "a shift does not pass the activation function");
        scaleRows(block.linear(LinearRole::Up), scale.reciprocal());
        return;
    }
    Linear& values = block.linear(valuesOf(config));
    if (shift.defined()) {
        if (!values.bias.defined())
            refuse(block, site, "the values have no bias that could take a shift");
        values.bias = values.bias - (config.fusedQkv ? fusedRows(config, {}, {}, shift, 0) : shift);
    }
    scaleRows(values, config.fusedQkv ? fusedRows(config, {}, {}, scale.reciprocal(), 1) : scale.reciprocal());
}

} // namespace

std::string whyNotFoldable(const ModelConfig& config, SiteKind site)
{
    if (site.producer() == SiteProducer::Norm) {
        if (!config.preNorm)
            return "the block norms after its sublayers, so no norm stands before these linears that could take a scale";
        if (config.residualAfterNorm)
            return "the norm's output also feeds the residual, which a scale would change";
    }
    if (site.producer() == SiteProducer::Activation && !config.gatedMlp && config.activation != ActivationFunction::Relu)
        return "the activation function between the two MLP linears does not let a scale pass";
    return {};
}

std::string whyNotBehindNorm(const ModelConfig& config, SiteKind site)
{
    return site.producer() == SiteProducer::Norm ? whyNotFoldable(config, site) : "";
}

std::int64_t producerChannels(const ModelConfig& config, SiteKind site)
{
    switch (site.producer()) {
    case SiteProducer::Norm: return config.hidden;
    case SiteProducer::Values: return config.kvHeads * config.headDim;
    case SiteProducer::Activation: return config.intermediate;
    }
    return 0;
}

at::Tensor spreadToSite(const ModelConfig& config, SiteKind site, const at::Tensor& producer)
{
    if (site.producer() != SiteProducer::Values || config.kvHeads == config.heads)
        return producer;
    return producer.view({config.kvHeads, config.headDim}).repeat_interleave(config.heads / config.kvHeads, 0).reshape({-1});
}

at::Tensor gatherFromSite(const ModelConfig& config, SiteKind site, const at::Tensor& channels)
{
    if (site.producer() != SiteProducer::Values || config.kvHeads == config.heads)
        return channels;
    return channels.view({config.kvHeads, config.heads / config.kvHeads, config.headDim}).amax(1).reshape({-1});
}

std::vector<std::size_t> linearsOf(const DecoderBlock& block, SiteKind site)
{
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < block.linears().size(); ++i)
        if (block.linears()[i].info.site == site)
            found.push_back(i);
    return found;
}

bool takesShift(const DecoderBlock& block, SiteKind site)
{
    if (site.producer() == SiteProducer::Activation)
        return false;
    const at::Tensor& producer = site.producer() == SiteProducer::Values ? block.linear(valuesOf(block.config())).bias : block.norm(site.half()).bias;
    for (const std::size_t i : linearsOf(block, site))
        if (!block.linears()[i].bias.defined())
            return false;
    return producer.defined();
}

void transformSite(DecoderBlock& block, SiteKind site, const at::Tensor& narrow, const at::Tensor& shift)
{
    const at::Tensor scale = narrow.to(block.linears().front().weight.scalar_type());   // so that reciprocals are of the block's type
    const ModelConfig& config = block.config();
    if (const std::string why = whyNotFoldable(config, site); !why.empty())
        refuse(block, site, why);
    if (scale.sizes() != at::IntArrayRef({producerChannels(config, site)}))
        refuse(block, site, "the scale has " + std::to_string(scale.numel()) + " values for " + std::to_string(producerChannels(config, site)) + " channels");
    divideProducer(block, site, scale, shift);
    const at::Tensor columns = spreadToSite(config, site, scale);
    for (const std::size_t i : linearsOf(block, site)) {
        Linear& linear = block.linears()[i];
        if (shift.defined()) {
            if (!linear.bias.defined())
                refuse(block, site, linear.info.name + " has no bias that could take a shift");
            linear.bias = linear.bias + times(linear.weight, spreadToSite(config, site, shift));
        }
        linear.weight = linear.weight * columns;
    }
}

std::string whyNotQueryKey(const ModelConfig& config)
{
    return config.queryKeyNorm ? "queries and keys are normalised after their linears, which undoes any scale" : "";
}

void transformQueryKey(DecoderBlock& block, const at::Tensor& narrow)
{
    const at::Tensor scale = narrow.to(block.linears().front().weight.scalar_type());
    const ModelConfig& config = block.config();
    if (const std::string why = whyNotQueryKey(config); !why.empty())
        refuse(block, SiteKind::AttentionInput, why);
    if (config.position == PositionKind::Rope) {
        const at::Tensor pairs = scale.detach().view({config.kvHeads, 2, config.headDim / 2});
        if (!at::equal(pairs.select(1, 0), pairs.select(1, 1)))
            refuse(block, SiteKind::AttentionInput, "the two channels of a rotated pair have different scales");
    }
    if (config.fusedQkv) {
        scaleRows(block.linear(LinearRole::FusedQkv), fusedRows(config, scale, scale.reciprocal(), {}, 1));
        return;
    }
    scaleRows(block.linear(LinearRole::Query), spreadToSite(config, SiteKind::AttentionOutput, scale));
    scaleRows(block.linear(LinearRole::Key), scale.reciprocal());
}

at::Tensor pairBlocks(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor first = a.diag_embed(), second = b.diag_embed();
    return at::cat({at::cat({first, -second}, 2), at::cat({second, first}, 2)}, 1);
}

void transformHeads(DecoderBlock& block, const at::Tensor& matrix, const at::Tensor& inverse, const at::Tensor& shift)
{
    const ModelConfig& config = block.config();
    constexpr SiteKind kSite = SiteKind::AttentionOutput;
    if (matrix.sizes() != at::IntArrayRef({config.kvHeads, config.headDim, config.headDim}))
        refuse(block, kSite, "there is not one matrix a key-value head");
    Linear& values = block.linear(valuesOf(config));
    if (shift.defined()) {
        if (!values.bias.defined())
            refuse(block, kSite, "the values have no bias that could take a shift");
        values.bias = values.bias - (config.fusedQkv ? fusedRows(config, {}, {}, shift, 0) : shift);
    }
    const at::Tensor left = inverse.transpose(1, 2);
    onRows(values, [&](const at::Tensor& x) {
        return config.fusedQkv ? fusedHeadRows({at::Tensor(), at::Tensor(), left}, x, config.heads, config.headDim) : headRows(left, x);
    });
    const at::Tensor right = forQueries(config, matrix.transpose(1, 2));
    for (const std::size_t i : linearsOf(block, kSite)) {
        Linear& linear = block.linears()[i];
        if (shift.defined()) {
            if (!linear.bias.defined())
                refuse(block, kSite, linear.info.name + " has no bias that could take a shift");
            linear.bias = linear.bias + times(linear.weight, spreadToSite(config, kSite, shift));
        }
        const at::Tensor heads = linear.weight.view({linear.weight.size(0), config.heads, config.headDim}).transpose(0, 1);
        linear.weight = product(heads, right.to(linear.weight.scalar_type())).transpose(0, 1).reshape(linear.weight.sizes());
    }
}

void transformQueryKeyHeads(DecoderBlock& block, const at::Tensor& matrix, const at::Tensor& inverse)
{
    const ModelConfig& config = block.config();
    if (const std::string why = whyNotQueryKey(config); !why.empty())
        refuse(block, SiteKind::AttentionInput, why);
    if (matrix.sizes() != at::IntArrayRef({config.kvHeads, config.headDim, config.headDim}))
        refuse(block, SiteKind::AttentionInput, "there is not one matrix a key-value head");
    if (config.position == PositionKind::Rope) {
        const std::int64_t half = config.headDim / 2;
        const auto corner = [&](std::int64_t row, std::int64_t column) {
            return matrix.detach().narrow(1, row * half, half).narrow(2, column * half, half).diagonal(0, 1, 2);
        };
        if (!at::equal(matrix.detach(), pairBlocks(corner(0, 0), corner(1, 0))))
            refuse(block, SiteKind::AttentionInput, "the matrix is not made of rotation-scale blocks of the rotated pairs");
    }
    const at::Tensor query = matrix.transpose(1, 2);
    if (config.fusedQkv) {
        onRows(block.linear(LinearRole::FusedQkv), [&](const at::Tensor& x) { return fusedHeadRows({query, inverse, at::Tensor()}, x, config.heads, config.headDim); });
        return;
    }
    onRows(block.linear(LinearRole::Query), [&](const at::Tensor& x) { return headRows(forQueries(config, query), x); });
    onRows(block.linear(LinearRole::Key), [&](const at::Tensor& x) { return headRows(inverse, x); });
}

} // namespace halftone
