// Exports of what a contract claims, for claims.py to open with the stock loader.
//
//     write_claims MODELS FAMILY TEXT OUT
//
// MODELS holds FAMILY (few blocks) and FAMILY-deep (more). Every weight grid, activation grid and KV-cache grid that recipes
// can name is laid before the contract "transformers"; what it takes is exported and listed in OUT/claims.json, with the logits of the run. Weight
// and activation grids are crossed: one site of a deep model each. So a claim is tried from the day on which the contract stops refusing it.

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/exporting/export_job.h"
#include "core/model/model.h"
#include "core/pipeline/jobs.h"
#include "core/project/quantized_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>

using namespace halftone;
namespace fs = std::filesystem;

namespace {

constexpr const char* kContract = "transformers";
constexpr int kSample = 40, kTokens = 10, kWindows = 8;   // of the calibration; of the logits

struct Scheme {
    WeightGrid weights;
    ActivationGrid activations;
};

PlanPatch patchOf(const Scheme& scheme)
{
    PlanPatch patch;
    patch.bits = scheme.weights.bits;
    patch.group = scheme.weights.group;
    patch.symmetric = scheme.weights.symmetric;
    patch.perTensor = scheme.weights.perTensor;
    patch.range = scheme.weights.range;
    patch.scheme = scheme.activations.scheme;
    patch.activationBits = scheme.activations.bits;
    patch.activationSymmetric = scheme.activations.symmetric;
    patch.alpha = scheme.activations.alpha;
    return patch;
}

std::string nameOf(const Scheme& scheme)
{
    const WeightGrid& w = scheme.weights;
    std::string text = "W" + std::to_string(w.bits) + (w.perTensor ? " per tensor" : w.group > 0 ? " g" + std::to_string(w.group) : " per channel")
        + (w.symmetric ? "" : " asymmetric") + (w.range == WeightGrid::Range::Full ? " full" : "");
    if (scheme.activations.quantized())
        text += " A" + std::to_string(scheme.activations.bits) + " " + std::string(name(scheme.activations.scheme)) + (scheme.activations.symmetric ? "" : " asymmetric");
    return text;
}

std::string nameOf(const KvCacheGrid& grid)
{
    return "KV " + std::string(name(grid.scheme)) + " " + std::to_string(grid.bits) + (grid.symmetric ? " symmetric " : " asymmetric ") + std::string(name(grid.position))
        + (grid.queries ? " queries" : "") + (grid.floatBlocks.empty() ? "" : " float blocks");
}

std::vector<WeightGrid> weightGrids()
{
    std::vector<WeightGrid> grids;
    for (const int bits : {2, 3, 4, 5, 6, 7, 8, 16})
        for (const bool symmetric : {true, false}) {
            for (const int group : {0, 3, 8, 24, 32, 96})
                grids.push_back({bits, group, symmetric, false, WeightGrid::Range::Narrow, WeightGrid::Clip::None});
            grids.push_back({bits, 0, symmetric, true, WeightGrid::Range::Narrow, WeightGrid::Clip::None});
            if (symmetric)
                grids.push_back({bits, 0, symmetric, false, WeightGrid::Range::Full, WeightGrid::Clip::None});
        }
    return grids;
}

std::vector<ActivationGrid> activationGrids()
{
    std::vector<ActivationGrid> grids{{}};
    for (const ActivationScheme scheme : {ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel, ActivationScheme::Cross, ActivationScheme::CrossStatic})
        for (const int bits : {2, 3, 4, 5, 6, 7, 8})
            for (const bool symmetric : {true, false})
                grids.push_back({scheme, bits, symmetric, 0.15});
    return grids;
}

std::vector<KvCacheGrid> cacheGrids()
{
    std::vector<KvCacheGrid> grids;
    for (const auto scheme : {KvCacheGrid::Scheme::PerToken, KvCacheGrid::Scheme::PerTokenHead})
        for (const auto position : {KvCacheGrid::Position::PreRope, KvCacheGrid::Position::PostRope})
            for (const int bits : {2, 3, 4, 5, 6, 7, 8})
                for (const bool symmetric : {true, false})
                    for (const bool queries : {false, true})
                        for (const bool some : {false, true})
                            grids.push_back({scheme, bits, symmetric, position, queries, some ? std::vector<int>{0} : std::vector<int>{}});
    return grids;
}

Recipe recipeOf(const Scheme& scheme, const KvCacheGrid& cache = {})
{
    Recipe recipe;
    recipe.calibration = {4, kSample, 0};
    recipe.defaults = patchOf(scheme);
    recipe.kvCache = cache;
    return recipe;
}

/// Which sites of a block a contract takes a scheme on: 0 refused, 1 served otherwise than here (it says so), 2 the same function.
PerSite<int> claimOf(const Recipe& recipe, const ModelDescription& model)
{
    PerSite<int> claims;
    const auto all = [&](int claim) {
        for (const SiteKind kind : kindsOf(model.sites))
            claims[kind] = claim;
    };
    all(0);
    std::vector<ResolvedPlan> plans;
    try {
        plans = resolve(recipe, model);
    } catch (const Error&) {   // no recipe for this model at all, whatever the contract
        return claims;
    }
    if (!quantizesAnything(plans, {}))
        return claims;
    all(2);
    for (const ContractIssue& issue : checkContract(kContract, plans, model, recipe.kvCache)) {
        if (issue.linear.empty())
            all(issue.fatal ? 0 : 1);
        for (const LinearInfo& linear : model.linears)
            if (linear.name == issue.linear) {
                int& claim = claims[linear.site];
                claim = std::min(claim, issue.fatal ? 0 : 1);
            }
    }
    return claims;
}

/// The least and the most of the sites' claims.
std::pair<int, int> endsOf(const PerSite<int>& claims)
{
    const auto [least, most] = std::minmax_element(claims.begin(), claims.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return {least->second, most->second};
}

struct Claimed {
    Scheme scheme;
    PerSite<int> sites;
};

class Writer {
public:
    Writer(fs::path models, fs::path text, fs::path out) : m_models(std::move(models)), m_text(std::move(text)), m_out(std::move(out)) {}

    void family(const std::string& id)
    {
        const fs::path shallow = m_models / id, deep = m_models / (id + "-deep");
        const ModelDescription model = describeModel(shallow, false), deepModel = describeModel(deep, false);
        std::deque<Claimed> clean;
        bool warned = false;
        for (const WeightGrid& weights : weightGrids())
            for (const ActivationGrid& activations : activationGrids()) {
                const Scheme scheme{weights, activations};
                const auto claims = claimOf(recipeOf(scheme), model);
                const auto [least, most] = endsOf(claims);
                if (most == 2)
                    clean.push_back({scheme, claims});
                if (least == 1 && !warned) {
                    warned = true;   // one of them: it must open, and is told to compute otherwise
                    write(id, shallow, nameOf(scheme) + " throughout", recipeOf(scheme), false);
                }
                // Alone: one config group for all, or none of mixed formats.
                if (least == 2 && (id == "llama" ? activations.bits == 8 : weights.bits == 4 && weights.group == 32 && !activations.quantized()))
                    write(id, shallow, nameOf(scheme), recipeOf(scheme), true);
            }
        for (int bundle = 0; !clean.empty(); ++bundle)
            write(id, deep, "mixed " + std::to_string(bundle), bundleOf(clean, deepModel), true);
        const Scheme beside{{8, 32, true, false, WeightGrid::Range::Narrow, WeightGrid::Clip::None}, {}};
        for (const KvCacheGrid& cache : cacheGrids())
            if (endsOf(claimOf(recipeOf(beside, cache), model)).first == 2)
                write(id, shallow, nameOf(cache), recipeOf(beside, cache), true);
        fitted(id, shallow, model, beside);
    }

    void finish() const
    {
        std::ofstream(m_out / "claims.json") << m_claims.dump(1);
        std::printf("%zu exports\n", m_claims.size());
    }

private:
    /// A scheme a site, as many as there are sites; those used leave the list.
    static Recipe bundleOf(std::deque<Claimed>& schemes, const ModelDescription& model)
    {
        Recipe recipe;
        recipe.calibration = {4, kSample, 0};
        for (const SiteInfo& site : model.sites) {
            const auto fits = std::find_if(schemes.begin(), schemes.end(), [&](const Claimed& claimed) { return claimed.sites.at(site.kind) == 2; });
            if (fits == schemes.end())
                continue;
            for (const std::string& linear : site.linears)
                recipe.rules.push_back({linear, patchOf(fits->scheme)});
            schemes.erase(fits);
        }
        return recipe;
    }

    /// What no contract is asked about: an export without one never writes a cache that a loader would stumble over.
    void fitted(const std::string& id, const fs::path& model, const ModelDescription& description, const Scheme& beside)
    {
        const KvCacheGrid cache{KvCacheGrid::Scheme::PerTokenHead, 8, false, KvCacheGrid::Position::PostRope, false, {}};
        if (!whyNotServed(cache, description.config).empty())
            write(id, model, nameOf(cache) + ", left behind", recipeOf(beside, cache), false);
    }

    void write(const std::string& family, const fs::path& modelPath, const std::string& what, const Recipe& recipe, bool same)
    {
        SilentProgress progress;
        const std::string number = std::to_string(m_claims.size());
        const fs::path folder = m_out / number;
        fs::create_directories(folder);
        const auto model = Model::open(modelPath);
        const std::shared_ptr<Project> project = Project::open(folder / "run.halftone", modelPath);
        QuantizeJob job;
        job.model = modelPath;
        job.recipe = recipe;
        job.text = m_text;
        job.project = project;
        job.opened = model;
        job.options.threads = 1;
        const QuantizeResult run = quantize(job, progress, {});
        ExportJob exporting;
        exporting.project = project;
        exporting.format = "compressed-tensors";
        exporting.out = folder / "export";
        const ExportResult result = exportRun(exporting, progress, {});
        const at::NoGradGuard noGrad;
        writeLogits(*openRun(model, project, run.run.id), folder / "logits.bin");
        if (const fs::path file = m_out / (modelPath.filename().string() + ".bin"); !fs::exists(file))
            writeLogits(*model, file);
        // The size that was promised is the size of the tensors.
        const ModelDescription description = model->describe();
        const std::vector<ResolvedPlan> plans = resolve(recipe, description);
        const std::uint64_t said = estimateSize(plans, description).bytes;
        const bool dense = m_claims.size() % 8 == 0;   // of which a size alone is asked
        if (dense) {
            exporting.format = "dense";
            exporting.out = folder / "dense";
            exportRun(exporting, progress, {});
        }
        const bool rounds = openRun(model, project, run.run.id)->roundsActivations();
        m_claims.push_back({{"family", family}, {"what", what}, {"folder", number}, {"same", same}, {"said_bytes", said}, {"dense_bytes", dense ? Json(estimateSize(plans, description).denseBytes) : Json(nullptr)}, {"float", modelPath.filename().string() + ".bin"},
                            {"warnings", result.warnings}, {"cache", recipe.kvCache.quantized() && whyNotServed(recipe.kvCache, description.config).empty()},
                            {"rounds_activations", rounds}, {"vocabulary", description.config.vocabulary}, {"tokens", kTokens}, {"windows", kWindows}});
    }

    static void writeLogits(const BlockSource& source, const fs::path& file)
    {
        std::vector<std::vector<std::int32_t>> ids(kWindows);
        for (int w = 0; w < kWindows; ++w)
            for (int t = 0; t < kTokens; ++t)
                ids[static_cast<std::size_t>(w)].push_back(static_cast<std::int32_t>((97 * (t + 1) + 31 * w) % source.config().vocabulary));
        at::Tensor hidden = source.embed(ids);
        for (int b = 0; b < source.config().blocks; ++b)
            hidden = source.block(b).forward(hidden);
        const at::Tensor logits = source.logits(hidden.reshape({-1, hidden.size(-1)})).contiguous();
        std::ofstream(file, std::ios::binary).write(static_cast<const char*>(logits.const_data_ptr()), static_cast<std::streamsize>(logits.nbytes()));
    }

    fs::path m_models, m_text, m_out;
    Json m_claims = Json::array();
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "write_claims MODELS FAMILY TEXT OUT\n");
        return 2;
    }
    try {
        at::set_num_threads(1);
        Writer writer(argv[1], argv[3], argv[4]);
        writer.family(argv[2]);
        writer.finish();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    return 0;
}
