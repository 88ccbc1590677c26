#include "core/model/architectures/common.h"

#include "core/base/error.h"

#include <algorithm>
#include <array>
#include <cmath>

// Rotary positions as a config says them: transformers' rope_parameters (and the older rope_theta and rope_scaling), and GGUF's rope.* keys.
namespace halftone {

namespace {

constexpr double kLargestFactor = 1e6;
constexpr double kLargestTheta = 1e12;

/// What YaRN does to the length of queries and keys, arXiv:2309.00071 §3.4.
double magnitude(double factor, double scale = 1)
{
    return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

std::vector<double> factorsOf(const ConfigReader& rope, std::string_view key, const ModelConfig& config)
{
    const Json* list = rope.find(key);
    const auto wanted = static_cast<std::size_t>(config.headDim / 2);
    if (!list || !list->is_array() || list->size() != wanted)
        rope.fail(key, "must list " + std::to_string(wanted) + " factors, one for each pair of a head's dimensions");
    std::vector<double> factors;
    for (const Json& item : *list) {
        const double factor = item.is_number() ? item.get<double>() : 0;
        if (!(factor > 0 && factor < kLargestFactor))
            rope.fail(key, "holds a factor that is no positive number");
        factors.push_back(factor);
    }
    return factors;
}

/// The factor, where null means the ratio of the positions to the original ones. `required`: the key must be there all the same.
double ratio(const ConfigReader& rope, const ModelConfig& config, std::int64_t original, bool required)
{
    if (rope.has("factor"))
        return rope.real("factor", 1e-6, kLargestFactor);
    if (required && !rope.mentions("factor"))
        rope.fail("factor", "is missing");
    return static_cast<double>(config.maxPositions) / static_cast<double>(original);
}

void readYarn(const ConfigReader& rope, const ModelConfig& config, RopeScaling& out)
{
    out.kind = RopeScaling::Kind::Yarn;
    out.factor = ratio(rope, config, out.originalPositions, true);
    // Zero counts as absent, as in Python's "or".
    const auto orElse = [&](std::string_view key, double fallback) {
        const double value = rope.real(key, 0, kLargestFactor, 0);
        return value != 0 ? value : fallback;
    };
    out.betaFast = orElse("beta_fast", 32);
    out.betaSlow = orElse("beta_slow", 1);
    out.truncate = rope.boolean("truncate", true);
    const double all = rope.real("mscale_all_dim", -kLargestFactor, kLargestFactor, 0);
    const double some = rope.real("mscale", -kLargestFactor, kLargestFactor, 0);
    out.attentionFactor = rope.has("attention_factor") ? rope.real("attention_factor", 0, kLargestFactor)
        : some != 0 && all != 0                        ? magnitude(out.factor, some) / magnitude(out.factor, all)
                                                       : magnitude(out.factor);
}

void readLongRope(const ConfigReader& rope, const ModelConfig& config, RopeScaling& out)
{
    out.kind = RopeScaling::Kind::LongRope;
    out.factor = ratio(rope, config, out.originalPositions, false);
    out.shortFactors = factorsOf(rope, "short_factor", config);
    out.longFactors = factorsOf(rope, "long_factor", config);
    out.attentionFactor = rope.has("attention_factor") ? rope.real("attention_factor", 0, kLargestFactor)
        : out.factor <= 1                              ? 1
                                                       : std::sqrt(1 + std::log(out.factor) / std::log(static_cast<double>(out.originalPositions)));
    if (!std::isfinite(out.attentionFactor))
        rope.fail("original_max_position_embeddings", "gives no finite attention factor");
}

void readLlama3(const ConfigReader& rope, RopeScaling& out)
{
    out.kind = RopeScaling::Kind::Llama3;
    out.factor = rope.real("factor", 1e-6, kLargestFactor);
    out.lowFrequencyFactor = rope.real("low_freq_factor", 1e-6, kLargestFactor);
    out.highFrequencyFactor = rope.real("high_freq_factor", 1e-6, kLargestFactor);
    if (out.highFrequencyFactor <= out.lowFrequencyFactor)
        rope.fail("high_freq_factor", "must be above low_freq_factor");
}

/// Keys of rope_parameters that belong to another type are ignored by the stock loader; keys that it does not know either may mean anything.
void lookAtTheRest(const ConfigReader& rope, const std::string& type)
{
    static constexpr std::array kOfSomeType{"factor",      "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
                                            "mscale",      "mscale_all_dim",                   "truncate",         "short_factor", "long_factor",
                                            "low_freq_factor", "high_freq_factor",             "finetuned"};
    for (const std::string& key : rope.unread()) {
        if (!rope.has(key))
            continue;
        if (std::find(kOfSomeType.begin(), kOfSomeType.end(), key) == kOfSomeType.end())
            rope.unsupported(key, "is a rotary parameter that is not known");
        if (key != "finetuned")
            rope.note(key, "is not read where the type is \"" + type + "\"");
    }
}

void readScaling(const ConfigReader& reader, const ConfigReader& rope, ModelConfig& config)
{
    const std::string type = rope.text(rope.firstOf({"rope_type", "type"}), "default");
    RopeScaling& out = config.ropeScaling;
    if (type == "llama3" || type == "yarn" || type == "longrope") {   // a value beside rope_parameters goes before one in it
        const std::int64_t inside = rope.integer("original_max_position_embeddings", 1, kMaxPositions, config.maxPositions);
        out.originalPositions = reader.integer("original_max_position_embeddings", 1, kMaxPositions, inside);
    }
    if (type == "linear") {
        out.kind = RopeScaling::Kind::Linear;
        out.factor = rope.real("factor", 1e-6, kLargestFactor);
    } else if (type == "dynamic") {
        out.kind = RopeScaling::Kind::Dynamic;
        out.factor = rope.real("factor", 1, kLargestFactor);
        out.originalPositions = config.maxPositions;
    } else if (type == "llama3") {
        readLlama3(rope, out);
    } else if (type == "yarn") {
        readYarn(rope, config, out);
    } else if (type == "longrope") {
        readLongRope(rope, config, out);
    } else if (type != "default" && type != "none") {
        rope.unsupported("rope_type", "is \"" + printable(type, 60) + "\"; known are default, linear, dynamic, llama3, yarn and longrope");
    }
    lookAtTheRest(rope, type);
}

} // namespace

void readRope(const ConfigReader& reader, ModelConfig& config)
{
    // transformers 5: an older rope_scaling goes before rope_parameters, and what either does not say stands beside it.
    static const Json nothing = Json::object();
    const Json* chosen = &nothing;
    std::string where = "rope_parameters";
    for (const char* key : {"rope_parameters", "rope_scaling"}) {
        const Json* value = reader.find(key);
        if (!value || (value->is_object() && value->empty()))
            continue;
        if (!value->is_object())
            reader.fail(key, "is no object");
        if (chosen != &nothing)
            reader.note(key, "is set beside rope_parameters, and counts as in transformers");
        chosen = value;
        where = key;
    }
    const ConfigReader rope(*chosen, reader.subject() + " (" + where + ")");
    config.ropeTheta = rope.real("rope_theta", 1, kLargestTheta, reader.real("rope_theta", 1, kLargestTheta, 10000));
    for (const ConfigReader* one : {&rope, &reader})
        if (one->real("partial_rotary_factor", 0, 1, 1) != 1)
            one->unsupported("partial_rotary_factor", "below 1 is not supported");
    readScaling(reader, rope, config);
    for (const std::string& note : rope.notes())
        reader.pass(note);
}

void readGgufRope(const ConfigReader& reader, ModelConfig& config)
{
    config.ropeTheta = reader.real("rope.freq_base", 1, kLargestTheta, 10000);
    RopeScaling& out = config.ropeScaling;
    const bool hasFactor = reader.has("rope.scaling.factor") || reader.has("rope.scale_linear");
    const std::string type = reader.text("rope.scaling.type", hasFactor ? "linear" : "none");
    double factor = reader.real(reader.firstOf({"rope.scaling.factor", "rope.scale_linear"}), 0, kLargestFactor, 1);
    factor = factor == 0 ? 1 : factor;
    const double attention = reader.real("rope.scaling.attn_factor", 0, kLargestFactor, 1);
    out.originalPositions = reader.integer("rope.scaling.original_context_length", 0, kMaxPositions, 0);
    if (out.originalPositions == 0)
        out.originalPositions = config.maxPositions;
    if (type == "linear" && factor != 1) {
        out.kind = RopeScaling::Kind::Linear;
        out.factor = factor;
    } else if (type == "yarn") {   // as llama.cpp: the lengths follow the factor alone, times attn_factor
        out.kind = RopeScaling::Kind::Yarn;
        out.factor = factor;
        out.betaFast = reader.real("rope.scaling.yarn_beta_fast", 1e-6, kLargestFactor, 32);
        out.betaSlow = reader.real("rope.scaling.yarn_beta_slow", 1e-6, kLargestFactor, 1);
        const double all = reader.real("rope.scaling.yarn_log_multiplier", 0, kLargestFactor, 0);
        out.attentionFactor = attention * (all != 0 ? magnitude(factor) / magnitude(factor, all) : magnitude(factor));
        if (const double mix = reader.real("rope.scaling.yarn_ext_factor", -kLargestFactor, kLargestFactor, -1); mix >= 0 && mix != 1)
            reader.unsupported("rope.scaling.yarn_ext_factor", "is neither 1 nor left to the program");
        static_cast<void>(reader.find("rope.scaling.yarn_attn_factor"));   // llama.cpp puts its own in its place
    } else if (type != "none" && type != "linear") {
        reader.unsupported("rope.scaling.type", "is \"" + printable(type, 60) + "\"; known are none, linear and yarn");
    }
    if (type != "yarn" && attention != 1)
        reader.unsupported("rope.scaling.attn_factor", "is set without YaRN, which is not supported");
}

} // namespace halftone
