#include "core/project/quantized_model.h"

#include "core/base/error.h"
#include "core/project/run_edit.h"
#include "core/quant/served_quantizer.h"
#include "core/recipe/contract_runtime.h"
#include "core/recipe/recipe.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace halftone {
namespace {

struct Shared {
    SiteKind site;
    std::shared_ptr<const ActivationQuantizer> quantizer;
};

bool sameRanges(const ActivationRanges& a, const ActivationRanges& b)
{
    return a.minimum == b.minimum && a.maximum == b.maximum && a.channelAbsmax == b.channelAbsmax && a.channelMin == b.channelMin
        && a.channelMax == b.channelMax;
}

/// One object for linears of a site that share grid and ranges, so that the block rounds their input once.
std::shared_ptr<const ActivationQuantizer> quantizer(std::vector<Shared>& shared, SiteKind site, const StoredLinear& from)
{
    for (const Shared& have : shared)
        if (have.site == site && have.quantizer->grid() == from.activations && sameRanges(have.quantizer->ranges(), from.ranges))
            return have.quantizer;
    shared.push_back({site, std::make_shared<const ActivationQuantizer>(from.activations, from.ranges)});
    return shared.back().quantizer;
}

/// The model's blocks with a run's weights and activation grids in place of their own.
class QuantizedModel final : public BlockSource {
public:
    QuantizedModel(std::shared_ptr<const Model> model, std::shared_ptr<const Project> project, const RunInfo& run)
        : m_model(std::move(model)), m_project(std::move(project)), m_run(run.id), m_reading(*m_project, run.id)
    {
        const Recipe recipe = Recipe::parse(run.recipeJson, (m_project->folder() / "manifest.json").string() + ": the recipe of " + run.id);
        const auto rounds = [](const PlanPatch& patch) { return patch.scheme.value_or(ActivationScheme::None) != ActivationScheme::None; };
        m_kvCache = recipe.kvCache;
        m_rounds = m_kvCache.quantized() || rounds(recipe.defaults) || std::any_of(recipe.rules.begin(), recipe.rules.end(), [&](const Rule& rule) { return rounds(rule.patch); });
        m_contract = recipe.contract;
    }

    const ModelConfig& config() const override { return m_model->config(); }
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override { return m_model->embed(ids); }
    at::Tensor logits(const at::Tensor& hidden) const override { return m_model->logits(hidden); }
    bool roundsActivations() const override { return m_rounds; }

    DecoderBlock block(int index) const override
    {
        DecoderBlock block = m_model->block(index);
        const StoredBlock stored = loadBlock(*m_project, m_run, index);
        restoreBlock(block, stored);
        block.kvCache = kvCacheOfBlock(m_kvCache, index);
        useGridsOf(m_contract, block);
        return block;
    }

private:
    std::shared_ptr<const Model> m_model;
    std::shared_ptr<const Project> m_project;
    std::string m_run;
    RunReading m_reading;
    std::string m_contract;
    KvCacheGrid m_kvCache;
    bool m_rounds = false;
};

} // namespace

void restoreBlock(DecoderBlock& block, const StoredBlock& stored)
{
    const auto bad = [&](const std::string& what) {
        const std::string where = "block " + std::to_string(block.index()) + " of the run ";
        throw Error(ErrorKind::BadFile, (stored.file.empty() ? where : stored.file + ": " + where) + what, stored.file);
    };
    if (stored.linears.size() != block.linears().size())
        bad("has " + std::to_string(stored.linears.size()) + " linears; the model's block has " + std::to_string(block.linears().size())
            + ".");
    for (const StoredTensor& tensor : stored.tensors) {
        at::Tensor* slot = block.tensor(tensor.name);
        if (slot == nullptr || slot->sizes() != tensor.value.sizes())
            bad("holds \"" + printable(tensor.name) + "\", which the model's block does not have in that shape.");
        *slot = tensor.value;
    }
    std::vector<Shared> shared;
    for (std::size_t i = 0; i < stored.linears.size(); ++i) {
        const StoredLinear& from = stored.linears[i];
        Linear& to = block.linears()[i];
        if (from.name != to.info.name)
            bad("holds \"" + printable(from.name) + "\" where the model has \"" + to.info.name + "\".");
        if (from.weight) {
            if (from.weight->codes.size(0) != to.info.out || from.weight->codes.size(1) != to.info.in)
                bad("has, for \"" + printable(from.name) + "\", codes of another shape than the model's weight.");
            to.weight = from.effectiveWeight();
        }
        if (from.activations.quantized())
            to.input = quantizer(shared, to.info.site, from);
    }
}

void useGridsOf(std::string_view contract, DecoderBlock& block)
{
    if (activationGridOf(contract) != activationGridOf({}))
        return;
    if (block.kvCache && whyNotServed(block.kvCache->grid(), block.config()).empty())
        block.kvCache = std::make_shared<const KvCacheQuantizer>(block.kvCache->grid(), KvCacheQuantizer::Steps::Served);
    std::map<const ActivationQuantizer*, std::shared_ptr<const ActivationQuantizer>> served;
    for (Linear& linear : block.linears()) {
        if (!linear.input || linear.input->grid().scheme != ActivationScheme::PerToken)
            continue;
        auto& replacement = served[linear.input.get()];
        if (!replacement)
            replacement = std::make_shared<const ServedQuantizer>(linear.input->grid().bits, linear.input->grid().symmetric);
    }
    for (Linear& linear : block.linears())
        if (const auto found = served.find(linear.input.get()); linear.input && found != served.end())
            linear.input = found->second;
}

std::shared_ptr<const BlockSource> openRun(std::shared_ptr<const Model> model, std::shared_ptr<const Project> project, std::string run)
{
    const RunInfo info = project->run(run);
    if (info.blocksDone != info.blocks)
        throw Error(ErrorKind::BadFile, project->folder().string() + ": " + info.id + " is not finished ("
            + std::to_string(info.blocksDone) + " of "
                + std::to_string(info.blocks) + " blocks); resume it first.", project->folder().string());
    if (info.blocks != model->config().blocks)
        throw Error(ErrorKind::BadFile, project->folder().string() + ": " + info.id + " has " + std::to_string(info.blocks)
            + " blocks; the model has "
                + std::to_string(model->config().blocks) + ".", project->folder().string());
    return std::make_shared<QuantizedModel>(std::move(model), std::move(project), info);
}

} // namespace halftone
