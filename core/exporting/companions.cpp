#include "core/exporting/companions.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"

#include <algorithm>
#include <array>

namespace halftone {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCompanionLimit = 256u << 20;
/// transformers keeps chat templates beside the first one here.
constexpr std::string_view kTemplateFolder = "additional_chat_templates";

/// What an export writes itself, or what would make a loader take it for something else.
constexpr std::array kOwn{"config.json", "model.safetensors.index.json"};
constexpr std::array kMisleading{"adapter_config.json", "quantize_config.json", "quant_config.json", "hf_quant_config.json", "params.json",
                                 "halftone-certificate.json", "pytorch_model.bin.index.json", "model.safetensors.index.fp32.json"};
constexpr std::array kWeights{".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".h5", ".msgpack", ".onnx", ".onnx_data", ".npz", ".ot", ".mlmodel"};
constexpr std::array kCode{".py", ".pyc", ".so", ".dll", ".sh", ".js", ".exe", ".ipynb", ".pkl", ".pickle"};
constexpr std::array kSettings{".json", ".jinja", ".txt", ".md", ".model", ".tiktoken", ".vocab", ".spm", ".rst", ".pdf", ".yaml", ".yml"};
constexpr std::array kLegal{"license", "licence", "copying", "notice", "use_policy", "usage_policy", "readme", "citation", "authors", "third_party"};

template <std::size_t N> bool isOneOf(std::string_view text, const std::array<const char*, N>& list)
{
    return std::find(list.begin(), list.end(), text) != list.end();
}

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

bool leadsAway(const fs::path& file)
{
    try {
        fileInside(file.parent_path(), file.filename().string());
        return false;
    } catch (const Error&) {   // a link out of the folder, or to nothing: the export goes on without it
        return true;
    }
}

/// Why a file stays behind, a phrase; empty for one that travels.
std::string whyLeft(const fs::path& file)
{
    const std::string name = file.filename().string();
    const std::string small = lower(name);
    const std::string extension = lower(file.extension().string());
    std::error_code error;
    if (isOneOf(extension, kWeights))
        return "weights of the model in another form";
    if (isOneOf(extension, kCode))
        return "code does not travel";
    if (isOneOf(small, kMisleading))
        return "it would not be true of the export";
    if (leadsAway(file))
        return "a link that leads out of the model's folder";
    if (!fs::is_regular_file(file, error))
        return "not a plain file";
    if (fs::file_size(file, error) > kCompanionLimit || error)
        return "larger than 256 MiB";
    const bool legal = std::any_of(kLegal.begin(), kLegal.end(), [&](const char* start) { return small.starts_with(start); });
    if (!legal && (name.starts_with(".") || !isOneOf(extension, kSettings)))
        return "not known to belong to a model";
    return {};
}

/// JSON files lose their auto_map, which names code.
std::string contentOf(const fs::path& file, const std::string& name, std::vector<LeftBehind>& left)
{
    std::string text = readTextFile(file, kCompanionLimit);
    if (file.extension() != ".json" || text.find("\"auto_map\"") == std::string::npos)
        return text;
    Json json = parseJson(text, file.string(), {.bytes = kCompanionLimit, .python = true});
    if (!dropAutoMap(json))
        return text;
    left.push_back({name + ": auto_map", "it names code, which does not travel"});
    return pythonJson(json, 2) + "\n";
}

void copyFolder(const fs::path& from, const fs::path& folder, const std::string& prefix, Companions& done)
{
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(from))
        entries.push_back(entry.path());
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) {
        const std::string name = prefix + entry.filename().string();
        std::error_code error;
        if (const std::string shown = printable(name, 300); shown != name) {
            done.left.push_back({shown, "its name is not plain text"});
            continue;
        }
        if (fs::is_directory(entry, error)) {
            if (prefix.empty() && entry.filename() == kTemplateFolder && !fs::is_symlink(entry, error))
                copyFolder(entry, folder, name + "/", done);
            else
                done.left.push_back({name + "/", "a folder"});
            continue;
        }
        if (prefix.empty() && isOneOf(name, kOwn))
            continue;
        if (std::string why = whyLeft(entry); !why.empty()) {
            done.left.push_back({name, std::move(why)});
            continue;
        }
        fs::create_directories((folder / name).parent_path());
        writeFileAtomically(folder / name, contentOf(entry, name, done.left));
        done.written.push_back(name);
    }
}

std::string generationConfig(const GgufVocabulary& vocabulary)
{
    Json json = Json::object();
    json["_from_model_config"] = true;
    if (vocabulary.bos >= 0)
        json["bos_token_id"] = vocabulary.bos;
    if (vocabulary.eos >= 0)
        json["eos_token_id"] = vocabulary.eos;
    if (vocabulary.pad >= 0)
        json["pad_token_id"] = vocabulary.pad;
    return json.dump(2) + "\n";
}

} // namespace

bool dropAutoMap(Json& config)
{
    return config.is_object() && config.erase("auto_map") > 0;
}

Companions writeCompanions(const Model& model, const fs::path& folder)
{
    Companions done;
    if (const auto vocabulary = model.ggufVocabulary()) {
        done.written = writeHuggingFaceTokenizer(*vocabulary, folder);
        writeFileAtomically(folder / "generation_config.json", generationConfig(*vocabulary));
        done.written.emplace_back("generation_config.json");
        return done;
    }
    copyFolder(model.checkpoint().path(), folder, {}, done);
    std::erase_if(done.left, [&](const LeftBehind& left) {   // the weights that were exported
        const auto& files = model.checkpoint().files();
        return std::any_of(files.begin(), files.end(), [&](const fs::path& file) { return file.filename() == left.name; });
    });
    return done;
}

} // namespace halftone
