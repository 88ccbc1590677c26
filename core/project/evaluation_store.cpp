#include "core/project/evaluation_store.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/json.h"
#include "core/base/json_number.h"
#include "core/base/log.h"
#include "core/project/project_impl.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace halftone {

namespace {

constexpr std::array<std::pair<StoredEvaluation::Target, std::string_view>, 3> kTargets{
    {{StoredEvaluation::Target::Float, "float"}, {StoredEvaluation::Target::Run, "run"}, {StoredEvaluation::Target::Recipe, "recipe"}}};

constexpr auto kWaitForLock = std::chrono::seconds(20);

std::filesystem::path fileOf(const std::filesystem::path& project)
{
    return project / kEvaluationsFile;
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

/// 0 where it is not there. @throws Json::type_error for what is no whole number of the type.
template <typename Number>
Number whole(const Json& object, const char* key)
{
    const auto found = object.find(key);
    return found == object.end() ? Number{0} : requireWhole<Number>(*found);
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
    trace.blocks = whole<int>(json, "blocks");
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
    if (!record.result.activationGrid.empty())
        json["activation_grid"] = record.result.activationGrid;
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
    record.windows = whole<int>(json, "windows");
    record.length = whole<int>(json, "length");
    record.bitsPerWeight = number(json, "bits_per_weight", 16);
    record.seconds = number(json, "seconds");
    record.when = json.value("when", std::string());
    Perplexity& p = record.result.perplexity;
    p.perplexity = number(json, "perplexity");
    p.standardError = number(json, "perplexity_stderr");
    p.meanNll = number(json, "nll");
    p.tokens = whole<std::int64_t>(json, "tokens");
    p.windows = record.windows;
    p.length = record.length;
    record.result.notFinite = whole<std::int64_t>(json, "not_finite");
    record.result.activationGrid = json.value("activation_grid", std::string());
    if (const auto d = json.find("divergence"); d != json.end() && d->is_object()) {
        record.result.hasDivergence = true;
        record.result.divergence = {number(*d, "kl_mean"), number(*d, "kl_mean_error"), number(*d, "kl_p99"), number(*d, "kl_max"), number(*d, "top1_agreement"),
                                    number(*d, "reference_perplexity")};
    }
    if (const auto trace = json.find("trace"); trace != json.end() && trace->is_object())
        record.result.trace = traceFromJson(*trace);
    return record;
}

/// The file that holds the list; nothing where there is none.
std::optional<std::filesystem::path> listOf(const std::filesystem::path& project)
{
    for (const std::filesystem::path& file : {fileOf(project), project / "cache" / kEvaluationsFile})   // the second: where older versions kept it
        if (isThere(file))
            return file;
    return std::nullopt;
}

/// The records as they stand in the file. @throws Error{BadFile} where it is no list.
Json readList(const std::filesystem::path& project)
{
    const std::optional<std::filesystem::path> file = listOf(project);
    if (!file)
        return Json::array();
    Json list = readJsonFile(*file);
    if (!list.is_array())
        throw Error(ErrorKind::BadFile, file->string() + ": is no list of evaluations.", file->string());
    return list;
}

/// One record; nothing where it is not one that this version writes.
std::optional<StoredEvaluation> recordOf(const Json& object)
{
    if (!object.is_object())
        return std::nullopt;
    try {
        StoredEvaluation record = fromJson(object);
        return record.result.perplexity.tokens > 0 ? std::optional(std::move(record)) : std::nullopt;
    } catch (const Json::exception&) {   // a key of another type than we write
        return std::nullopt;
    }
}

std::vector<StoredEvaluation> recordsOf(const Json& list)
{
    std::vector<StoredEvaluation> records;
    for (const Json& object : list)
        if (std::optional<StoredEvaluation> record = recordOf(object))
            records.push_back(std::move(*record));
    return records;
}

/// What cannot be read is moved out of the way and kept.
void keepAside(const std::filesystem::path& project, const Error& reason)
{
    std::error_code none;
    const std::filesystem::path file = fileOf(project);
    if (!std::filesystem::exists(std::filesystem::symlink_status(file, none))) {   // the broken one is an older version's: it stays where it is
        log(LogLevel::Warning, std::string(reason.what()) + " It is left as it is, and a new list is begun in " + file.string() + ".");
        return;
    }
    std::string stamp = utcNow();
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    std::filesystem::path kept = file.string() + ".bad-" + stamp;
    for (int n = 2; std::filesystem::exists(std::filesystem::symlink_status(kept, none)); ++n)
        kept = file.string() + ".bad-" + stamp + "-" + std::to_string(n);
    if (std::rename(file.c_str(), kept.c_str()) != 0)
        failIo(file, "is broken and cannot be moved aside", errno);
    log(LogLevel::Warning, std::string(reason.what()) + " It is kept as " + kept.string() + ", and a new list is begun.");
}

/// Reads, changes and writes the list while nobody else does.
std::vector<StoredEvaluation> change(const std::filesystem::path& project, const std::function<void(Json&)>& edit)
{
    const std::unique_ptr<FileLock> lock = FileLock::wait(project / (std::string(kEvaluationsFile) + ".lock"), kWaitForLock);
    Json list = Json::array();
    try {
        list = readList(project);
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile)
            throw;
        keepAside(project, e);
    }
    edit(list);
    // A token may be part of a character: what is no UTF-8 becomes the replacement character.
    writeFileAtomically(fileOf(project), list.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", true);
    return recordsOf(list);
}

/// Removes the records that `gone` says; those that cannot be read stay.
void eraseIf(Json& list, const std::function<bool(const StoredEvaluation&)>& gone)
{
    Json kept = Json::array();
    for (Json& object : list)
        if (const std::optional<StoredEvaluation> record = recordOf(object); !record || !gone(*record))
            kept.push_back(std::move(object));
    list = std::move(kept);
}

} // namespace

bool StoredEvaluation::sameSubject(const StoredEvaluation& other) const
{
    return target == other.target && label == other.label && textPath == other.textPath && windows == other.windows && length == other.length;
}

std::vector<StoredEvaluation> readEvaluations(const std::filesystem::path& project)
{
    return recordsOf(readList(project));
}

void copyEvaluations(const std::filesystem::path& project, const std::filesystem::path& target)
{
    if (const std::optional<std::filesystem::path> file = listOf(project))
        writeFileAtomically(fileOf(target), readTextFile(*file, JsonLimits().bytes), true);
}

std::vector<StoredEvaluation> storeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record)
{
    return change(project, [&](Json& list) {
        eraseIf(list, [&](const StoredEvaluation& old) { return old.sameSubject(record); });
        list.push_back(toJson(record));
    });
}

std::vector<StoredEvaluation> removeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record)
{
    return change(project, [&](Json& list) { eraseIf(list, [&](const StoredEvaluation& old) { return old.sameSubject(record); }); });
}

std::vector<StoredEvaluation> removeEvaluationsOf(const std::filesystem::path& project, std::string_view run)
{
    std::error_code none;
    if (!std::filesystem::exists(std::filesystem::symlink_status(fileOf(project), none)) && readList(project).empty())
        return {};   // nothing was ever measured
    return change(project, [&](Json& list) {
        eraseIf(list, [&](const StoredEvaluation& old) { return old.target == StoredEvaluation::Target::Run && old.run == run; });
    });
}

} // namespace halftone
