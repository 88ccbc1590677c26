#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/limits.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <map>
#include <set>

namespace halftone {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

std::string readText(const InputFile& file)
{
    if (file.size() > limits::kJson)
        failFile(file.path(),
                 "has " + std::to_string(file.size()) + " bytes; at most " + std::to_string(limits::kJson) + " are allowed", "E-R04");
    file.refuseLfsPointer();
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    file.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

/// config.json and the index are written by Python.
constexpr JsonLimits kConfigJson{limits::kJson, 64, limits::kConfigValues, true};
constexpr JsonLimits kIndexJson{.bytes = limits::kJson, .python = true};

/// A shard as the index names it, without "./" and doubled slashes: "part/model-00001-of-00002.safetensors".
/// @return empty for a name that may lead out of the model's folder (R08).
std::string shardWithin(std::string_view name)
{
    std::string out;
    if (name.starts_with('/') || name.ends_with('/'))
        return {};
    for (std::size_t from = 0; from < name.size();) {
        const std::size_t end = std::min(name.find('/', from), name.size());
        const std::string_view part = name.substr(from, end - from);
        from = end + 1;
        if (part.empty() || part == ".")
            continue;
        if (part.front() == '.' || part.find('\\') != std::string_view::npos || part.find('\0') != std::string_view::npos)
            return {};
        out += (out.empty() ? "" : "/") + std::string(part);
    }
    return out;
}

/// "a.safetensors, b.safetensors and 3 more"
std::string someOf(const std::vector<std::string>& names)
{
    constexpr std::size_t kShown = 3;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
        text += (i > 0 ? ", \"" : "\"") + printable(names[i], 120) + '"';
    return names.size() > kShown ? text + " and " + std::to_string(names.size() - kShown) + " more" : text;
}

class HuggingFaceCheckpoint final : public Checkpoint {
public:
    explicit HuggingFaceCheckpoint(const fs::path& folder)
    {
        m_path = folder;
        std::error_code error;
        if (fs::symlink_status(folder / "config.json", error).type() == fs::file_type::not_found)
            failFile(folder, "holds no config.json; it says what kind of model this is", "E-R08");
        const InputFile config = InputFile::openIn(folder, "config.json");
        const std::string text = readText(config);
        m_config = parseJson(text, config.path().string(), kConfigJson);
        if (!m_config.is_object())
            failFile(config.path(), "is no JSON object", "E-R11");
        if (isThere(folder / kSingle)) // what stock loaders take first, too
            addFile(InputFile::openIn(m_path, kSingle));
        else
            addShards();
        m_headerHashes.push_back(sha256(text));
        indexTensors();
        if (m_tensors.empty())
            failFile(m_files.front(), "holds no tensors", "E-R06");
    }

    Kind kind() const override { return Kind::HuggingFace; }
    const nlohmann::json& metadata() const override { return m_config; }

protected:
    void readBytes(int file, std::uint64_t offset, std::span<std::byte> out) const override
    {
        m_inputs.at(static_cast<std::size_t>(file)).read(offset, out);
    }
    void checkFilesUnchanged() const override
    {
        for (const InputFile& input : m_inputs)
            input.checkUnchanged();
    }

private:
    void addFile(InputFile file)
    {
        std::string hash;
        std::vector<TensorInfo> tensors = readSafetensorsHeader(file, static_cast<int>(m_inputs.size()), hash);
        if (m_tensors.size() + tensors.size() > limits::kTensors)
            failFile(m_path, "its files list more than " + std::to_string(limits::kTensors) + " tensors", "E-R04");
        m_tensors.insert(m_tensors.end(), std::make_move_iterator(tensors.begin()), std::make_move_iterator(tensors.end()));
        m_files.push_back(file.path());
        m_sizes.push_back(file.size());
        m_headerHashes.push_back(std::move(hash));
        m_inputs.push_back(std::move(file));
    }

    /// In the model's folder or a real folder below it: a link on the way could lead out.
    InputFile openShard(const std::string& shard) const
    {
        const std::size_t slash = shard.rfind('/');
        if (slash == std::string::npos)
            return InputFile::openIn(m_path, shard);
        fs::path folder = m_path;
        std::error_code error;
        for (const fs::path& part : fs::path(shard.substr(0, slash))) {
            folder /= part;
            if (!fs::is_directory(fs::symlink_status(folder, error)))
                failFile(folder, "is no folder of this model, although " + std::string(kIndex) + " names a file in it", "E-R08");
        }
        return InputFile::openIn(folder, shard.substr(slash + 1));
    }

    /// As stock loaders take it: the index says which files there are, and each file's own header which tensors it holds.
    void addShards()
    {
        const InputFile indexFile = InputFile::openIn(m_path, kIndex);
        const Json index = parseJson(readText(indexFile), indexFile.path().string(), kIndexJson);
        if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
            failFile(indexFile.path(), "has no object \"weight_map\"", "E-R08");

        const auto& weightMap = index["weight_map"].get_ref<const Json::object_t&>();
        std::map<std::string, int> shards; // sorted: the order of files() does not depend on the index
        for (const auto& [tensor, shard] : weightMap) {
            if (!shard.is_string())
                failFile(indexFile.path(), "names no file for tensor \"" + printable(tensor) + "\"", "E-R08");
            shards.emplace(nameOf(indexFile, shard), -1);
            if (shards.size() > limits::kShards)
                failFile(indexFile.path(), "names more than " + std::to_string(limits::kShards) + " shards", "E-R04");
        }
        if (shards.empty())
            failFile(indexFile.path(), "names no shard", "E-R08");
        for (auto& [shard, number] : shards) {
            std::error_code error;
            if (fs::symlink_status(m_path / shard, error).type() == fs::file_type::not_found)
                continue; // whether it is missed shows when a tensor of it is
            number = static_cast<int>(m_inputs.size());
            addFile(openShard(shard));
        }
        if (m_inputs.empty())
            failFile(m_path / shards.begin()->first, "is missing, although " + std::string(kIndex) + " names it", "E-R08");
        keepTheLastOfDoubled();
        indexTensors();
        compareWithIndex(indexFile, weightMap, shards);
    }

    /// Of a tensor that lies in two shards stock loaders take the one in the last by name, whatever the index says.
    void keepTheLastOfDoubled()
    {
        std::map<std::string_view, int> last;
        for (const TensorInfo& tensor : m_tensors)
            last[tensor.name] = tensor.file;
        if (last.size() == m_tensors.size())
            return;
        std::vector<TensorInfo> kept;
        std::set<std::string> doubled;
        for (const TensorInfo& tensor : m_tensors)
            if (last.at(tensor.name) == tensor.file)
                kept.push_back(tensor);
            else
                doubled.insert(tensor.name);
        m_tensors = std::move(kept);
        m_notes.push_back(someOf({doubled.begin(), doubled.end()}) + (doubled.size() > 1 ? " lie" : " lies") + " in more than one file: the last by name counts, as in transformers.");
    }

    std::string nameOf(const InputFile& indexFile, const Json& shard) const
    {
        const std::string& named = shard.get_ref<const std::string&>();
        std::string within = shardWithin(named);
        if (within.empty())
            failFile(indexFile.path(), "\"" + printable(named) + "\" is no name of a file in this folder", "E-R08");
        return within;
    }

    void compareWithIndex(const InputFile& indexFile, const Json::object_t& weightMap, const std::map<std::string, int>& shards)
    {
        std::vector<std::string> lost;
        std::vector<std::string> elsewhere;
        for (const auto& [tensor, shard] : weightMap) {
            const std::string file = nameOf(indexFile, shard);
            const TensorInfo* info = find(tensor);
            const int number = shards.at(file);
            if (info == nullptr) {
                lost.push_back(tensor);
                m_absent[tensor] = number < 0 ? (m_path / file).string() + ", where " + std::string(kIndex) + " says it lies, is missing"
                                              : (m_path / file).string() + ", where " + std::string(kIndex) + " says it lies, does not hold it";
            } else if (info->file != number) {
                elsewhere.push_back(tensor);
            }
        }
        std::vector<std::string> unlisted;
        for (const TensorInfo& tensor : m_tensors)
            if (weightMap.find(tensor.name) == weightMap.end())
                unlisted.push_back(tensor.name);
        const std::string start = std::string(kIndex) + " ";
        if (!lost.empty())
            m_notes.push_back(start + "lists " + someOf(lost) + ", which no file holds.");
        if (!elsewhere.empty())
            m_notes.push_back(start + "gives another file than the one that holds " + someOf(elsewhere) + ".");
        if (!unlisted.empty())
            m_notes.push_back(start + "does not list " + someOf(unlisted) + ", which a file holds.");
    }

    Json m_config;
    std::vector<InputFile> m_inputs;
};

} // namespace

std::shared_ptr<const Checkpoint> openHuggingFace(const fs::path& folder)
{
    return std::make_shared<const HuggingFaceCheckpoint>(folder);
}

} // namespace halftone
