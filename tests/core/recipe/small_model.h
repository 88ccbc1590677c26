#pragma once

#include "core/model/describe.h"

#include <string>

/// A description as describeModel() would give it: LLaMA's names and SmolLM2's sizes unless told otherwise.
inline halftone::ModelDescription llamaDescription(int blocks = 3, std::int64_t hidden = 576, std::int64_t intermediate = 1536)
{
    using halftone::SiteKind;
    halftone::ModelDescription model;
    model.config.architecture = "llama";
    model.config.blocks = blocks;
    model.config.hidden = hidden;
    model.config.intermediate = intermediate;
    model.parameters = 49152 * hidden;
    for (int block = 0; block < blocks; ++block) {
        const std::string at = "model.layers." + std::to_string(block);
        const auto add = [&](const char* name, SiteKind site, std::int64_t out, std::int64_t in) {
            model.linears.push_back({at + name, block, site, out, in, "BF16", false});
            model.parameters += out * in;
        };
        add(".self_attn.q_proj", SiteKind::AttentionInput, hidden, hidden);
        add(".self_attn.k_proj", SiteKind::AttentionInput, hidden / 3, hidden);
        add(".self_attn.v_proj", SiteKind::AttentionInput, hidden / 3, hidden);
        add(".self_attn.o_proj", SiteKind::AttentionOutput, hidden, hidden);
        add(".mlp.gate_proj", SiteKind::MlpInput, intermediate, hidden);
        add(".mlp.up_proj", SiteKind::MlpInput, intermediate, hidden);
        add(".mlp.down_proj", SiteKind::MlpMiddle, hidden, intermediate);
    }
    return model;
}

/// OPT's names.
inline halftone::ModelDescription optDescription(int blocks = 2, std::int64_t hidden = 64)
{
    using halftone::SiteKind;
    halftone::ModelDescription model;
    model.config.architecture = "opt";
    model.config.blocks = blocks;
    for (int block = 0; block < blocks; ++block) {
        const std::string at = "model.decoder.layers." + std::to_string(block);
        for (const char* name : {".self_attn.q_proj", ".self_attn.k_proj", ".self_attn.v_proj"})
            model.linears.push_back({at + name, block, SiteKind::AttentionInput, hidden, hidden, "F32", true});
        model.linears.push_back({at + ".self_attn.out_proj", block, SiteKind::AttentionOutput, hidden, hidden, "F32", true});
        model.linears.push_back({at + ".fc1", block, SiteKind::MlpInput, 4 * hidden, hidden, "F32", true});
        model.linears.push_back({at + ".fc2", block, SiteKind::MlpMiddle, hidden, 4 * hidden, "F32", true});
    }
    for (const auto& linear : model.linears)
        model.parameters += linear.weights();
    return model;
}
