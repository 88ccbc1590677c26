#include "core/project/study_store.h"

#include "core/base/error.h"
#include "core/base/json_number.h"
#include "core/base/json_paths.h"
#include "core/project/project_impl.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace halftone {
namespace {

std::string numbered(const char* stem, int number)
{
    std::string digits = std::to_string(number);
    return std::string(stem) + "-" + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

// ---- writing

Json number(double value)
{
    if (std::isfinite(value))
        return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json toJson(const Evaluation& e)
{
    Json json{{"perplexity", number(e.perplexity.perplexity)}, {"perplexity_stderr", number(e.perplexity.standardError)}, {"mean_nll", number(e.perplexity.meanNll)},
        {"tokens", e.perplexity.tokens}, {"windows", e.perplexity.windows}, {"length", e.perplexity.length}, {"not_finite", e.notFinite}};
    if (e.hasDivergence)
        json["divergence"] = {{"kl_mean", number(e.divergence.klMean)}, {"kl_mean_stderr", number(e.divergence.klMeanError)}, {"kl_p99", number(e.divergence.klP99)},
            {"kl_max", number(e.divergence.klMax)}, {"top1_agreement", number(e.divergence.top1Agreement)},
            {"reference_perplexity", number(e.divergence.referencePerplexity)}};
    return json;
}

Json toJson(const std::vector<Evaluation>& texts)
{
    Json list = Json::array();
    for (const Evaluation& text : texts)
        list.push_back(toJson(text));
    return list;
}

std::string headJson(const StudyResult& result)
{
    return jsonText({{"study", Json::parse(result.study.toJson())}, {"float", toJson(result.floatTexts)}}, 1, "the study") + "\n";
}

std::string memberJson(const StudyMemberResult& member)
{
    return Json{{"name", member.name}, {"recipe", Json::parse(member.recipe.toJson())}, {"run", member.run}, {"texts", toJson(member.texts)},
        {"grids", {{"elements", member.grids.elements}, {"zero", member.grids.zero}, {"lost", member.grids.lost}, {"clipped", member.grids.clipped}}},
        {"bits_per_weight", number(member.bitsPerWeight)}, {"bytes", member.bytes}, {"seconds", number(member.seconds)}}.dump(1) + "\n";
}

// ---- reading: the files are ours and vouched for by a hash, so that a missing key is damage, said once for the file

double real(const Json& json)
{
    if (json.is_string()) {
        const std::string word = json.get<std::string>();
        if (word == "nan")
            return std::numeric_limits<double>::quiet_NaN();
        return word == "-inf" ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    }
    return json.get<double>();
}

Evaluation evaluationOf(const Json& json)
{
    Evaluation e;
    e.perplexity.perplexity = real(json.at("perplexity"));
    e.perplexity.standardError = real(json.at("perplexity_stderr"));
    e.perplexity.meanNll = real(json.at("mean_nll"));
    e.perplexity.tokens = requireWhole<std::int64_t>(json.at("tokens"));
    e.perplexity.windows = requireWhole<int>(json.at("windows"));
    e.perplexity.length = requireWhole<int>(json.at("length"));
    e.notFinite = requireWhole<std::int64_t>(json.at("not_finite"));
    if (json.contains("divergence")) {
        const Json& d = json.at("divergence");
        e.hasDivergence = true;
        e.divergence = {real(d.at("kl_mean")), real(d.at("kl_mean_stderr")), real(d.at("kl_p99")), real(d.at("kl_max")), real(d.at("top1_agreement")),
            real(d.at("reference_perplexity"))};
    }
    return e;
}

std::vector<Evaluation> evaluationsOf(const Json& json)
{
    std::vector<Evaluation> texts;
    for (const Json& text : json)
        texts.push_back(evaluationOf(text));
    return texts;
}

/// The file's JSON, taken apart by `take`. @throws Error{BadFile} naming it.
template <typename Take>
void readEntry(const Project& project, const FileEntry& entry, const Take& take)
{
    const std::vector<std::byte> bytes = project.impl().read(entry);
    const std::string file = (project.folder() / entry.file).string();
    const Json json = parseJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
    try {
        take(json, file);
    } catch (const Json::exception& e) {
        throw Error(ErrorKind::BadFile, file + ": is not a study's file: " + e.what(), file);
    }
}

StudyMemberResult readMember(const Project& project, const FileEntry& entry)
{
    StudyMemberResult member;
    readEntry(project, entry, [&](const Json& json, const std::string& file) {
        member.name = json.at("name").get<std::string>();
        member.recipe = Recipe::parse(json.at("recipe").dump(), file);
        member.run = json.at("run").get<std::string>();
        member.texts = evaluationsOf(json.at("texts"));
        const Json& grids = json.at("grids");
        member.grids = {requireWhole<std::int64_t>(grids.at("elements")), requireWhole<std::int64_t>(grids.at("zero")), requireWhole<std::int64_t>(grids.at("lost")),
            requireWhole<std::int64_t>(grids.at("clipped"))};
        member.bitsPerWeight = real(json.at("bits_per_weight"));
        member.bytes = requireWhole<std::uint64_t>(json.at("bytes"));
        member.seconds = real(json.at("seconds"));
        member.state = StudyMemberResult::State::Done;
    });
    return member;
}

StudyResult readStudy(const Project& project, const StudyRecord& record)
{
    StudyResult result;
    result.id = record.id;
    result.created = record.created;
    result.done = record.done;
    result.seconds = record.seconds;
    result.floatWalks = record.floatWalks;
    result.reused = record.reused;
    readEntry(project, record.head, [&](const Json& json, const std::string& file) {
        result.study = Study::parse(json.at("study").dump(), file);
        result.floatTexts = evaluationsOf(json.at("float"));
    });
    for (StudyMember& member : result.study.members()) {
        StudyMemberResult row;
        row.name = std::move(member.name);
        row.method = std::move(member.method);
        row.weights = std::move(member.weights);
        row.activations = std::move(member.activations);
        row.recipe = std::move(member.recipe);
        result.members.push_back(std::move(row));
    }
    for (const StudyRecord::Member& known : record.members) {
        if (known.member >= static_cast<int>(result.members.size()))
            throw Error(ErrorKind::BadFile, project.folder().string() + ": " + record.id + " has a result of member " + std::to_string(known.member) + " and only "
                + std::to_string(result.members.size()) + " members.", project.folder().string());
        StudyMemberResult& row = result.members[static_cast<std::size_t>(known.member)];
        StudyMemberResult read = readMember(project, known.file);
        read.name = row.name;
        read.method = row.method;
        read.weights = row.weights;
        read.activations = row.activations;
        row = std::move(read);
    }
    return result;
}

StudyRecord& recordOf(Manifest& manifest, std::string_view id)
{
    for (StudyRecord& record : manifest.studies)
        if (record.id == id)
            return record;
    throw Error(ErrorKind::InvalidArgument, "The project has no study \"" + std::string(id) + "\".", std::string(id));
}

} // namespace

std::vector<StudyInfo> studies(const Project& project)
{
    std::vector<StudyInfo> infos;
    for (const StudyRecord& record : project.impl().snapshot().studies) {
        StudyInfo info{record.id, {}, record.created, record.done, static_cast<int>(record.members.size())};
        try {
            info.name = readStudy(project, record).study.name;
        } catch (const Error&) {   // loadStudy() says what is wrong
        }
        infos.push_back(std::move(info));
    }
    return infos;
}

StudyResult loadStudy(const Project& project, std::string_view id)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto record = manifest.studies.rbegin(); record != manifest.studies.rend(); ++record)
        if (id.empty() || record->id == id)
            return readStudy(project, *record);
    const std::string folder = project.folder().string();
    throw Error(ErrorKind::BadFile, folder + (id.empty() ? ": has no study yet; halftone-cli study makes one." : ": has no study \"" + std::string(id) + "\"."), folder);
}

