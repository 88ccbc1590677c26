#include "core/base/error.h"
#include "core/base/json_paths.h"
#include "core/recipe/json_node.h"
#include "core/recipe/study.h"

#include <algorithm>
#include <functional>

namespace halftone {
namespace {

constexpr std::size_t kMaxEntries = 1000;   // of any list
constexpr int kMaxWindows = 1'000'000;
constexpr int kMaxLength = 1 << 20;
constexpr int kMaxGroup = 1 << 20;

/// A part of the study that is a recipe's, read by the recipe's own rules: complaints name the place in the study.
/// @param document a whole recipe around the part; @param inside the part's pointer in it
Recipe parseEmbedded(const Json& document, const std::string& inside, const JsonNode& node, std::string_view file)
{
    try {
        return Recipe::parse(document.dump(), file);
    } catch (const Error& e) {
        const std::string& pointer = e.subject();
        const std::string head = std::string(file) + ": " + (pointer.empty() ? "the recipe" : pointer) + ": ";
        const std::string what = e.what();
        const std::string sentence = what.starts_with(head) ? what.substr(head.size()) : what;
        const std::string rest = pointer.starts_with(inside) ? pointer.substr(inside.size()) : std::string();
        const std::string place = node.pointer() + rest;
        throw Error(ErrorKind::BadFile, std::string(file) + ": " + place + ": " + sentence, place);
    }
}

/// The entries of a list, or the one value that stands in its place.
std::vector<JsonNode> entries(const JsonNode& node, bool orOne)
{
    std::vector<JsonNode> made;
    if (!node.value().is_array()) {
        if (!orOne)
            node.fail("must be a list, not " + shown(node.value()) + ".");
        made.push_back(node);
        return made;
    }
    if (node.value().size() > kMaxEntries)
        node.fail("has " + std::to_string(node.value().size()) + " entries; at most " + std::to_string(kMaxEntries) + " are read.");
    for (std::size_t i = 0; i < node.value().size(); ++i)
        made.push_back(node[i]);
    return made;
}

std::filesystem::path inFolder(const std::filesystem::path& path, const std::filesystem::path& folder)
{
    return path.is_relative() && !folder.empty() ? (folder / path).lexically_normal() : path;
}

std::filesystem::path parsePath(const JsonNode& node, const std::filesystem::path& folder)
{
    const std::string text = node.text();
    if (text.empty())
        node.fail("is empty; it is a path.");
    return inFolder(text, folder);
}

/// The path under `key`, which `object` has; where its bytes are no UTF-8 as putPath() wrote them.
std::filesystem::path parsePath(const JsonNode& object, const char* key, const std::filesystem::path& folder)
{
    const std::string bytes = std::string(key) + "_bytes";
    if (!object.has(bytes))
        return parsePath(object[key], folder);
    object[key].text();
    try {
        return inFolder(takePath(object.value(), key), folder);
    } catch (const Error& e) {
        object[bytes].fail(e.what());
    }
}

std::string parseName(const JsonNode& node)
{
    std::string name = node.text();
    if (name.empty() || name.size() > 200)
        node.fail("must have 1 to 200 bytes.");
    return name;
}

StudyMethod parseMethod(const JsonNode& node, std::string_view file)
{
    node.object({"name", "transform", "rounding", "compensation", "weights"});
    Json patch = node.value();
    patch.erase("name");
    StudyMethod method;
    if (!node.has("name"))
        node.missing("name").fail("is missing; tables call the method by it.");
    method.name = parseName(node["name"]);
    method.patch = parseEmbedded({{"halftone_recipe", 1}, {"defaults", patch}}, "/defaults", node, file).defaults;
    return method;
}

int parseBits(const JsonNode& node, bool orFloat)
{
    const Json& value = node.value();
    const bool possible = value.is_number_integer() && (orFloat ? value == 16 : false);
    if (possible)
        return 16;
    if (!value.is_number_integer() || value < 2 || value > 8)
        node.fail(shown(value) + " bits are not possible; allowed are 2 to 8" + (orFloat ? ", or 16 (left float)." : "."));
    return value.get<int>();
}

/// One entry may hold lists of bits and alphas: each with each.
void parseActivations(const JsonNode& node, std::vector<ActivationGrid>& grids)
{
    node.object({"scheme", "bits", "symmetric", "alpha"});
    ActivationGrid grid;
    if (!node.has("scheme"))
        node.missing("scheme").fail("is missing; it names the activation grid.");
    constexpr ActivationScheme kSchemes[] = {ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken,
        ActivationScheme::PerChannel, ActivationScheme::Cross, ActivationScheme::CrossStatic};
    std::vector<std::string> words;
    for (const ActivationScheme scheme : kSchemes)
        words.emplace_back(name(scheme));
    grid.scheme = kSchemes[node["scheme"].word(words)];
    if (node.has("symmetric"))
        grid.symmetric = node["symmetric"].boolean();
    std::vector<int> bits{grid.bits};
    if (node.has("bits")) {
        bits.clear();
        for (const JsonNode& entry : entries(node["bits"], true))
            bits.push_back(parseBits(entry, false));
    }
    std::vector<double> alphas{grid.alpha};
    if (node.has("alpha")) {
        alphas.clear();
        for (const JsonNode& entry : entries(node["alpha"], true))
            alphas.push_back(entry.real(0, 1));
    }
    for (const int b : bits)
        for (const double alpha : alphas) {
            grid.bits = b;
            grid.alpha = alpha;
            try {
                validate(grid);
            } catch (const Error& e) {
                node.fail(std::string(e.what()) + ".");
            }
            grids.push_back(grid);
        }
}

void parseAxes(const JsonNode& node, Study& study, std::string_view file)
{
    node.object({"methods", "weight_bits", "groups", "activations"});
    if (node.has("methods"))
        for (const JsonNode& entry : entries(node["methods"], false))
            study.methods.push_back(parseMethod(entry, file));
    if (node.has("weight_bits"))
        for (const JsonNode& entry : entries(node["weight_bits"], true))
            study.weightBits.push_back(parseBits(entry, true));
    if (node.has("groups"))
        for (const JsonNode& entry : entries(node["groups"], true))
            study.groups.push_back(static_cast<int>(entry.integer(0, kMaxGroup)));
    if (node.has("activations"))
        for (const JsonNode& entry : entries(node["activations"], false))
            parseActivations(entry, study.activations);
}

void parseEvaluation(const JsonNode& node, Study& study, const std::filesystem::path& folder)
{
    node.object({"texts", "windows", "length", "divergence"});
    if (node.has("texts"))
        for (const JsonNode& entry : entries(node["texts"], false)) {
            StudyText text;
            if (entry.value().is_string()) {
                text.file = parsePath(entry, folder);
            } else {
                entry.object({"name", "file", "file_bytes"});
                if (!entry.has("file"))
                    entry.missing("file").fail("is missing; it is the text to evaluate on.");
                text.file = parsePath(entry, "file", folder);
                if (entry.has("name"))
                    text.name = parseName(entry["name"]);
            }
            if (text.name.empty())
                text.name = asUtf8(text.file.filename().string());
            study.texts.push_back(std::move(text));
        }
    if (node.has("windows"))
        study.windows = static_cast<int>(node["windows"].integer(0, kMaxWindows));
    if (node.has("length"))
        study.length = static_cast<int>(node["length"].integer(2, kMaxLength));
    if (node.has("divergence"))
        study.divergence = node["divergence"].boolean();
}

ClassLimits parseLimits(const JsonNode& node)
{
    node.object({"class_1", "class_2"});
    constexpr double kMost = 1e6;
    ClassLimits limits;
    if (node.has("class_1"))
        limits.first = node["class_1"].real(0, kMost);
    if (node.has("class_2"))
        limits.second = node["class_2"].real(0, kMost);
    if (limits.second < limits.first)
        node.fail("class_2 is " + shown(limits.second) + ", less than class_1, " + shown(limits.first) + ".");
    return limits;
}

/// The members' recipes have no key that is left out for a default here: their canonical JSON without what stands around it.
Json recipeJson(const Recipe& recipe) { return Json::parse(recipe.toJson()); }

Json patchJson(const PlanPatch& patch)
{
    Recipe recipe;
    recipe.defaults = patch;
    return recipeJson(recipe)["defaults"];
}

} // namespace

Study Study::parse(std::string_view text, std::string_view subject, const std::filesystem::path& folder)
{
    const Json json = parseJson(text, subject, {16u << 20, 16});
    const JsonNode root(json, "", subject, "the study");
    if (!json.is_object())
        root.fail("must be a JSON object, not " + shown(json) + ".");
    if (!root.has("halftone_study"))
        root.missing("halftone_study").fail("is missing; a study says \"halftone_study\": 1.");
    if (const JsonNode version = root["halftone_study"]; !version.value().is_number_integer() || version.value() != 1)
        version.fail("is " + shown(version.value()) + "; this program reads studies of version 1.");
    root.object({"halftone_study", "name", "model", "model_bytes", "project", "project_bytes", "calibration_text", "calibration_text_bytes", "evaluation", "base", "axes",
                 "recipes", "classes"});

    Study study;
    if (root.has("name"))
        study.name = parseName(root["name"]);
    if (root.has("model"))
        study.model = parsePath(root, "model", folder);
    if (root.has("project"))
        study.project = parsePath(root, "project", folder);
    if (root.has("calibration_text"))
        study.calibrationText = parsePath(root, "calibration_text", folder);
    if (root.has("evaluation"))
        parseEvaluation(root["evaluation"], study, folder);
    if (root.has("base"))
        study.base = parseEmbedded(root["base"].value(), "", root["base"], subject);
    if (root.has("axes"))
        parseAxes(root["axes"], study, subject);
    if (root.has("recipes"))
        for (const JsonNode& entry : entries(root["recipes"], false)) {
            entry.object({"name", "recipe"});
            for (const char* key : {"name", "recipe"})
                if (!entry.has(key))
                    entry.missing(key).fail("is missing; an entry has a name and a recipe.");
            study.recipes.push_back({parseName(entry["name"]), parseEmbedded(entry["recipe"].value(), "", entry["recipe"], subject)});
        }
    if (root.has("classes"))
        study.limits = parseLimits(root["classes"]);
    try {
        study.members();
    } catch (const Error& e) {
        throw Error(ErrorKind::BadFile, std::string(subject) + ": " + e.subject() + ": " + e.what(), e.subject());
    }
    return study;
}

std::string Study::toJson() const
{
    Json json;
    json["halftone_study"] = 1;
    if (!name.empty())
        json["name"] = name;
    for (const auto& [key, path] : {std::pair{"model", &model}, std::pair{"project", &project}, std::pair{"calibration_text", &calibrationText}})
        if (!path->empty())
            putPath(json, key, path->string());
    json["base"] = recipeJson(base);
    Json axes = Json::object();
    for (const StudyMethod& method : methods) {
        Json entry = patchJson(method.patch);
        entry["name"] = method.name;
        axes["methods"].push_back(std::move(entry));
    }
    if (!weightBits.empty())
        axes["weight_bits"] = weightBits;
    if (!groups.empty())
        axes["groups"] = groups;
    for (const ActivationGrid& grid : activations)
        axes["activations"].push_back({{"scheme", std::string(halftone::name(grid.scheme))}, {"bits", grid.bits}, {"symmetric", grid.symmetric}, {"alpha", grid.alpha}});
    json["axes"] = std::move(axes);
    if (!recipes.empty())
        for (const StudyRecipe& named : recipes)
            json["recipes"].push_back({{"name", named.name}, {"recipe", recipeJson(named.recipe)}});
    Json evaluation{{"windows", windows}, {"length", length}, {"divergence", divergence}};
    for (const StudyText& one : texts) {
        Json entry{{"name", one.name}};
        putPath(entry, "file", one.file.string());
        evaluation["texts"].push_back(std::move(entry));
    }
    json["evaluation"] = std::move(evaluation);
    json["classes"] = {{"class_1", limits.first}, {"class_2", limits.second}};
    return jsonText(json, 2, "the study") + "\n";
}

} // namespace halftone
