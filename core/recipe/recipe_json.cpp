#include "core/base/error.h"
#include "core/base/json.h"
#include "core/recipe/json_node.h"
#include "core/recipe/recipe.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <set>

namespace halftone {
namespace {

using Node = JsonNode;

constexpr int kMaxRules = 100'000;
constexpr int kMaxSamples = 1'000'000;
constexpr int kMaxLength = 1 << 20;
constexpr int kMaxGroup = 1 << 20;
constexpr int kMaxBlocks = 10'000;

ParameterValue parseParameter(const Node& node, const ParameterInfo& info)
{
    switch (info.type) {
    case ParameterInfo::Type::Boolean:
        return node.boolean();
    case ParameterInfo::Type::Integer:
        return node.integer(static_cast<std::int64_t>(info.minimum), static_cast<std::int64_t>(info.maximum));
    case ParameterInfo::Type::Real:
        return node.real(info.minimum, info.maximum);
    case ParameterInfo::Type::Choice:
        return info.choices[node.word(info.choices)];
    }
    node.fail("has a parameter of a kind that recipes cannot hold.");
}

MethodChoice parseChoice(const Node& node, MethodKind kind)
{
    if (!node.value().is_object())
        node.fail("must be an object with \"method\", not " + shown(node.value()) + ".");
    if (!node.has("method"))
        node.missing("method").fail("is missing; it names the " + std::string(name(kind)) + " method.");
    std::vector<std::string> known{"none"};
    for (const MethodInfo& info : methodInfos())
        if (info.kind == kind)
            known.push_back(info.id);
    MethodChoice choice{known[node["method"].word(known)], {}};

    std::vector<std::string> keys{"method"};
    const MethodInfo* info = choice.method == "none" ? nullptr : findMethod(kind, choice.method);
    if (info)
        for (const ParameterInfo& parameter : info->parameters)
            keys.push_back(parameter.key);
    node.object(keys);
    if (info)
        for (const ParameterInfo& parameter : info->parameters)
            if (node.has(parameter.key))
                choice.parameters.emplace_back(parameter.key, parseParameter(node[parameter.key], parameter));
    std::sort(choice.parameters.begin(), choice.parameters.end());
    return choice;
}

int parseBits(const Node& node, bool orFloat)
{
    const std::string allowed = orFloat ? "2 to 8, or 16 (left float)" : "2 to 8";
    if (!node.value().is_number_integer())
        node.fail("must be a whole number, " + allowed + ", not " + shown(node.value()) + ".");
    const Json& value = node.value();
    const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= 16 : value.get<std::int64_t>() >= 0;
    const int bits = fits ? value.get<int>() : -1;
    if (!(bits >= 2 && bits <= 8) && !(orFloat && bits == 16))
        node.fail(shown(value) + " bits are not possible; allowed are " + allowed + ".");
    return bits;
}

void parseWeights(const Node& node, PlanPatch& patch)
{
    node.object({"bits", "group", "symmetric", "range", "clip", "per_tensor"});
    if (node.has("bits"))
        patch.bits = parseBits(node["bits"], true);
    if (node.has("group"))
        patch.group = static_cast<int>(node["group"].integer(0, kMaxGroup));
    if (node.has("symmetric"))
        patch.symmetric = node["symmetric"].boolean();
    if (node.has("range"))
        patch.range = node["range"].word({"narrow", "full"}) == 0 ? WeightGrid::Range::Narrow : WeightGrid::Range::Full;
    if (node.has("clip"))
        patch.clip = node["clip"].word({"none", "mse"}) == 0 ? WeightGrid::Clip::None : WeightGrid::Clip::Mse;
    if (node.has("per_tensor"))
        patch.perTensor = node["per_tensor"].boolean();
}

void parseActivations(const Node& node, PlanPatch& patch)
{
    node.object({"scheme", "bits", "symmetric", "alpha"});
    if (node.has("scheme")) {
        constexpr ActivationScheme kSchemes[] = {ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken,
            ActivationScheme::PerChannel, ActivationScheme::Cross, ActivationScheme::CrossStatic};
        std::vector<std::string> words;
        for (const ActivationScheme scheme : kSchemes)
            words.emplace_back(name(scheme));
        patch.scheme = kSchemes[node["scheme"].word(words)];
    }
    if (node.has("bits"))
        patch.activationBits = parseBits(node["bits"], false);
    if (node.has("symmetric"))
        patch.activationSymmetric = node["symmetric"].boolean();
    if (node.has("alpha"))
        patch.alpha = node["alpha"].real(0, 1);
}

/// `node`: defaults, or a rule with "match".
PlanPatch parsePatch(const Node& node, bool rule)
{
    std::vector<std::string> keys{"transform", "rounding", "compensation", "weights", "activations"};
    if (rule)
        keys.insert(keys.begin(), "match");
    node.object(keys);
    PlanPatch patch;
    if (node.has("transform"))
        patch.transform = parseChoice(node["transform"], MethodKind::Transform);
    if (node.has("rounding"))
        patch.rounding = parseChoice(node["rounding"], MethodKind::Rounding);
    if (node.has("compensation"))
        patch.compensation = parseChoice(node["compensation"], MethodKind::Compensation);
    if (node.has("weights"))
        parseWeights(node["weights"], patch);
    if (node.has("activations"))
        parseActivations(node["activations"], patch);
    return patch;
}

CalibrationSettings parseCalibration(const Node& node)
{
    node.object({"samples", "length", "seed"});
    CalibrationSettings calibration;
    if (node.has("samples"))
        calibration.samples = static_cast<int>(node["samples"].integer(0, kMaxSamples));
    if (node.has("length"))
        calibration.length = static_cast<int>(node["length"].integer(2, kMaxLength));
    if (node.has("seed"))
        calibration.seed = static_cast<std::uint64_t>(node["seed"].integer(0, std::numeric_limits<std::int64_t>::max()));
    return calibration;
}

KvCacheGrid parseKvCache(const Node& node)
{
    using enum KvCacheGrid::Scheme;
    using enum KvCacheGrid::Position;
    node.object({"scheme", "bits", "symmetric", "position", "queries", "float_blocks"});
    KvCacheGrid grid;
    if (node.has("scheme")) {
        constexpr KvCacheGrid::Scheme kSchemes[] = {None, PerToken, PerTokenHead};
        grid.scheme = kSchemes[node["scheme"].word({"none", "per_token", "per_token_head"})];
    }
    if (node.has("bits"))
        grid.bits = parseBits(node["bits"], true);
    if (node.has("symmetric"))
        grid.symmetric = node["symmetric"].boolean();
    if (node.has("position"))
        grid.position = node["position"].word({"pre_rope", "post_rope"}) == 0 ? PreRope : PostRope;
    if (node.has("queries"))
        grid.queries = node["queries"].boolean();
    if (node.has("float_blocks")) {
        const Node blocks = node["float_blocks"];
        if (!blocks.value().is_array())
            blocks.fail("must be a list of block numbers, not " + shown(blocks.value()) + ".");
        if (blocks.value().size() > kMaxBlocks)
            blocks.fail("has " + std::to_string(blocks.value().size()) + " blocks; at most " + std::to_string(kMaxBlocks) + " are read.");
        for (std::size_t i = 0; i < blocks.value().size(); ++i)
            grid.floatBlocks.push_back(static_cast<int>(blocks[i].integer(0, kMaxBlocks - 1)));
        std::sort(grid.floatBlocks.begin(), grid.floatBlocks.end());
        grid.floatBlocks.erase(std::unique(grid.floatBlocks.begin(), grid.floatBlocks.end()), grid.floatBlocks.end());
    }
    return grid;
}

Json kvCacheJson(const KvCacheGrid& grid)
{
    if (grid == KvCacheGrid{})
        return {{"scheme", name(grid.scheme)}};
    Json json{{"scheme", name(grid.scheme)}, {"bits", grid.bits}, {"symmetric", grid.symmetric}, {"position", name(grid.position)}, {"queries", grid.queries}};
    if (!grid.floatBlocks.empty())
        json["float_blocks"] = grid.floatBlocks;
    return json;
}

Json choiceJson(const MethodChoice& choice)
{
    Json json{{"method", choice.method}};
    for (const auto& [key, value] : choice.parameters)
        std::visit([&json, &k = key](const auto& v) { json[k] = v; }, value);
    return json;
}

Json patchJson(const PlanPatch& patch)
{
    Json json = Json::object();
    if (patch.transform)
        json["transform"] = choiceJson(*patch.transform);
    if (patch.rounding)
        json["rounding"] = choiceJson(*patch.rounding);
    if (patch.compensation)
        json["compensation"] = choiceJson(*patch.compensation);
    const auto put = [&json](const char* part, const char* key, const auto& value) {
        if (value)
            json[part][key] = *value;
    };
    put("weights", "bits", patch.bits);
    put("weights", "group", patch.group);
    put("weights", "symmetric", patch.symmetric);
    put("weights", "per_tensor", patch.perTensor);
    if (patch.range)
        json["weights"]["range"] = *patch.range == WeightGrid::Range::Full ? "full" : "narrow";
    if (patch.clip)
        json["weights"]["clip"] = *patch.clip == WeightGrid::Clip::Mse ? "mse" : "none";
    if (patch.scheme)
        json["activations"]["scheme"] = std::string(name(*patch.scheme));
    put("activations", "bits", patch.activationBits);
    put("activations", "symmetric", patch.activationSymmetric);
    put("activations", "alpha", patch.alpha);
    return json;
}

} // namespace

Recipe Recipe::parse(std::string_view text, std::string_view subject)
{
    const Json json = parseJson(text, subject, {16u << 20, 16});
    const Node root(json, "", subject, "the recipe");
    if (!json.is_object())
        root.fail("must be a JSON object, not " + shown(json) + ".");
    if (!root.has("halftone_recipe"))
        root.missing("halftone_recipe").fail("is missing; a recipe says \"halftone_recipe\": 1.");
    if (const Node version = root["halftone_recipe"]; !version.value().is_number_integer() || version.value() != 1)
        version.fail("is " + shown(version.value()) + "; this program reads recipes of version 1.");
    root.object({"halftone_recipe", "calibration", "defaults", "rules", "kv_cache", "contract"});

    Recipe recipe;
    if (root.has("calibration"))
        recipe.calibration = parseCalibration(root["calibration"]);
    if (root.has("defaults"))
        recipe.defaults = parsePatch(root["defaults"], false);
    if (root.has("rules")) {
        const Node rules = root["rules"];
        if (!rules.value().is_array())
            rules.fail("must be a list of rules, not " + shown(rules.value()) + ".");
        if (rules.value().size() > kMaxRules)
            rules.fail("has " + std::to_string(rules.value().size()) + " rules; at most " + std::to_string(kMaxRules) + " are read.");
        for (std::size_t i = 0; i < rules.value().size(); ++i) {
            const Node node = rules[i];
            Rule rule{{}, parsePatch(node, true)};
            if (!node.has("match"))
                node.missing("match").fail("is missing; it is a glob on names of linears, such as \"*.mlp.down_proj\".");
            rule.match = node["match"].text();
            if (rule.match.empty())
                node["match"].fail("is empty; it is a glob on names of linears, such as \"*.mlp.down_proj\".");
            if (const std::string problem = globProblem(rule.match); !problem.empty())
                node["match"].fail(inQuotes(rule.match) + " " + problem + "; allowed are * ? [abc] {a,b}.");
            recipe.rules.push_back(std::move(rule));
        }
    }
    if (root.has("kv_cache"))
        recipe.kvCache = parseKvCache(root["kv_cache"]);
    if (root.has("contract")) {
        std::vector<std::string> known = contracts();
        const Node contract = root["contract"];
        if (contract.text().empty())
            contract.fail("is empty; leave it out, or name one of " + listed(known) + ".");
        recipe.contract = known[contract.word(known)];
    }
    return recipe;
}

std::string Recipe::toJson() const
{
    Json json;
    json["halftone_recipe"] = 1;
    json["calibration"] = {{"samples", calibration.samples}, {"length", calibration.length}, {"seed", calibration.seed}};
    json["defaults"] = patchJson(defaults);
    json["rules"] = Json::array();
    for (const Rule& rule : rules) {
        Json entry = patchJson(rule.patch);
        entry["match"] = rule.match;
        json["rules"].push_back(std::move(entry));
    }
    json["kv_cache"] = kvCacheJson(kvCache);
    if (!contract.empty())
        json["contract"] = contract;
    return json.dump(2) + "\n";
}

} // namespace halftone
