#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/model/compressed_scheme.h"

#include "core/base/error.h"
#include "core/base/json_text.h"

#include <pcre2.h>

#include <algorithm>
#include <memory>

namespace halftone {

namespace {

// Every module is tried against every expression: together they bound the time.
constexpr std::uint32_t kSteps = 5'000;      ///< of one match
constexpr std::size_t kExpressions = 256;    ///< of one list

/// Python's re.match: the pattern must match from the start, not to the end. Limits keep a hostile pattern from running for ever.
bool matchesPattern(const std::string& pattern, std::string_view text)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_ANCHORED | PCRE2_UTF, &error, &at, nullptr), pcre2_code_free);
    if (!code)
        throw Error(ErrorKind::BadFile, "quantization_config: the regular expression \"" + printable(pattern) + "\" is broken at character " + std::to_string(at), pattern);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(pcre2_match_context_create(nullptr), pcre2_match_context_free);
    pcre2_set_match_limit(context.get(), kSteps);
    pcre2_set_depth_limit(context.get(), 10'000);
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> found(pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
    const int result = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, found.get(), context.get());
    if (result < 0 && result != PCRE2_ERROR_NOMATCH)
        throw Error(ErrorKind::BadFile, "quantization_config: the regular expression \"" + printable(pattern) + "\" takes too long to match", pattern);
    return result >= 0;
}

constexpr std::string_view kPattern = "re:";

bool matchesName(std::string_view module, const std::string& target)
{
    return target.starts_with(kPattern) ? matchesPattern(target.substr(kPattern.size()), module) : module == target;
}

bool matchesLinear(std::string_view module, const std::string& target)
{
    return target == "Linear" || matchesName(module, target);
}

std::vector<std::string> texts(const ConfigReader& reader, std::string_view key)
{
    std::vector<std::string> values;
    const Json* list = reader.find(key);
    if (!list)
        return values;
    if (!list->is_array())
        reader.fail(key, "is no list");
    for (const Json& item : *list) {
        if (!item.is_string())
            reader.fail(key, "holds something other than text");
        values.push_back(item.get<std::string>());
    }
    if (static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](const std::string& value) { return value.starts_with("re:"); })) > kExpressions)
        reader.fail(key, "holds more than " + std::to_string(kExpressions) + " regular expressions");
    return values;
}

void requireNull(const ConfigReader& reader, std::string_view key, std::string_view why)
{
    if (reader.has(key))
        reader.unsupported(key, why);
}

void readWeights(const ConfigReader& weights, CompressedScheme& scheme)
{
    if (const std::string type = weights.text("type", "int"); type != "int")
        weights.unsupported("type", "is \"" + type + "\"; only int is read");
    scheme.bits = static_cast<int>(weights.integer("num_bits", 1, 16));
    if (scheme.bits > 8 || scheme.bits < 2)
        weights.unsupported("num_bits", "is " + std::to_string(scheme.bits) + "; 2 to 8 are read");
    scheme.symmetric = weights.boolean("symmetric", true);
    scheme.groupSize = weights.integer("group_size", -1, 1 << 24, -1);
    const std::string strategy = weights.text("strategy", scheme.groupSize > 0 ? "group" : (scheme.groupSize == -1 && weights.has("group_size") ? "channel" : "tensor"));
    if (strategy == "group") {
        scheme.strategy = CompressedScheme::Strategy::Group;
        if (scheme.groupSize <= 0)
            weights.fail("group_size", "is missing or not positive, and the strategy is \"group\"");
    } else if (strategy == "channel") {
        scheme.strategy = CompressedScheme::Strategy::Channel;
    } else if (strategy == "tensor") {
        scheme.strategy = CompressedScheme::Strategy::Tensor;
    } else {
        weights.unsupported("strategy", "is \"" + strategy + "\"; group, channel and tensor are read");
    }
    if (weights.boolean("dynamic", false))
        weights.unsupported("dynamic", "is true for weights");
    const Json* order = weights.find("actorder");
    if (order && *order != "static" && *order != "weight" && *order != false)
        weights.unsupported("actorder", "is " + quoted(*order, 40) + "; files with a stored order (g_idx) are not read");
}

void readInputs(const ConfigReader& inputs, CompressedScheme& scheme)
{
    if (const std::string type = inputs.text("type", "int"); type != "int")
        inputs.unsupported("type", "is \"" + type + "\"; only int is read");
    scheme.inputBits = static_cast<int>(inputs.integer("num_bits", 1, 16));
    if (scheme.inputBits < 2 || scheme.inputBits > 8)
        inputs.unsupported("num_bits", "is " + std::to_string(scheme.inputBits) + "; 2 to 8 are read");
    scheme.inputSymmetric = inputs.boolean("symmetric", true);
    const std::string strategy = inputs.text("strategy", "tensor");
    const bool dynamic = inputs.boolean("dynamic", false);
    if (strategy == "token" && dynamic)
        scheme.inputs = CompressedScheme::Inputs::DynamicToken;
    else if (strategy == "tensor" && !dynamic)
        scheme.inputs = CompressedScheme::Inputs::StaticTensor;
    else
        inputs.unsupported("strategy", "is \"" + strategy + "\", " + (dynamic ? "dynamic" : "static") + "; dynamic token and static tensor are read");
}

