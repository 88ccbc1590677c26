#include "core/project/manifest.h"

#include "core/base/error.h"
#include "core/base/json_paths.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace halftone {
namespace {

constexpr std::uint64_t kMaxValues = 2'000'000;   // a run of a 30-block model has about 5,000

// ---- writing

/// JSON has no infinity (a weight met exactly has infinite SQNR) and no NaN: they are written as words.
Json number(double value)
{
    if (std::isfinite(value))
        return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json toJson(const FileEntry& entry) { return {{"file", entry.file}, {"sha256", entry.sha256}, {"bytes", entry.bytes}}; }

Json toJson(const WeightGrid& grid)
{
    return {{"bits", grid.bits}, {"group", grid.group}, {"symmetric", grid.symmetric}, {"per_tensor", grid.perTensor},
        {"range", grid.range == WeightGrid::Range::Full ? "full" : "narrow"},
            {"clip", grid.clip == WeightGrid::Clip::Mse ? "mse" : "none"}};
}

Json toJson(const ActivationGrid& grid)
{
    return {{"scheme", std::string(name(grid.scheme))}, {"bits", grid.bits}, {"symmetric", grid.symmetric}, {"alpha", number(grid.alpha)}};
}

Json toJson(const LinearResult& result)
{
    Json json{{"linear", result.linear}, {"method", result.method}, {"weights", toJson(result.weights)},
        {"activations", toJson(result.activations)},
        {"weight_sqnr_db", number(result.weightSqnrDb)}, {"output_mse", number(result.outputMse)}, {"damping", number(result.damping)},
        {"seconds", number(result.seconds)}, {"notes", result.notes}, {"saturated", number(result.saturated)},
        {"peak_bytes", result.peakBytes}};
    if (!result.compensation.empty()) {
        json["compensation"] = result.compensation;
        json["compensated"] = number(result.compensated);
        json["rank"] = result.rank;
        json["error_spectrum"] = result.errorSpectrum;
    }
    return json;
}

Json toJson(const BlockFlag& flag)
{
    return {{"sentinel", flag.sentinel}, {"subject", flag.subject}, {"sentence", flag.sentence}};
}

Json toJson(const AsleepChannels& asleep)
{
    const auto kept = static_cast<std::ptrdiff_t>(std::min(asleep.asleep.size(), AsleepChannels::kKept));
    return {{"site", std::string(name(asleep.site))}, {"method", asleep.method}, {"grid", asleep.grid}, {"channels", asleep.channels}, {"count", asleep.count},
            {"asleep", std::vector<std::int64_t>(asleep.asleep.begin(), asleep.asleep.begin() + kept)}};
}

Json toJson(const RunInputs& inputs)
{
    Json json{{"code", inputs.code}, {"model", inputs.model}, {"tokens", inputs.tokens}, {"products", inputs.products}};
    putPath(json, "text", inputs.text);
    return json;
}

Json toJson(const RunRecord& run)
{
    Json blocks = Json::array();
    for (const RunBlock& block : run.blocks) {
        Json linears = Json::array();
        for (const LinearResult& linear : block.result.linears)
            linears.push_back(toJson(linear));
        Json flags = Json::array();
        for (const BlockFlag& flag : block.result.flags)
            flags.push_back(toJson(flag));
        blocks.push_back({{"block", block.result.block}, {"file", toJson(block.file)}, {"seconds", number(block.result.seconds)},
            {"peak_bytes", block.result.peakBytes}, {"canary_error", number(block.result.canaryError)}, {"flags", std::move(flags)},
            {"linears", std::move(linears)}});
        for (const AsleepChannels& asleep : block.result.asleep)
            blocks.back()["asleep"].push_back(toJson(asleep));
    }
    const RunInfo& info = run.info;
    Json json{{"id", info.id}, {"state", info.state}, {"recipe", info.recipeJson}, {"fingerprint", info.fingerprint},
        {"created", info.created},
        {"block_count", info.blocks}, {"bits_per_weight", number(info.bitsPerWeight)}, {"bytes", info.bytes},
            {"seconds", number(info.seconds)},
        {"peak_bytes", info.peakBytes}, {"canary_perplexity", number(info.canaryPerplexity)},
        {"canary_reference", number(info.canaryReference)}, {"blocks", std::move(blocks)}};
    if (!info.name.empty() || !info.note.empty()) {
        json["name"] = asUtf8(info.name);
        json["note"] = asUtf8(info.note);
    }
    if (info.inputs.known())
        json["inputs"] = toJson(info.inputs);
    return json;
}

Json toJson(const StudyRecord& study)
{
    Json members = Json::array();
    for (const StudyRecord::Member& member : study.members)
        members.push_back({{"member", member.member}, {"fingerprint", member.fingerprint}, {"file", toJson(member.file)}});
    Json json{{"id", study.id}, {"done", study.done}, {"fingerprint", study.fingerprint}, {"created", study.created}, {"seconds", number(study.seconds)},
        {"float_walks", study.floatWalks}, {"reused", study.reused}, {"head", toJson(study.head)}, {"members", std::move(members)}};
    if (study.conditions.known())
        json["conditions"] = toJson(study.conditions);
    return json;
}

// ---- reading

/// A value of the manifest and its JSON pointer.
class Node {
public:
    Node(const Json& value, std::string pointer, std::string_view file) : m_value(value), m_pointer(std::move(pointer)), m_file(file) {}

    [[noreturn]] void fail(const std::string& sentence) const
    {
        throw Error(ErrorKind::BadFile, std::string(m_file) + ": " + (m_pointer.empty() ? "the manifest" : m_pointer) + ": " + sentence,
            std::string(m_file));
    }
    bool has(const char* key) const { return m_value.contains(key); }
    Node operator[](const char* key) const
    {
        if (!m_value.is_object() || !m_value.contains(key))
            fail(std::string("\"") + key + "\" is missing.");
        return {m_value[key], m_pointer + "/" + key, m_file};
    }
    std::vector<Node> items() const
    {
        if (!m_value.is_array())
            fail("must be a list.");
        std::vector<Node> nodes;
        for (std::size_t i = 0; i < m_value.size(); ++i)
            nodes.emplace_back(m_value[i], m_pointer + "/" + std::to_string(i), m_file);
        return nodes;
    }
    std::string text() const
    {
        if (!m_value.is_string())
            fail("must be a string.");
        return m_value.get<std::string>();
    }
    /// Written by putPath().
    std::string path(const char* key) const
    {
        (void)(*this)[key].text();
        try {
            return takePath(m_value, key);
        } catch (const Error& e) {
            (*this)[key].fail(e.what());
        }
    }
    bool boolean() const
    {
        if (!m_value.is_boolean())
            fail("must be true or false.");
        return m_value.get<bool>();
    }
    std::uint64_t count() const
    {
        if (!m_value.is_number_unsigned())
            fail("must be a whole number, 0 or more.");
        return m_value.get<std::uint64_t>();
    }
    int smallCount() const
    {
        const std::uint64_t value = count();
        if (value > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
            fail("is too large.");
        return static_cast<int>(value);
    }
    double real() const
    {
        if (m_value.is_string()) {
            const std::string word = m_value.get<std::string>();
            if (word == "inf" || word == "-inf")
                return word == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
            if (word == "nan")
                return std::numeric_limits<double>::quiet_NaN();
        }
        if (!m_value.is_number())
            fail("must be a number.");
        return m_value.get<double>();
    }
    const Json& value() const { return m_value; }

private:
    const Json& m_value;
    std::string m_pointer;
    std::string_view m_file;
};

FileEntry parseFile(const Node& node)
{
    FileEntry entry{node["file"].text(), node["sha256"].text(), node["bytes"].count()};
    if (entry.sha256.size() != 64 || entry.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
        node["sha256"].fail("must be 64 hexadecimal digits.");
    // Plain names only, below the project: "stats/x", "runs/y/x" or "studies/y/x".
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    const bool plain = entry.file.find_first_not_of(kPlain) == std::string::npos;
    const bool tricks = entry.file.find("..") != std::string::npos || entry.file.find("/.") != std::string::npos
        || entry.file.find("//") != std::string::npos;
    const bool below = entry.file.rfind("stats/", 0) == 0 || entry.file.rfind("runs/", 0) == 0
        || entry.file.rfind("studies/", 0) == 0;
    if (!plain || tricks || !below || entry.file.back() == '/')
        node["file"].fail("must be the plain name of a file in stats/, runs/ or studies/.");
    return entry;
}

WeightGrid parseWeights(const Node& node)
{
    WeightGrid grid;
    grid.bits = node["bits"].smallCount();
    grid.group = node["group"].smallCount();
    grid.symmetric = node["symmetric"].boolean();
    grid.perTensor = node["per_tensor"].boolean();
    grid.range = node["range"].text() == "full" ? WeightGrid::Range::Full : WeightGrid::Range::Narrow;
    grid.clip = node["clip"].text() == "mse" ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
    return grid;
}

ActivationGrid parseActivations(const Node& node)
{
    ActivationGrid grid;
    try {
        grid.scheme = activationSchemeFromName(node["scheme"].text());
    } catch (const Error& e) {
        node["scheme"].fail(e.what());
    }
    grid.bits = node["bits"].smallCount();
    grid.symmetric = node["symmetric"].boolean();
    grid.alpha = node["alpha"].real();
    return grid;
}

LinearResult parseLinear(const Node& node)
{
    LinearResult result;
    result.linear = node["linear"].text();
    result.method = node["method"].text();
    result.weights = parseWeights(node["weights"]);
    result.activations = parseActivations(node["activations"]);
    result.weightSqnrDb = node["weight_sqnr_db"].real();
    result.outputMse = node["output_mse"].real();
    result.damping = node["damping"].real();
    result.seconds = node["seconds"].real();
    for (const Node& note : node["notes"].items())
        result.notes.push_back(note.text());
    if (node.has("compensation")) {
        result.compensation = node["compensation"].text();
        result.compensated = node["compensated"].real();
        if (node.has("rank"))   // runs of older versions do not say it
            result.rank = static_cast<std::int64_t>(node["rank"].count());
        for (const Node& value : node["error_spectrum"].items())
            result.errorSpectrum.push_back(static_cast<float>(value.real()));
    }
    if (node.has("saturated")) {   // since the sentinels
        result.saturated = node["saturated"].real();
        result.peakBytes = node["peak_bytes"].count();
    }
    return result;
}

BlockFlag parseFlag(const Node& node, int block)
{
    return {node["sentinel"].text(), block, node["subject"].text(), node["sentence"].text()};
}

AsleepChannels parseAsleep(const Node& node, int block)
{
    AsleepChannels asleep;
    asleep.block = block;
    const std::optional<SiteKind> site = SiteKind::find(node["site"].text());
    if (!site)
        node["site"].fail("is no site that is known here.");
    asleep.site = *site;
    asleep.method = node["method"].text();
    asleep.grid = node["grid"].boolean();
    asleep.channels = static_cast<std::int64_t>(node["channels"].count());
    asleep.count = static_cast<std::int64_t>(node["count"].count());
    for (const Node& channel : node["asleep"].items())
        asleep.asleep.push_back(static_cast<std::int64_t>(channel.count()));
    return asleep;
}

RunInputs parseInputs(const Node& node)
{
    return {node["code"].text(), node["model"].text(), node.path("text"), node["tokens"].text(), node["products"].text()};
}

RunRecord parseRun(const Node& node)
{
    RunRecord run;
    RunInfo& info = run.info;
    info.id = node["id"].text();
    info.state = node["state"].text();
    if (info.state != "running" && info.state != "done")
        node["state"].fail("must be \"running\" or \"done\".");
    info.recipeJson = node["recipe"].text();
    info.fingerprint = node["fingerprint"].text();
    info.created = node["created"].text();
    info.blocks = node["block_count"].smallCount();
    info.bitsPerWeight = node["bits_per_weight"].real();
    info.bytes = node["bytes"].count();
    info.seconds = node["seconds"].real();
    info.peakBytes = node["peak_bytes"].count();
    if (node.has("canary_perplexity")) {
        info.canaryPerplexity = node["canary_perplexity"].real();
        info.canaryReference = node["canary_reference"].real();
    }
    if (node.has("name")) {
        info.name = node["name"].text();
        info.note = node["note"].text();
    }
    if (node.has("inputs"))   // runs of older versions do not say them
        info.inputs = parseInputs(node["inputs"]);
    for (const Node& item : node["blocks"].items()) {
        RunBlock block;
        block.result.block = item["block"].smallCount();
        block.file = parseFile(item["file"]);
        block.result.seconds = item["seconds"].real();
        block.result.peakBytes = item["peak_bytes"].count();
        if (item.has("flags")) {
            block.result.canaryError = item["canary_error"].real();
            for (const Node& flag : item["flags"].items())
                block.result.flags.push_back(parseFlag(flag, block.result.block));
            info.flags += static_cast<int>(block.result.flags.size());
        }
        if (item.has("asleep"))   // only where there are some
            for (const Node& asleep : item["asleep"].items())
                block.result.asleep.push_back(parseAsleep(asleep, block.result.block));
        for (const Node& linear : item["linears"].items())
            block.result.linears.push_back(parseLinear(linear));
        if (block.result.block >= info.blocks || (!run.blocks.empty() && block.result.block <= run.blocks.back().result.block))
            item["block"].fail("is out of order or beyond the run's " + std::to_string(info.blocks) + " blocks.");
        run.blocks.push_back(std::move(block));
    }
    while (info.blocksDone < static_cast<int>(run.blocks.size())
        && run.blocks[static_cast<std::size_t>(info.blocksDone)].result.block == info.blocksDone)
        ++info.blocksDone;
    return run;
}

StudyRecord parseStudy(const Node& node)
{
    StudyRecord study;
    study.id = node["id"].text();
    study.done = node["done"].boolean();
    study.fingerprint = node["fingerprint"].text();
    study.created = node["created"].text();
    study.seconds = node["seconds"].real();
    study.floatWalks = node["float_walks"].smallCount();
    study.reused = node["reused"].smallCount();
    study.head = parseFile(node["head"]);
    if (node.has("conditions"))
        study.conditions = parseInputs(node["conditions"]);
    for (const Node& item : node["members"].items()) {
        StudyRecord::Member member{item["member"].smallCount(), item["fingerprint"].text(), parseFile(item["file"])};
        if (!study.members.empty() && member.member <= study.members.back().member)
            item["member"].fail("is out of order.");
        study.members.push_back(std::move(member));
    }
    return study;
}

AnalysisRecord parseAnalysis(const Node& node)
{
    AnalysisRecord analysis;
    analysis.settings.bits = node["bits"].smallCount();
    analysis.settings.alpha = node["alpha"].real();
    analysis.windows = node["windows"].smallCount();
    analysis.length = node["length"].smallCount();
    analysis.textHash = node["text_hash"].text();
    for (const Node& item : node["blocks"].items()) {
        const int block = item["block"].smallCount();
        if (!analysis.blocks.empty() && block <= analysis.blocks.back().block)
            item["block"].fail("is out of order.");
        analysis.blocks.push_back({block, parseFile(item["file"])});
    }
    return analysis;
}

} // namespace

std::string Manifest::toJson() const
{
    Json json;
    json["format"] = {major, minor};
    putPath(json, "model", model);
    putPath(json, "model_relative", modelRelative);
    json["sequence"] = sequence;
    if (modelIdentity)
        json["model_identity"] = halftone::toJson(*modelIdentity);
    if (recipe)
        json["recipe"] = Json::parse(recipe->toJson());
    if (analysis) {
        Json blocks = Json::array();
        for (const AnalysisRecord::Block& block : analysis->blocks)
            blocks.push_back({{"block", block.block}, {"file", halftone::toJson(block.file)}});
        json["analysis"] = {{"bits", analysis->settings.bits}, {"alpha", number(analysis->settings.alpha)}, {"windows", analysis->windows},
            {"length", analysis->length}, {"text_hash", analysis->textHash}, {"blocks", std::move(blocks)}};
    }
    json["runs"] = Json::array();
    for (const RunRecord& run : runs)
        json["runs"].push_back(halftone::toJson(run));
    if (lastRun > 0)
        json["last_run"] = lastRun;
    if (!studies.empty())
        for (const StudyRecord& study : studies)
            json["studies"].push_back(halftone::toJson(study));
    return jsonText(json, 1, "the project's manifest") + "\n";
}

Manifest Manifest::parse(std::string_view text, std::string_view subject)
{
    const Json json = parseJson(text, subject, {kMaxBytes, 32, kMaxValues});
    const Node root(json, "", subject);
    Manifest manifest;
    const std::vector<Node> format = root["format"].items();
    if (format.size() != 2)
        root["format"].fail("must be [major, minor].");
    manifest.major = format[0].smallCount();
    manifest.minor = format[1].smallCount();
    try {
        manifest.model = root.path("model");
        manifest.modelRelative = root.path("model_relative");
        manifest.sequence = root["sequence"].count();
        if (root.has("model_identity"))
            manifest.modelIdentity = parseFile(root["model_identity"]);
        if (root.has("recipe"))
            manifest.recipe = Recipe::parse(root["recipe"].value().dump(), subject);
        if (root.has("analysis"))
            manifest.analysis = parseAnalysis(root["analysis"]);
        for (const Node& run : root["runs"].items())
            manifest.runs.push_back(parseRun(run));
        if (root.has("last_run"))
            manifest.lastRun = root["last_run"].smallCount();
        if (root.has("studies"))
            for (const Node& study : root["studies"].items())
                manifest.studies.push_back(parseStudy(study));
    } catch (const Error& e) {
        if (manifest.major > kMajor)
            throw Error(ErrorKind::BadFile, std::string(subject) + ": was written by a newer Halftone (format "
                + std::to_string(manifest.major) + "."
                    + std::to_string(manifest.minor) + ", this one reads " + std::to_string(kMajor) + ") and cannot be read: " + e.what(),
                        std::string(subject));
        throw;
    }
    return manifest;
}

void Manifest::place(const std::filesystem::path& path, const std::filesystem::path& project)
{
    const auto real = [](const std::filesystem::path& p) {
        std::error_code error;
        const std::filesystem::path canonical = std::filesystem::weakly_canonical(p, error);
        return error ? std::filesystem::absolute(p) : canonical;
    };
    model = real(path).string();
    modelRelative = real(path).lexically_relative(real(project)).generic_string();
}

std::set<std::string> Manifest::files() const
{
    std::set<std::string> named;
    if (modelIdentity)
        named.insert(modelIdentity->file);
    if (analysis)
        for (const AnalysisRecord::Block& block : analysis->blocks)
            named.insert(block.file.file);
    for (const RunRecord& run : runs)
        for (const RunBlock& block : run.blocks)
            named.insert(block.file.file);
    for (const StudyRecord& study : studies) {
        named.insert(study.head.file);
        for (const StudyRecord::Member& member : study.members)
            named.insert(member.file.file);
    }
    return named;
}

int runNumber(std::string_view id)
{
    constexpr std::string_view kPrefix = "run-";
    int number = 0;
    if (!id.starts_with(kPrefix))
        return 0;
    const char* end = id.data() + id.size();
    const auto read = std::from_chars(id.data() + kPrefix.size(), end, number);
    return read.ec == std::errc() && read.ptr == end && number > 0 ? number : 0;
}

RunRecord* Manifest::find(std::string_view run)
{
    const auto at = std::find_if(runs.begin(), runs.end(), [&](const RunRecord& record) { return record.info.id == run; });
    return at == runs.end() ? nullptr : &*at;
}

const RunRecord* Manifest::find(std::string_view run) const { return const_cast<Manifest*>(this)->find(run); }

} // namespace halftone
