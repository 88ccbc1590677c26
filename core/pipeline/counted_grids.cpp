#include "core/pipeline/counted_grids.h"

#include "core/quant/activation_quantizer.h"
#include "core/quant/kernels.h"

#include <ATen/ATen.h>

#include <map>
#include <span>
#include <vector>

namespace halftone {

namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

/// Rows and columns of scales as ActivationQuantizer::apply() makes them.
KernelCounts countSymmetric(const ActivationQuantizer& quantizer, std::span<const float> x, std::int64_t rows, std::int64_t columns)
{
    const ActivationGrid& grid = quantizer.grid();
    const int qmax = symmetricMax(grid.bits);
    const ActivationRanges& ranges = quantizer.ranges();
    std::vector<float> row, column;
    switch (grid.scheme) {
    case ActivationScheme::PerTensor: row.assign(size(rows), std::max(ranges.absmax(), kAbsmaxFloor) / static_cast<float>(qmax)); break;
    case ActivationScheme::PerChannel: column = crossColumnScales(ranges.channelAbsmax, 0, qmax); break;
    case ActivationScheme::PerToken:
    case ActivationScheme::Cross:
    case ActivationScheme::CrossStatic: {
        const bool current = grid.scheme == ActivationScheme::Cross;
        std::vector<float> tokens(size(rows)), channels(current ? size(columns) : 0, 0.0F);
        kernels::absmax(x, rows, columns, tokens, channels);
        row = crossRowScales(tokens, grid.scheme == ActivationScheme::PerToken ? 1 : grid.alpha, qmax);
        if (grid.scheme != ActivationScheme::PerToken)
            column = crossColumnScales(current ? std::span<const float>(channels) : std::span<const float>(ranges.channelAbsmax), grid.alpha, qmax);
        break;
    }
    case ActivationScheme::None: return {};
    }
    return kernels::countKernel(x, rows, columns, row, column, qmax);
}

KernelCounts countAsymmetric(const ActivationQuantizer& quantizer, const at::Tensor& x)
{
    const auto count = [](const at::Tensor& where) { return where.sum().item<std::int64_t>(); };
    const at::Tensor zero = quantizer.apply(x).eq(0);
    KernelCounts counts;
    counts.elements = x.numel();
    counts.zero = count(zero);
    counts.lost = count(zero.logical_and(x.ne(0)));
    const ActivationRanges& ranges = quantizer.ranges();
    const auto bounds = [&x](const std::vector<float>& values) {
        return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat).to(x.device());
    };
    if (quantizer.grid().scheme == ActivationScheme::PerTensor)
        counts.clipped = count(x.lt(ranges.minimum).logical_or(x.gt(ranges.maximum)));
    else if (quantizer.grid().scheme == ActivationScheme::PerChannel)
        counts.clipped = count(x.lt(bounds(ranges.channelMin)).logical_or(x.gt(bounds(ranges.channelMax))));
    return counts;
}

class CountingQuantizer final : public ActivationQuantizer {
public:
    CountingQuantizer(std::shared_ptr<const ActivationQuantizer> inner, std::shared_ptr<KernelCounts> counts)
        : ActivationQuantizer(inner->grid(), inner->ranges()), m_inner(std::move(inner)), m_counts(std::move(counts))
    {
    }
    at::Tensor apply(const at::Tensor& x) const override
    {
        m_counts->add(countGrid(*m_inner, x));
        return m_inner->apply(x);
    }
    at::Tensor applyPlain(const at::Tensor& x) const override
    {
        m_counts->add(countGrid(*m_inner, x));
        return m_inner->applyPlain(x);
    }

private:
    std::shared_ptr<const ActivationQuantizer> m_inner;
    std::shared_ptr<KernelCounts> m_counts;
};

class CountedModel final : public BlockSource {
public:
    CountedModel(std::shared_ptr<const BlockSource> source, std::shared_ptr<KernelCounts> counts) : m_source(std::move(source)), m_counts(std::move(counts)) {}

    const ModelConfig& config() const override { return m_source->config(); }
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override { return m_source->embed(ids); }
    at::Tensor logits(const at::Tensor& hidden) const override { return m_source->logits(hidden); }
    bool roundsActivations() const override { return m_source->roundsActivations(); }

    DecoderBlock block(int index) const override
    {
        DecoderBlock block = m_source->block(index);
        std::map<const ActivationQuantizer*, std::shared_ptr<const ActivationQuantizer>> counting;
        for (Linear& linear : block.linears()) {
            if (!linear.input || !linear.input->grid().quantized())
                continue;
            auto& replacement = counting[linear.input.get()];
            if (!replacement)
                replacement = std::make_shared<const CountingQuantizer>(linear.input, m_counts);   // keeps the one it stands for
            linear.input = replacement;
        }
        return block;
    }

private:
    std::shared_ptr<const BlockSource> m_source;
    std::shared_ptr<KernelCounts> m_counts;
};

} // namespace

KernelCounts countGrid(const ActivationQuantizer& quantizer, const at::Tensor& x)
{
    if (!quantizer.grid().quantized() || x.numel() == 0)
        return {};
    if (!quantizer.grid().symmetric)
        return countAsymmetric(quantizer, x);
    const at::Tensor values = x.to(at::kCPU, at::kFloat).contiguous();
    const std::int64_t columns = values.size(-1), windows = values.dim() == 3 ? values.size(0) : 1, tokens = values.numel() / columns / windows;
    const std::span<const float> all(values.const_data_ptr<float>(), size(values.numel()));
    KernelCounts counts;
    for (std::int64_t w = 0; w < windows; ++w)
        counts.add(countSymmetric(quantizer, all.subspan(size(w * tokens * columns), size(tokens * columns)), tokens, columns));
    return counts;
}

std::shared_ptr<const BlockSource> countGrids(std::shared_ptr<const BlockSource> source, std::shared_ptr<KernelCounts> counts)
{
    return std::make_shared<CountedModel>(std::move(source), std::move(counts));
}

} // namespace halftone