/// @return the group size
std::int64_t readCache(const ConfigReader& cache, KvCacheGrid& grid)
{
    if (const std::string type = cache.text("type", "int"); type != "int")
        cache.unsupported("type", "is \"" + type + "\"; only int is read");
    const std::string strategy = cache.text("strategy", "tensor");
    if (strategy != "group" || !cache.boolean("dynamic", false))
        cache.unsupported("strategy", "is \"" + strategy + "\"" + (cache.boolean("dynamic", false) ? ", dynamic" : ", static")
                          + "; dynamic groups as long as a head are read, which is a range a token and head");
    grid.scheme = KvCacheGrid::Scheme::PerTokenHead;
    grid.bits = static_cast<int>(cache.integer("num_bits", 1, 16));
    if (grid.bits < 2 || grid.bits > 8)
        cache.unsupported("num_bits", "is " + std::to_string(grid.bits) + "; 2 to 8 are read");
    grid.symmetric = cache.boolean("symmetric", true);
    return cache.integer("group_size", 1, 1 << 24);
}

CompressedScheme::Format formatOf(const ConfigReader& reader, const std::string& format)
{
    if (format == "pack-quantized")
        return CompressedScheme::Format::PackQuantized;
    if (format == "int-quantized" || format == "naive-quantized")
        return CompressedScheme::Format::IntQuantized;
    reader.unsupported("format", "is \"" + format + "\"; pack-quantized, int-quantized, naive-quantized and mixed-precision are read");
}

} // namespace

CompressedConfig::CompressedConfig(const Json& config, const std::string& subject)
{
    const ConfigReader whole(config, subject);
    const Json* json = whole.find(whole.firstOf({"quantization_config", "compression_config"}));
    if (!json)
        whole.fail("quantization_config", "is missing");
    const ConfigReader reader(*json, subject + " (quantization_config)");
    if (const std::string status = reader.text("quantization_status", "compressed"); status != "compressed")
        reader.unsupported("quantization_status", "is \"" + status + "\"; only compressed checkpoints are read");
    if (const Json* cache = reader.find("kv_cache_scheme"))
        m_cacheGroup = readCache(ConfigReader(*cache, reader.subject() + ", kv_cache_scheme"), m_kvCache);
    if (const Json* sparsity = reader.find("sparsity_config"); sparsity && !sparsity->empty())
        reader.unsupported("sparsity_config", "is set: sparse checkpoints are not read");
    if (const Json* transform = reader.find("transform_config"); transform && !transform->empty())
        reader.unsupported("transform_config", "is set: online transforms are not read");
    m_ignore = texts(reader, "ignore");
    const std::string format = reader.text("format", "");
    const Json* groups = reader.find("config_groups");
    if (!groups || !groups->is_object() || groups->empty())
        reader.fail("config_groups", "is missing or empty");
    for (const auto& [name, value] : groups->items()) {
        const ConfigReader group(value, reader.subject() + ", " + name);
        CompressedScheme scheme;
        scheme.group = name;
        scheme.targets = texts(group, "targets");
        requireNull(group, "output_activations", "is set: rounded outputs are not read");
        scheme.format = formatOf(group, group.text("format", format));
        const Json* weights = group.find("weights");
        if (!weights)
            group.unsupported("weights", "is missing: groups that round activations only are not read");
        readWeights(ConfigReader(*weights, group.subject() + ", weights"), scheme);
        if (const Json* inputs = group.find("input_activations"))
            readInputs(ConfigReader(*inputs, group.subject() + ", input_activations"), scheme);
        m_schemes.push_back(std::move(scheme));
    }
}

bool CompressedConfig::roundsInputs() const
{
    return std::any_of(m_schemes.begin(), m_schemes.end(), [](const CompressedScheme& scheme) { return scheme.inputs != CompressedScheme::Inputs::Float; });
}

const CompressedScheme* CompressedConfig::of(std::string_view module) const
{
    for (const std::string& ignored : m_ignore)
        if (matchesLinear(module, ignored))
            return nullptr;
    // Rank: exact name, then patterns in alphabetical order, then the class; a target named twice belongs to the later group.
    const CompressedScheme* best = nullptr;
    std::pair<int, std::string_view> bestRank{3, {}};
    for (const CompressedScheme& scheme : m_schemes)
        for (const std::string& target : scheme.targets) {
            if (!matchesLinear(module, target))
                continue;
            const int rank = target == "Linear" ? 2 : (target.starts_with(kPattern) ? 1 : 0);
            if (std::pair(rank, std::string_view(target)) <= bestRank) {
                bestRank = {rank, target};
                best = &scheme;
            }
        }
    return best;
}

} // namespace halftone
