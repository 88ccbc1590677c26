#include "core/pipeline/weight_maps.h"

#include "core/analysis/make_weight_map.h"
#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/pipeline/compute_scope.h"
#include "core/project/run_store.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <mutex>
#include <optional>

namespace halftone {

struct WeightMaps::Opened {
    std::filesystem::path path;
    std::mutex mutex;
    std::shared_ptr<const Model> model;

    at::Tensor weight(const std::string& linear)
    {
        std::shared_ptr<const Model> opened;
        {
            const std::lock_guard lock(mutex);
            if (!model)
                model = Model::open(path);
            opened = model;
        }
        return opened->weight(linear + ".weight");
    }
};

WeightMaps::WeightMaps(std::filesystem::path model) : m_opened(std::make_unique<Opened>())
{
    m_opened->path = std::move(model);
}

WeightMaps::~WeightMaps() = default;

WeightMap WeightMaps::rounded(const std::string& linear, const WeightGrid& grid, const std::stop_token& stop)
{
    WeightMap map;
    translateErrors(linear, [&] {
        const at::NoGradGuard noGrad;
        const at::Tensor weight = m_opened->weight(linear);
        throwIfStopped(stop);
        std::optional<QuantizedWeight> quantized;
        std::string note;
        if (grid.quantized()) {
            try {
                quantized = quantizeToNearest(weight, grid, linear);
            } catch (const Error& error) {
                if (error.kind() != ErrorKind::InvalidArgument)
                    throw;
                note = error.what();
            }
        }
        throwIfStopped(stop);
        map = makeWeightMap(linear, weight, quantized ? &*quantized : nullptr, stop);
        map.method = kNearestRounding;
        map.note = note;
    });
    return map;
}

WeightMap WeightMaps::ofRun(const std::string& linear, int block, const Project& project, const std::string& run, const std::stop_token& stop)
{
    WeightMap map;
    translateErrors(linear, [&] {
        const at::NoGradGuard noGrad;
        const at::Tensor weight = m_opened->weight(linear);
        throwIfStopped(stop);
        const StoredBlock stored = loadBlock(project, run, block);
        throwIfStopped(stop);
        const auto found = std::find_if(stored.linears.begin(), stored.linears.end(), [&](const StoredLinear& l) { return l.name == linear; });
        if (found == stored.linears.end())
            throw Error(ErrorKind::BadFile, run + " holds no results of " + linear, linear);
        map = makeWeightMap(linear, weight, found->weight ? &*found->weight : nullptr, stop);
        map.method = found->result.method;
        if (!found->weight)
            map.note = run + " left this linear float";
        else if (!stored.tensors.empty())
            map.note = run + " folded a transform into this block: the difference is to the model's own weight, and holds that rescaling";
    });
    map.run = run;
    return map;
}

} // namespace halftone
