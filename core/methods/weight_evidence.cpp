#include "core/methods/weight_evidence.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace halftone {

WeightEvidence weightEvidence(std::string kind, const at::Tensor& matrix, std::int64_t rank, double learnable)
{
    const at::Tensor full = matrix.detach().to(at::kCPU, at::kFloat).contiguous();
    WeightEvidence evidence;
    evidence.kind = std::move(kind);
    evidence.fullRows = full.size(0);
    evidence.fullColumns = full.size(1);
    evidence.rows = std::min(evidence.fullRows, kEvidenceSide);
    evidence.columns = std::min(evidence.fullColumns, kEvidenceSide);
    evidence.rank = rank;
    evidence.learnable = learnable;
    evidence.values.assign(static_cast<std::size_t>(evidence.rows * evidence.columns), 0.0f);
    const float* from = full.const_data_ptr<float>();
    std::vector<std::size_t> cellOf(static_cast<std::size_t>(evidence.fullColumns));
    for (std::int64_t c = 0; c < evidence.fullColumns; ++c)
        cellOf[static_cast<std::size_t>(c)] = static_cast<std::size_t>(c * evidence.columns / evidence.fullColumns);
    for (std::int64_t r = 0; r < evidence.fullRows; ++r) {
        float* row = evidence.values.data() + (r * evidence.rows / evidence.fullRows) * evidence.columns;
        for (std::int64_t c = 0; c < evidence.fullColumns; ++c) {
            const float value = from[r * evidence.fullColumns + c];
            float& cell = row[cellOf[static_cast<std::size_t>(c)]];
            if (std::isnan(value) || std::abs(value) > std::abs(cell))
                cell = value;
        }
    }
    return evidence;
}

} // namespace halftone
