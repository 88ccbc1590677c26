#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/limits.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <map>

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
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    file.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

class HuggingFaceCheckpoint final : public Checkpoint {
public:
    explicit HuggingFaceCheckpoint(const fs::path& folder)
    {
        m_path = folder;
        if (!fs::exists(folder / "config.json"))
            failFile(folder, "holds no config.json; it says what kind of model this is", "E-R08");
        const InputFile config = InputFile::openIn(folder, "config.json");
        const std::string text = readText(config);
        m_config = parseJson(text, config.path().string(), {limits::kJson, 64, limits::kConfigValues});
        if (!m_config.is_object())
            failFile(config.path(), "is no JSON object", "E-R11");
        if (fs::exists(folder / kSingle)) // what stock loaders take first, too
            addFile(kSingle);
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
    void addFile(std::string_view name)
    {
        InputFile file = InputFile::openIn(m_path, name);
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

    void addShards()
    {
        const InputFile indexFile = InputFile::openIn(m_path, kIndex);
        const Json index = parseJson(readText(indexFile), indexFile.path().string(), {limits::kJson, 64});
        if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
            failFile(indexFile.path(), "has no object \"weight_map\"", "E-R08");

        const auto& weightMap = index["weight_map"].get_ref<const Json::object_t&>();
        std::map<std::string, int> shards; // sorted: the order of files() does not depend on the index
        for (const auto& [tensor, shard] : weightMap) {
            if (!shard.is_string())
                failFile(indexFile.path(), "names no file for tensor \"" + printable(tensor) + "\"", "E-R08");
            shards.emplace(shard.get_ref<const std::string&>(), 0);
            if (shards.size() > limits::kShards)
                failFile(indexFile.path(), "names more than " + std::to_string(limits::kShards) + " shards", "E-R04");
        }
        if (shards.empty())
            failFile(indexFile.path(), "names no shard", "E-R08");
        for (auto& [shard, number] : shards) {
            number = static_cast<int>(m_inputs.size());
            addFile(shard);
        }
        indexTensors();
        for (const auto& [tensor, shard] : weightMap) {
            const TensorInfo* info = find(tensor);
            const auto& named = shard.get_ref<const std::string&>();
            if (info == nullptr || info->file != shards.at(named))
                failFile(m_path / named, "lacks tensor \"" + printable(tensor) + "\", which " + std::string(kIndex) + " says it holds", "E-R08");
        }
        for (const TensorInfo& tensor : m_tensors)
            if (weightMap.find(tensor.name) == weightMap.end())
                failFile(m_files[static_cast<std::size_t>(tensor.file)],
                         "holds tensor \"" + printable(tensor.name) + "\", which " + std::string(kIndex) + " does not list", "E-R08");
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