void beginStudy(Project& project, StudyResult& result, const std::string& fingerprint, const RunInputs& conditions)
{
    Project::Impl& impl = project.impl();
    impl.requireWritable();
    StudyRecord record;
    record.conditions = conditions;
    int last = 0;
    for (const StudyRecord& known : impl.snapshot().studies) {
        int number = 0;
        std::from_chars(known.id.data() + std::min<std::size_t>(6, known.id.size()), known.id.data() + known.id.size(), number);
        last = std::max(last, number);
    }
    record.id = result.id = numbered("study", last + 1);
    record.created = result.created = utcNow();
    record.fingerprint = fingerprint;
    record.floatWalks = result.floatWalks;
    const std::string text = headJson(result);
    record.head = impl.store("studies/" + record.id, "study", std::as_bytes(std::span(text)), ".json");
    impl.update([&](Manifest& manifest) { manifest.studies.push_back(record); });
}

std::optional<StudyResult> findStudy(const Project& project, const std::string& fingerprint)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto record = manifest.studies.rbegin(); record != manifest.studies.rend(); ++record) {
        if (record->fingerprint != fingerprint || !project.impl().present(record->head))
            continue;
        StudyRecord whole = *record;   // members whose file is gone are measured anew
        std::erase_if(whole.members, [&](const StudyRecord::Member& member) { return !project.impl().present(member.file); });
        whole.done = whole.done && whole.members.size() == record->members.size();
        return readStudy(project, whole);
    }
    return std::nullopt;
}

std::optional<UnfinishedStudy> findUnfinishedStudy(const Project& project)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto record = manifest.studies.rbegin(); record != manifest.studies.rend(); ++record)
        if (!record->done)
            return UnfinishedStudy{record->id, record->conditions};
    return std::nullopt;
}

void storeMember(Project& project, const StudyResult& result, int member, const std::string& fingerprint)
{
    Project::Impl& impl = project.impl();
    const std::string text = memberJson(result.members.at(static_cast<std::size_t>(member)));
    StudyRecord::Member made{member, fingerprint, impl.store("studies/" + result.id, numbered("member", member), std::as_bytes(std::span(text)), ".json")};
    std::optional<FileEntry> replaced;
    impl.update([&](Manifest& manifest) {
        auto& members = recordOf(manifest, result.id).members;
        const auto at = std::lower_bound(members.begin(), members.end(), member, [](const StudyRecord::Member& have, int wanted) { return have.member < wanted; });
        if (at != members.end() && at->member == member) {
            if (at->file.file != made.file.file)
                replaced = at->file;
            *at = made;
        } else {
            members.insert(at, made);
        }
    });
    if (replaced)
        impl.discard(*replaced);
}

std::optional<StudyMemberResult> findMember(const Project& project, const std::string& fingerprint)
{
    const Manifest manifest = project.impl().snapshot();
    for (auto record = manifest.studies.rbegin(); record != manifest.studies.rend(); ++record)
        for (const StudyRecord::Member& member : record->members)
            if (member.fingerprint == fingerprint && project.impl().present(member.file))
                return readMember(project, member.file);
    return std::nullopt;
}

void updateStudy(Project& project, const StudyResult& result)
{
    project.impl().update([&](Manifest& manifest) {
        StudyRecord& record = recordOf(manifest, result.id);
        record.seconds = result.seconds;
        record.floatWalks = result.floatWalks;
        record.reused = result.reused;
        record.done = result.done;
    });
}

} // namespace halftone
