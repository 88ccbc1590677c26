#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/exporting/export_files.h"
#include "core/quant/packing.h"
#include "core/recipe/packed_format.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace halftone {

namespace {

constexpr std::string_view kPacked = "pack-quantized";
constexpr std::string_view kInteger = "int-quantized";

template <typename T> std::vector<std::byte> bytesOf(const std::vector<T>& values)
{
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

/// compressed-tensors counts codes unsigned when packed: u = q + 2^(bits−1) (export-formats §1.2). Ours are unsigned already when asymmetric.
std::vector<std::uint8_t> unsignedCodes(const at::Tensor& codes, const WeightGrid& grid)
{
    const at::Tensor shifted = grid.symmetric ? (codes.to(at::kInt) + (1 << (grid.bits - 1))).to(at::kByte) : codes.to(at::kByte);
    const at::Tensor flat = shifted.contiguous();
    const auto* data = flat.const_data_ptr<std::uint8_t>();
    return {data, data + flat.numel()};
}

/// Scales [out, groups]; a per-tensor scale is written per channel, which is the same numbers.
at::Tensor perRow(const at::Tensor& x, std::int64_t rows) { return x.size(0) == rows ? x : x.expand({rows, x.size(1)}); }

std::string_view formatOf(const Plan& plan) { return plan.weights.bits == 8 && plan.activations.quantized() ? kInteger : kPacked; }

/// One group of config_groups, without its targets.
Json schemeOf(const Plan& plan)
{
    const WeightGrid& grid = plan.weights;
    Json weights{{"num_bits", grid.bits}, {"type", "int"}, {"symmetric", grid.symmetric}, {"dynamic", false}};
    if (grid.group > 0) {
        weights["strategy"] = "group";
        weights["group_size"] = grid.group;
    } else {
        weights["strategy"] = "channel";
    }
    Json activations = nullptr;
    if (plan.activations.quantized()) {
        const bool token = plan.activations.scheme == ActivationScheme::PerToken;
        activations = Json{{"num_bits", plan.activations.bits}, {"type", "int"}, {"symmetric", true}, {"dynamic", token}, {"strategy", token ? "token" : "tensor"}};
    }
    return Json{{"weights", std::move(weights)}, {"input_activations", std::move(activations)}, {"output_activations", nullptr}, {"format", formatOf(plan)}};
}

class CompressedTensorsExporter final : public Exporter {
public:
    FormatInfo info() const override
    {
        return {"compressed-tensors", "compressed-tensors", "Packed integer weights with scales, mixed per layer, 8-bit activations", {"transformers", "vllm"}};
    }

    std::vector<ContractIssue> check(const ExportQuestion& asked) const override;
    Written write(const ExportSource& source, const std::filesystem::path& folder, Progress& progress, const std::stop_token& stop) const override;
};

std::vector<ContractIssue> CompressedTensorsExporter::check(const ExportQuestion& asked) const
{
    std::vector<ContractIssue> issues;
    bool any = false;
    for (std::size_t i = 0; i < asked.plans.size(); ++i) {
        const ResolvedPlan& resolved = asked.plans[i];
        const WeightGrid& grid = resolved.plan.weights;
        const ActivationGrid& activations = resolved.plan.activations;
        auto issue = [&](std::string reason, bool fatal) { issues.push_back({resolved.linear, std::move(reason), fatal}); };
        any = any || grid.quantized();
        checkPacked(resolved.plan, [&](bool fatal, std::string reason) { issue(std::move(reason), fatal); });
        if (grid.quantized() && !grid.symmetric)
            issue("transformers 5.23 refuses asymmetric packed weights (5.17 and vLLM load them): use a symmetric grid for transformers", false);
        if (!activations.quantized())
            continue;
        if (std::string otherwise = servedOtherwise(resolved.plan, asked.model.linears[i], asked.model.config); !otherwise.empty())
            issue(std::move(otherwise), false);
        if (activations.bits != 8)
            issue("stock kernels compute with 8-bit activations only: " + std::to_string(activations.bits) + " bits are simulated by transformers and refused by vLLM", false);
        if (grid.quantized() && grid.bits < 8)
            issue("vLLM on the CPU ignores activation quantization of packed " + std::to_string(grid.bits) + "-bit weights without a word", false);
        if (grid.quantized() && grid.bits == 8 && grid.group > 0)
            issue("8-bit weights with 8-bit activations are served per channel by stock kernels; groups of " + std::to_string(grid.group) + " load in transformers only", false);
    }
    if (asked.kvCache.quantized()) {
        if (const std::string why = whyNotServed(asked.kvCache, asked.model.config); !why.empty())
            issues.push_back({"", "the KV-cache grid stays behind, so a runtime keeps its cache float: " + why, false});
        else
            issues.push_back({"", "the KV-cache grid is written as kv_cache_scheme, which transformers follows; vLLM refuses integer KV-cache schemes, so for vLLM make a run "
                                  "with the scheme \"none\"", false});
    }
    if (!any)
        issues.push_back({"", "no weight is quantized, so an export would only copy the model: quantize weights first", true});
    return issues;
}

Written CompressedTensorsExporter::write(const ExportSource& source, const std::filesystem::path& folder, Progress& progress,
                                         const std::stop_token& stop) const
{
    const DType dtype = exportDType(source.dtype);
    BlockCache blocks(source);
    std::map<std::string, std::size_t> linears;
    for (std::size_t i = 0; i < source.model.linears().size(); ++i)
        linears.emplace(source.model.linears()[i].name + ".weight", i);

    std::vector<TensorToWrite> tensors;
    std::int64_t done = 0;
    auto add = [&](const std::string& tensorName, DType type, std::vector<std::int64_t> shape, std::function<std::vector<std::byte>()> fill) {
        tensors.push_back({tensorName, type, std::move(shape), [&, tensorName, fill = std::move(fill)] {
                               throwIfStopped(stop);
                               progress.update(++done, tensorName);
                               return fill();
                           }});
    };
    for (const Model::NamedShape& shape : source.model.tensors()) {
        const auto found = linears.find(shape.name);
        if (found == linears.end() || !source.plans[found->second].plan.weights.quantized()) {
            add(shape.name, dtype, shape.shape, [&blocks, dtype, tensorName = shape.name] { return tensorBytes(blocks.tensor(tensorName), dtype, tensorName); });
            continue;
        }
        const LinearInfo& linear = source.model.linears()[found->second];
        const Plan& plan = source.plans[found->second].plan;
        const WeightGrid grid = plan.weights;
        const std::int64_t groups = grid.group > 0 ? linear.in / grid.group : 1;
        auto weight = [&blocks, &linear]() -> const QuantizedWeight& {
            const StoredLinear& stored = blocks.linear(linear);
            if (!stored.weight)
                throw Error(ErrorKind::BadFile, blocks.block(linear.block).file + ": holds no codes for " + printable(linear.name), linear.name);
            return *stored.weight;
        };
        add(linear.name + ".weight_scale", DType::F32, {linear.out, groups}, [=, &linear] { return tensorBytes(perRow(weight().scales.scale, linear.out), DType::F32, linear.name); });
        if (formatOf(plan) == kPacked) {
            const std::int64_t words = (linear.in * grid.bits + 31) / 32;
            add(linear.name + ".weight_packed", DType::I32, {linear.out, words},
                [=, &linear] { return bytesOf(packRows(unsignedCodes(weight().codes, grid), linear.out, linear.in, grid.bits)); });
            add(linear.name + ".weight_shape", DType::I64, {2}, [&linear] { return bytesOf(std::vector<std::int64_t>{linear.out, linear.in}); });
            if (!grid.symmetric)   // packed along rows: [ceil(R·b/32), G]
                add(linear.name + ".weight_zero_point", DType::I32, {(linear.out * grid.bits + 31) / 32, groups}, [=, &linear] {
                    const at::Tensor zeros = perRow(weight().scales.zero, linear.out).to(at::kByte).t().contiguous();   // [G, R]
                    const auto* data = zeros.const_data_ptr<std::uint8_t>();
                    const std::vector<std::int32_t> packed = packRows({data, static_cast<std::size_t>(zeros.numel())}, groups, linear.out, grid.bits);
                    const std::int64_t rows = (linear.out * grid.bits + 31) / 32;
                    std::vector<std::int32_t> turned(packed.size());
                    for (std::int64_t g = 0; g < groups; ++g)
                        for (std::int64_t r = 0; r < rows; ++r)
                            turned[static_cast<std::size_t>(r * groups + g)] = packed[static_cast<std::size_t>(g * rows + r)];
                    return bytesOf(turned);
                });
        } else {
            add(linear.name + ".weight", DType::I8, {linear.out, linear.in}, [=] {
                const at::Tensor codes = grid.symmetric ? weight().codes : (weight().codes.to(at::kInt) - 128).to(at::kChar);
                const at::Tensor flat = codes.contiguous();
                const auto* data = static_cast<const std::byte*>(flat.const_data_ptr());
                return std::vector<std::byte>(data, data + flat.numel());
            });
            if (!grid.symmetric)
                add(linear.name + ".weight_zero_point", DType::I8, {linear.out, groups}, [=, &linear] {
                    const at::Tensor zeros = (perRow(weight().scales.zero, linear.out).to(at::kInt) - 128).to(at::kChar).contiguous();
                    const auto* data = static_cast<const std::byte*>(zeros.const_data_ptr());
                    return std::vector<std::byte>(data, data + zeros.numel());
                });
        }
        if (plan.activations.scheme == ActivationScheme::PerTensor)
            add(linear.name + ".input_scale", DType::F32, {1}, [=, &blocks, &linear] {
                const float absmax = std::max(blocks.linear(linear).ranges.absmax(), 1e-12F);
                return bytesOf(std::vector<float>{absmax / static_cast<float>(symmetricMax(plan.activations.bits))});
            });
    }

    // Equal schemes form one config group; targets are exact module names unless one scheme covers every linear.
    std::map<std::string, std::pair<Json, std::vector<std::string>>> groups;
    std::vector<std::string> ignore{"lm_head"};
    bool mixedFormats = false;
    std::string format;
    for (const ResolvedPlan& resolved : source.plans) {
        if (!resolved.plan.weights.quantized()) {
            ignore.push_back(resolved.linear);
            continue;
        }
        Json scheme = schemeOf(resolved.plan);
        mixedFormats = mixedFormats || (!format.empty() && format != scheme["format"]);
        format = scheme["format"];
        auto& group = groups[scheme.dump()];
        group.first = std::move(scheme);
        group.second.push_back(resolved.linear);
    }
    for (const Model::NamedShape& shape : source.model.tensors())   // OPT's projections are Linear modules too
        if (shape.name.find("project_") != std::string::npos && shape.name.ends_with(".weight"))
            ignore.push_back(shape.name.substr(0, shape.name.size() - 7));
    Json configGroups = Json::object();
    for (auto& [key, group] : groups) {
        group.first["targets"] = groups.size() == 1 && ignore.size() == 1 ? std::vector<std::string>{"Linear"} : group.second;
        configGroups["group_" + std::to_string(configGroups.size())] = group.first;
    }
    Json cache = nullptr;
    if (source.kvCache.quantized() && whyNotServed(source.kvCache, source.model.config()).empty())
        cache = Json{{"num_bits", source.kvCache.bits}, {"type", "int"}, {"symmetric", source.kvCache.symmetric}, {"strategy", "group"},
                     {"group_size", source.model.config().headDim}, {"dynamic", true}};
    const Json quantization{{"quant_method", "compressed-tensors"}, {"format", mixedFormats ? "mixed-precision" : format},
                            {"quantization_status", "compressed"}, {"ignore", ignore}, {"kv_cache_scheme", std::move(cache)}, {"config_groups", configGroups}};

    progress.begin("export", static_cast<std::int64_t>(tensors.size()), "tensors");
    return writeBeside(source.model, writeSafetensors(folder, tensors), dtype, quantization, folder);
}

} // namespace

std::unique_ptr<Exporter> compressedTensorsExporter() { return std::make_unique<CompressedTensorsExporter>(); }

} // namespace halftone
