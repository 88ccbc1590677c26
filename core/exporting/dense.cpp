#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/exporting/export_files.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace halftone {

namespace {

/// The quantized values as plain bf16, f16 or f32 weights (export-formats §5): opens everywhere, no gain in size, no activation grids.
class DenseExporter final : public Exporter {
public:
    FormatInfo info() const override
    {
        return {"dense", "Dense (fake-quantized)", "Quantized values as plain safetensors: opens everywhere, no smaller", {"transformers", "vllm"}, false};
    }

    std::vector<ContractIssue> check(const ExportQuestion& asked) const override
    {
        std::vector<ContractIssue> issues;
        bool any = false;
        for (const ResolvedPlan& plan : asked.plans) {
            any = any || plan.plan.weights.quantized();
            if (plan.plan.activations.quantized())
                issues.push_back({plan.linear, "dense weights cannot carry the activation grid \"" + std::string(name(plan.plan.activations.scheme)) +
                                               "\": a runtime will compute with float activations", false});
        }
        if (asked.kvCache.quantized())
            issues.push_back({"", "dense weights cannot carry the KV-cache grid, so a runtime keeps its cache float", false});
        if (!any)
            issues.push_back({"", "no weight is quantized, so an export would only copy the model: quantize weights first", true});
        return issues;
    }

    Written write(const ExportSource& source, const std::filesystem::path& folder, Progress& progress, const std::stop_token& stop) const override
    {
        const DType dtype = exportDType(source.dtype);
        BlockCache blocks(source);
        std::map<std::string, const LinearInfo*> linears;
        for (const LinearInfo& linear : source.model.linears())
            linears.emplace(linear.name + ".weight", &linear);
        std::vector<TensorToWrite> tensors;
        std::int64_t done = 0;
        for (const Model::NamedShape& shape : source.model.tensors()) {
            const auto linear = linears.find(shape.name);
            const LinearInfo* info = linear == linears.end() ? nullptr : linear->second;
            tensors.push_back({shape.name, dtype, shape.shape, [&, info, name = shape.name] {
                                   throwIfStopped(stop);
                                   progress.update(++done, name);
                                   if (info)
                                       if (const StoredLinear& stored = blocks.linear(*info); stored.weight)
                                           return tensorBytes(stored.effectiveWeight(), dtype, name);
                                   return tensorBytes(blocks.tensor(name), dtype, name);
                               }});
        }
        progress.begin("export", static_cast<std::int64_t>(tensors.size()), "tensors");
        return writeBeside(source.model, writeSafetensors(folder, tensors), dtype, Json(nullptr), folder);
    }
};

} // namespace

std::unique_ptr<Exporter> denseExporter() { return std::make_unique<DenseExporter>(); }

} // namespace halftone
