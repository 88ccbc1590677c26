#include "core/base/error.h"
#include "core/base/json.h"
#include "core/recipe/json_node.h"
#include "core/recipe/plan_fields.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <utility>

namespace halftone {
namespace {

using Node = JsonNode;

constexpr int kMaxRules = 100'000;
constexpr int kMaxSamples = 1'000'000;
constexpr int kMaxLength = 1 << 20;
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

MethodChoice parsed(const Node& node, const AsMethod& as) { return parseChoice(node, as.kind); }
int parsed(const Node& node, const AsBits& as) { return parseBits(node, as.orFloat); }
int parsed(const Node& node, const AsCount& as) { return static_cast<int>(node.integer(as.minimum, as.maximum)); }
bool parsed(const Node& node, AsFlag) { return node.boolean(); }
double parsed(const Node& node, const AsReal& as) { return node.real(as.minimum, as.maximum); }
template <typename Value> Value parsed(const Node& node, const AsWord<Value>& as)
{
    std::vector<std::string> words;
    for (const auto& word : as.words)
        words.emplace_back(word.word);
    return as.words[node.word(words)].value;
}

/// "weights.bits" → {"weights", "bits"}; "transform" → {"", "transform"}.
std::pair<std::string, std::string> placeOf(std::string_view path)
{
    const std::size_t dot = path.find('.');
    return dot == std::string_view::npos ? std::pair{std::string(), std::string(path)} : std::pair{std::string(path.substr(0, dot)), std::string(path.substr(dot + 1))};
}

/// Keys of a patch itself (object ""), then of each object in it.
using PatchKeys = std::vector<std::pair<std::string, std::vector<std::string>>>;

PatchKeys patchKeys(bool rule)
{
    PatchKeys objects{{"", {}}};
    if (rule)
        objects.front().second.push_back("match");
    eachPlanField([&](const auto& field) {
        const auto [object, key] = placeOf(field.path);
        auto at = std::find_if(objects.begin(), objects.end(), [&, &wanted = object](const auto& known) { return known.first == wanted; });
        if (at == objects.end()) {
            objects.front().second.push_back(object);
            at = objects.insert(objects.end(), {object, {}});
        }
        at->second.push_back(key);
    });
    return objects;
}

/// `node`: defaults, or a rule with "match".
PlanPatch parsePatch(const Node& node, bool rule)
{
    static const PatchKeys ofDefaults = patchKeys(false), ofRule = patchKeys(true);
    for (const auto& [object, keys] : rule ? ofRule : ofDefaults)
        if (object.empty())
            node.object(keys);
        else if (node.has(object))
            node[object].object(keys);
    PlanPatch patch;
    eachPlanField([&](const auto& field) {
        const auto [object, key] = placeOf(field.path);
        if (object.empty() ? node.has(key) : node.has(object) && node[object].has(key))
            patch.*field.key = parsed(object.empty() ? node[key] : node[object][key], field.notation);
    });
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

Json written(const MethodChoice& choice, const AsMethod&)
{
    Json json{{"method", choice.method}};
    for (const auto& [key, value] : choice.parameters)
        std::visit([&json, &k = key](const auto& v) { json[k] = v; }, value);
    return json;
}
template <typename Value> Json written(Value value, const AsWord<Value>& as)
{
    for (const auto& word : as.words)
        if (word.value == value)
            return std::string(word.word);
    throw std::logic_error("a value without a word");
}
template <typename Value, typename Notation> Json written(const Value& value, const Notation&) { return value; }

Json patchJson(const PlanPatch& patch)
{
    Json json = Json::object();
    eachPlanField([&](const auto& field) {
        if (!field.isIn(patch))
            return;
        const auto [object, key] = placeOf(field.path);
        (object.empty() ? json : json[object])[key] = written(*(patch.*field.key), field.notation);
    });
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
