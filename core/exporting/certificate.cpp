#include "core/exporting/certificate.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/exporting/export_files.h"
#include "core/model/compressed_model.h"
#include "core/quant/activation_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace halftone {

namespace {

/// Logits of a probe, or the last hidden states where the model has no head.
at::Tensor answersOf(const BlockSource& model, const std::vector<std::int32_t>& ids, const std::stop_token& stop)
{
    at::Tensor hidden = model.embed({&ids, 1});
    for (int b = 0; b < model.config().blocks; ++b) {
        throwIfStopped(stop);
        hidden = model.block(b).forward(hidden);
    }
    hidden = hidden.reshape({-1, hidden.size(-1)});
    return model.config().head ? model.logits(hidden) : hidden;
}

/// What became of the recipe's KV-cache grid, as the export read back shows it.
const char* cacheFate(const ExportSource& source, const BlockSource& exported)
{
    if (!source.kvCache.quantized())
        return "float";
    return exported.config().blocks > 0 && exported.block(0).kvCache ? "rounded as in the run" : "float, though rounded in the run";
}

[[noreturn]] void differs(const std::string& tensor)
{
    throw Error(ErrorKind::Internal, "the export was read back and " + tensor + " differs from the run; nothing was put in place", tensor);
}

} // namespace

std::string certify(const ExportSource& source, const BlockSource& run, const std::filesystem::path& folder, const Written& written,
                    const std::vector<std::int32_t>& probe, Progress& progress, const std::stop_token& stop)
{
    const DType dtype = exportDType(source.dtype);
    const bool packed = isCompressedTensors(folder);
    std::shared_ptr<const Model> plain = packed ? nullptr : Model::open(folder);
    const std::shared_ptr<const BlockSource> exported = packed ? openCompressedTensors(folder) : plain;
    const std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open(folder);
    const at::ScalarType scalar = scalarType(dtype);

    const int blocks = source.model.config().blocks;
    progress.begin("certify", blocks, "blocks");
    std::map<std::string, const LinearInfo*> quantized;
    std::int64_t compared = 0;
    std::size_t plan = 0;
    for (int b = 0; b < blocks; ++b) {
        throwIfStopped(stop);
        const DecoderBlock meant = run.block(b);
        const DecoderBlock read = exported->block(b);
        for (std::size_t i = 0; i < meant.linears().size(); ++i, ++plan) {
            const Linear& linear = meant.linears()[i];
            const bool isQuantized = source.plans[plan].plan.weights.quantized();
            if (isQuantized)
                quantized.emplace(linear.info.name + ".weight", &linear.info);
            const at::Tensor expected = isQuantized && packed ? linear.weight : linear.weight.to(scalar).to(at::kFloat);
            if (!at::equal(expected, read.linears()[i].weight))
                differs(linear.info.name + ".weight");
            compared += linear.weight.numel();
            const ActivationGrid& inputs = source.plans[plan].plan.activations;
            if (isQuantized && packed && inputs.scheme == ActivationScheme::PerTensor) {   // a step of the calibration text, written beside the weight
                const std::string name = linear.info.name + ".input_scale";
                const float step = std::max(linear.input->ranges().absmax(), kAbsmaxFloor) / static_cast<float>(symmetricMax(inputs.bits));
                if (checkpoint->readFloats(checkpoint->at(name)).front() != step)
                    differs(name);
            }
        }
        progress.update(b + 1);
    }

    BlockCache results(source);
    bool exact = true;   // what is not quantized lost nothing to the export's dtype
    Json tensors = Json::object();
    for (const Model::NamedShape& shape : source.model.tensors()) {
        throwIfStopped(stop);
        const bool isQuantized = quantized.contains(shape.name);
        tensors[shape.name] = isQuantized ? "quantized" : "copied as " + source.dtype;
        if (isQuantized)
            continue;
        const std::vector<float> read = checkpoint->readFloats(checkpoint->at(shape.name));
        const at::Tensor own = results.tensor(shape.name).contiguous();
        const at::Tensor expected = own.to(scalar).to(at::kFloat);
        exact = exact && at::equal(own, expected);
        if (expected.numel() != static_cast<std::int64_t>(read.size()) ||
            !at::equal(expected.flatten(), at::from_blob(const_cast<float*>(read.data()), {expected.numel()}, at::kFloat)))
            differs(shape.name);
    }

    const at::Tensor answered = answersOf(run, probe, stop);
    const at::Tensor readBack = answersOf(*exported, probe, stop);
    const at::Tensor meant = at::log_softmax(answered, -1);
    const at::Tensor read = at::log_softmax(readBack, -1);
    Json hashes = Json::object();
    for (const std::string& file : written.files)
        hashes[file] = sha256File(folder / file);
    Json left = Json::array();
    for (const LeftBehind& one : written.left)
        left.push_back({{"name", one.name}, {"reason", one.reason}});
    Json certificate{{"halftone_certificate", 1},
                           {"files", hashes},
                           {"left_behind", left},
                           {"tensors", tensors},
                           {"unquantized_dtype", source.dtype},
                           {"unquantized_as_in_the_run", exact},
                           {"kv_cache", cacheFate(source, *exported)},
                           {"weights_compared_bit_by_bit", compared},
                           {"probe_tokens", static_cast<std::int64_t>(probe.size())},
                           {"probe_kl_mean", (meant.exp() * (meant - read)).sum(-1).clamp_min(0).mean().item<double>()},
                           {"probe_top1_agreement", (meant.argmax(-1) == read.argmax(-1)).to(at::kDouble).mean().item<double>()}};
    if (!source.model.config().head) {
        certificate.erase("probe_kl_mean");
        certificate.erase("probe_top1_agreement");
        certificate["probe_hidden_error"] = ((readBack - answered).norm() / answered.norm().clamp_min(1e-30)).item<double>();
    }
    return certificate.dump(2) + "\n";
}

} // namespace halftone
