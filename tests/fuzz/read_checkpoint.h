#pragma once

#include "reader.h"

#include "core/checkpoint/checkpoint.h"

#include <nlohmann/json.hpp>

namespace halftone::fuzz {

/// All that an accepted checkpoint claims to hold.
inline void readAll(const Checkpoint& checkpoint)
{
    for (const TensorInfo& tensor : checkpoint.tensors()) {
        if (checkpoint.find(tensor.name) == nullptr)
            finding("a tensor is not found by its name");
        if (checkpoint.readRaw(tensor).size() != tensor.bytes)
            finding("a tensor came short");
        if (isWeightType(tensor.dtype) && checkpoint.readFloats(tensor).size() != static_cast<std::size_t>(tensor.elements()))
            finding("weights came short");
    }
    checkpoint.whyAbsent("model.layers.0.mlp.up_proj.weight");
    checkpoint.fingerprint();
    detectCoarseGrid(checkpoint);
}

} // namespace halftone::fuzz
