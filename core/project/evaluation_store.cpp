#include "core/project/evaluation_store.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace halftone {

namespace {

constexpr std::array<std::pair<StoredEvaluation::Target, std::string_view>, 3> kTargets{
    {{StoredEvaluation::Target::Float, "float"}, {StoredEvaluation::Target::Run, "run"}, {StoredEvaluation::Target::Recipe, "recipe"}}};

std::filesystem::path fileOf(const std::filesystem::path& project)
{
    return project / "cache" / "evaluations.json";
}

/// To 1e-5: what a picture can show of it. NaN becomes null.
Json numbers(const std::vector<float>& values)
{
    Json list = Json::array();
    for (const float v : values)
        list.push_back(std::isfinite(v) ? Json(std::round(static_cast<double>(v) * 1e5) / 1e5) : Json());
    return list;
}

std::vector<float> floats(const Json& object, const char* key, std::size_t expected)
{
    std::vector<float> values;
    if (const auto found = object.find(key); found != object.end() && found->is_array() && found->size() == expected)
        for (const Json& v : *found)
            values.push_back(v.is_number() ? v.get<float>() : std::numeric_limits<float>::quiet_NaN());
    return values;
}

Json traceToJson(const TokenTrace& trace)
{
    Json json{{"texts", trace.texts}, {"nll", numbers(trace.nll)}};
    if (trace.compared()) {
        json["reference_nll"] = numbers(trace.referenceNll);
        json["divergence"] = numbers(trace.divergence);
    }
    if (!trace.drift.empty()) {
        json["blocks"] = trace.blocks;
        json["drift"] = numbers(trace.drift);
    }
    return json;
}

TokenTrace traceFromJson(const Json& json)
{
    TokenTrace trace;
    const auto texts = json.find("texts");
    if (texts == json.end() || !texts->is_array())
        return {};
    for (const Json& text : *texts)
        trace.texts.push_back(text.is_string() ? text.get<std::string>() : std::string());
    const std::size_t n = trace.texts.size();
    trace.nll = floats(json, "nll", n);
    trace.referenceNll = floats(json, "reference_nll", n);
    trace.divergence = floats(json, "divergence", trace.referenceNll.size());
    trace.blocks = json.value("blocks", 0);
    trace.drift = floats(json, "drift", n * static_cast<std::size_t>(std::max(0, trace.blocks)));
    return trace.nll.size() == n && trace.divergence.size() == trace.referenceNll.size() ? trace : TokenTrace{};
}

Json toJson(const StoredEvaluation& record)
{
    std::string target;
    for (const auto& [kind, name] : kTargets)
        if (kind == record.target)
            target = name;
    const Perplexity& p = record.result.perplexity;
    Json json{{"target", target}, {"run", record.run}, {"label", record.label}, {"text", record.textPath}, {"windows", record.windows}, {"length", record.length},
              {"bits_per_weight", record.bitsPerWeight}, {"seconds", record.seconds}, {"when", record.when}, {"perplexity", p.perplexity},
              {"perplexity_stderr", p.standardError}, {"nll", p.meanNll}, {"tokens", p.tokens}, {"not_finite", record.result.notFinite}};
    if (record.result.hasDivergence) {
        const Divergence& d = record.result.divergence;
        json["divergence"] = {{"kl_mean", d.klMean}, {"kl_mean_error", d.klMeanError}, {"kl_p99", d.klP99}, {"kl_max", d.klMax},
                              {"top1_agreement", d.top1Agreement}, {"reference_perplexity", d.referencePerplexity}};
    }
    if (!record.result.trace.empty())
        json["trace"] = traceToJson(record.result.trace);
    return json;
}

StoredEvaluation fromJson(const Json& json)
{
    const auto number = [](const Json& object, const char* key, double fallback = 0) {
        const auto found = object.find(key);
        return found != object.end() && found->is_number() ? found->get<double>() : fallback;
    };
    StoredEvaluation record;
    for (const auto& [kind, name] : kTargets)
        if (json.value("target", std::string()) == name)
            record.target = kind;
    record.run = json.value("run", std::string());
    record.label = json.value("label", std::string());
    record.textPath = json.value("text", std::string());
    record.windows = json.value("windows", 0);
    record.length = json.value("length", 0);
    record.bitsPerWeight = number(json, "bits_per_weight", 16);
    record.seconds = number(json, "seconds");
    record.when = json.value("when", std::string());
    Perplexity& p = record.result.perplexity;
    p.perplexity = number(json, "perplexity");
    p.standardError = number(json, "perplexity_stderr");
    p.meanNll = number(json, "nll");
    p.tokens = json.value("tokens", std::int64_t{0});
    p.windows = record.windows;
    p.length = record.length;
    record.result.notFinite = json.value("not_finite", std::int64_t{0});
    if (const auto d = json.find("divergence"); d != json.end() && d->is_object()) {
        record.result.hasDivergence = true;
        record.result.divergence = {number(*d, "kl_mean"), number(*d, "kl_mean_error"), number(*d, "kl_p99"), number(*d, "kl_max"), number(*d, "top1_agreement"),
                                    number(*d, "reference_perplexity")};
    }
    if (const auto trace = json.find("trace"); trace != json.end() && trace->is_object())
        record.result.trace = traceFromJson(*trace);
    return record;
}

} // namespace

bool StoredEvaluation::sameSubject(const StoredEvaluation& other) const
{
    return target == other.target && label == other.label && textPath == other.textPath && windows == other.windows && length == other.length;
}

std::vector<StoredEvaluation> readEvaluations(const std::filesystem::path& project)
{
    std::error_code none;
    if (!std::filesystem::is_regular_file(fileOf(project), none))
        return {};
    std::vector<StoredEvaluation> records;
    try {
        const Json list = readJsonFile(fileOf(project));
        if (!list.is_array())
            return {};
        for (const Json& object : list)
            if (object.is_object())
                if (StoredEvaluation record = fromJson(object); record.result.perplexity.tokens > 0)
                    records.push_back(std::move(record));
    } catch (const Error&) {
        return {};
    } catch (const Json::exception&) {   // a key of another type than we write
        return {};
    }
    return records;
}

void writeEvaluations(const std::filesystem::path& project, const std::vector<StoredEvaluation>& records)
{
    Json list = Json::array();
    for (const StoredEvaluation& record : records)
        list.push_back(toJson(record));
    std::filesystem::create_directories(fileOf(project).parent_path());
    // A token may be part of a character: what is no UTF-8 becomes the replacement character.
    writeFileAtomically(fileOf(project), list.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", true);
}

void storeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record)
{
    std::vector<StoredEvaluation> records = readEvaluations(project);
    std::erase_if(records, [&](const StoredEvaluation& old) { return old.sameSubject(record); });
    records.push_back(record);
    writeEvaluations(project, records);
}

} // namespace halftone
