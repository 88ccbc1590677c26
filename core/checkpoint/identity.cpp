#include "core/checkpoint/identity.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/limits.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <array>
#include <map>

namespace halftone {

namespace fs = std::filesystem;

namespace {

/// Of a Hugging Face folder. What only says how text is drawn from the model (generation_config.json) or in which file a tensor lies is none of it.
constexpr std::array kSmallFiles = {"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                                    "vocab.json",  "merges.txt",     "tokenizer.model",       "chat_template.jinja",     "chat_template.json"};
constexpr std::string_view kIndex = "model.safetensors.index.json";   // part of a first version's identity
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPiece = 1u << 20;
constexpr std::uint64_t kMostOfAFile = 512u << 20;   // a vocabulary has some tens of MB

/// What is read of tensors: everything where a model's tensors together have at most `model` bytes, else whole tensors of at most `tensor` bytes and
/// `pages` pages spread over each longer one.
struct Extent {
    std::uint64_t model;
    std::uint64_t tensor;
    std::uint64_t pages;
};

Extent extentOf(int version)
{
    return version == 1 ? Extent{0, 64u << 10, 4} : Extent{512u << 20, 256u << 10, 64};
}

/// @throws Error{BadFile} for a file that is larger than any reader here would take: hashing what has terabytes, sparse or not, would not end.
std::string hashOf(const InputFile& file)
{
    if (file.size() > kMostOfAFile)
        throw Error(ErrorKind::BadFile, printable(file.path().string()) + ": has " + std::to_string(file.size()) + " bytes, more than a model's side file ever has. Remove it from the model's folder, or put the right one there",
                    file.path().string());
    Sha256 hash;
    for (std::uint64_t at = 0; at < file.size();) {
        const auto part = file.read(at, std::min(kPiece, file.size() - at));
        hash.update(part);
        at += part.size();
    }
    return hash.finish();
}

void addFiles(const Checkpoint& checkpoint, int version, std::vector<ModelIdentity::Part>& parts)
{
    std::vector<std::string_view> names(kSmallFiles.begin(), kSmallFiles.end());
    const bool oneFile = checkpoint.files().size() == 1 && checkpoint.files().front().filename() == "model.safetensors";
    if (version == 1 && !oneFile)   // not read beside a whole file
        names.push_back(kIndex);
    for (const std::string_view name : names) {
        std::error_code error;
        if (fs::is_regular_file(checkpoint.path() / name, error))
            parts.push_back({std::string(name), false, hashOf(InputFile::openIn(checkpoint.path(), name))});
    }
}

/// The single values by name; vocabulary and tensor list together, by the headers' bytes.
void addKeys(const Checkpoint& checkpoint, std::vector<ModelIdentity::Part>& parts)
{
    for (const auto& [key, value] : checkpoint.metadata().items())
        if (!value.is_structured() && !value.is_binary())
            parts.push_back({key, false, sha256(value.dump(-1, ' ', false, Json::error_handler_t::replace))});
    Sha256 headers;
    for (const std::string& hash : checkpoint.headerHashes())
        headers.update(hash);
    parts.push_back({"the header", false, headers.finish()});   // under no file's name, which may change
}

std::string joined(const std::vector<std::string>& names, std::size_t most)
{
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
        text += (i > 0 ? ", " : "") + names[i];
    return names.size() > most ? text + ", …" : text;
}

/// "config.json and 2 tensors (a, b)"
std::string listed(const std::vector<const ModelIdentity::Part*>& parts)
{
    std::vector<std::string> files;
    std::vector<std::string> tensors;
    for (const ModelIdentity::Part* part : parts)
        (part->tensor ? tensors : files).push_back(printable(part->name));
    std::string text = joined(files, 4);
    if (!tensors.empty())
        text += (text.empty() ? "" : " and ") + (tensors.size() == 1 ? "the tensor " + tensors.front()
                                                                     : std::to_string(tensors.size()) + " tensors (" + joined(tensors, 3) + ")");
    return text;
}

} // namespace

ModelIdentity identityOf(const Checkpoint& checkpoint, int version)
{
    ModelIdentity identity;
    identity.version = version;
    if (checkpoint.kind() == Checkpoint::Kind::HuggingFace)
        addFiles(checkpoint, version, identity.parts);
    else
        addKeys(checkpoint, identity.parts);
    const Extent extent = extentOf(version);
    std::uint64_t all = 0;
    for (const TensorInfo& tensor : checkpoint.tensors())
        all += tensor.bytes;
    for (const TensorInfo& tensor : checkpoint.tensors()) {
        Sha256 hash;
        hash.update(std::string(name(tensor.dtype)) + shapeText(tensor.shape));
        if (all <= extent.model || tensor.bytes <= extent.tensor)
            for (std::uint64_t at = 0; at < tensor.bytes; at += kPiece)
                hash.update(checkpoint.readPart(tensor, at, std::min(kPiece, tensor.bytes - at)));
        else
            for (std::uint64_t i = 0; i < extent.pages; ++i)
                hash.update(checkpoint.readPart(tensor, (tensor.bytes - kPage) / (extent.pages - 1) * i, kPage));
        identity.parts.push_back({tensor.name, true, hash.finish()});
    }
    std::sort(identity.parts.begin(), identity.parts.end(),
              [](const auto& a, const auto& b) { return std::tie(a.tensor, a.name) < std::tie(b.tensor, b.name); });
    return identity;
}

std::string ModelIdentity::digest() const
{
    Sha256 hash;
    for (const Part& part : parts)
        hash.update(std::to_string(part.name.size()) + ";" + part.name + (part.tensor ? "t" : "f") + part.sha256);
    return hash.finish();
}

std::string ModelIdentity::toJson() const
{
    Json list = Json::array();
    for (const Part& part : parts)
        list.push_back({part.name, part.tensor, part.sha256});
    return Json{{"halftone_model", version}, {"parts", std::move(list)}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ModelIdentity ModelIdentity::parse(std::string_view text, std::string_view subject)
{
    const auto fail = [&] { throw Error(ErrorKind::BadFile, std::string(subject) + ": is no list of a model's parts.", std::string(subject)); };
    const Json json = parseJson(text, subject, {512u << 20, 8, 5 * limits::kTensors});   // four values a part
    if (!json.is_object() || !json.contains("parts") || !json["parts"].is_array())
        fail();
    ModelIdentity identity;
    const Json version = json.value("halftone_model", Json());
    if (!version.is_number_integer() || version < 1 || version > kVersion)
        fail();
    identity.version = version.get<int>();
    for (const Json& item : json["parts"]) {
        if (!item.is_array() || item.size() != 3 || !item[0].is_string() || !item[1].is_boolean() || !item[2].is_string())
            fail();
        identity.parts.push_back({item[0].get<std::string>(), item[1].get<bool>(), item[2].get<std::string>()});
    }
    return identity;
}

std::string whatDiffers(const ModelIdentity& before, const ModelIdentity& now)
{
    std::map<std::pair<bool, std::string_view>, const ModelIdentity::Part*> known;
    for (const ModelIdentity::Part& part : before.parts)
        known.emplace(std::pair(part.tensor, std::string_view(part.name)), &part);
    std::vector<const ModelIdentity::Part*> changed;
    std::vector<const ModelIdentity::Part*> added;
    for (const ModelIdentity::Part& part : now.parts) {
        const auto it = known.find({part.tensor, part.name});
        if (it == known.end()) {
            added.push_back(&part);
            continue;
        }
        if (it->second->sha256 != part.sha256)
            changed.push_back(&part);
        known.erase(it);
    }
    std::vector<const ModelIdentity::Part*> gone;
    for (const auto& [key, part] : known)
        gone.push_back(part);
    std::string text;
    const auto say = [&](const std::vector<const ModelIdentity::Part*>& parts, const char* one, const char* many) {
        const bool single = parts.size() == 1;
        if (!parts.empty())
            text += (text.empty() ? "" : "; ") + listed(parts) + " " + (single ? one : many);
    };
    say(changed, "differs", "differ");
    say(gone, "is gone", "are gone");
    say(added, "is new", "are new");
    return text;
}

} // namespace halftone
