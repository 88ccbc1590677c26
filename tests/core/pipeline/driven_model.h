#pragma once

#include "golden.h"

#include "core/pipeline/block_driver.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <span>
#include <string>
#include <vector>

namespace halftone::testing {

struct Driven {
    std::vector<DecoderBlock> before, after;   ///< every block as it was and as it came out
    std::vector<StoredBlock> stored;
    double error = 0;                          ///< of the last hidden states against the float model's, squared, mean
};

/// A golden model (which may lack a tokenizer) taken through the block driver on four windows of 32 tokens.
inline Driven drive(const std::string& model, const std::vector<Plan>& plansOfABlock, std::uint64_t seed = 0)
{
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/" + model));
    std::vector<std::vector<std::int32_t>> ids(4, std::vector<std::int32_t>(32));
    for (std::size_t i = 0; i < ids.size(); ++i)
        for (std::size_t j = 0; j < ids[i].size(); ++j)
            ids[i][j] = static_cast<std::int32_t>((31 * i + 7 * j * (i + 1) + 3) % 80);
    CalibrationStreams streams{ActivationStream(2, 0, 0, {}), ActivationStream(2, 0, 0, {}), std::nullopt, 2, 4, seed};
    streams.floatHidden.emplace(2, 0, 0, std::filesystem::path());
    for (std::size_t i = 0; i < 2; ++i) {
        const at::Tensor embedded = opened->embed(std::span(ids).subspan(2 * i, 2));
        streams.hidden.put(i, embedded);
        streams.floatHidden->put(i, embedded.clone());
    }
    Driven result;
    for (int b = 0; b < opened->config().blocks; ++b) {
        DecoderBlock block = opened->block(b);
        result.before.push_back(block);
        BlockDriver driver(block, plansOfABlock, streams, {}, [](const std::string&) {});
        driver.advanceFloat();
        result.stored.push_back(driver.quantize());
        result.after.push_back(block);
    }
    for (std::size_t i = 0; i < 2; ++i)
        result.error += (streams.hidden.get(i) - streams.floatHidden->get(i)).square().mean().item<double>() / 2;
    return result;
}

/// Linears of a block of that model.
inline std::size_t linearsOf(const std::string& model)
{
    return Model::open(golden::data("goldens/" + model))->block(0).linears().size();
}

/// The defaults of a method with some of its parameters changed, where it has them.
inline MethodChoice changed(MethodKind kind, const std::string& id, const std::vector<std::pair<std::string, ParameterValue>>& changes)
{
    MethodChoice choice = defaultChoice(kind, id);
    for (const auto& [key, value] : changes)
        for (auto& [name, held] : choice.parameters)
            if (name == key)
                held = value;
    return choice;
}

} // namespace halftone::testing
