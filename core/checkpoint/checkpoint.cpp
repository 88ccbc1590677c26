#include "core/checkpoint/checkpoint.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/checkpoint/identity.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstring>

namespace halftone {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian and are read as they are");

namespace fs = std::filesystem;

namespace {

struct DTypeEntry {
    std::string_view name;
    bool weight;
    BlockLayout layout;
};

constexpr std::array kTypes = {
    DTypeEntry{"F32", true, {1, 4}},      DTypeEntry{"F16", true, {1, 2}},      DTypeEntry{"BF16", true, {1, 2}},
    DTypeEntry{"F64", true, {1, 8}},      DTypeEntry{"I8", false, {1, 1}},      DTypeEntry{"U8", false, {1, 1}},
    DTypeEntry{"I16", false, {1, 2}},     DTypeEntry{"I32", false, {1, 4}},     DTypeEntry{"I64", false, {1, 8}},
    DTypeEntry{"BOOL", false, {1, 1}},    DTypeEntry{"Q8_0", true, {32, 34}},   DTypeEntry{"Q4_0", true, {32, 18}},
    DTypeEntry{"Q4_1", true, {32, 20}},   DTypeEntry{"Q5_0", true, {32, 22}},   DTypeEntry{"Q5_1", true, {32, 24}},
    DTypeEntry{"Q2_K", true, {256, 84}},  DTypeEntry{"Q3_K", true, {256, 110}}, DTypeEntry{"Q4_K", true, {256, 144}},
    DTypeEntry{"Q5_K", true, {256, 176}}, DTypeEntry{"Q6_K", true, {256, 210}}, DTypeEntry{"U16", false, {1, 2}},
    DTypeEntry{"U32", false, {1, 4}},     DTypeEntry{"U64", false, {1, 8}},     DTypeEntry{"F8_E4M3", true, {1, 1}},
    DTypeEntry{"F8_E5M2", true, {1, 1}},  DTypeEntry{"F8_E8M0", false, {1, 1}}, DTypeEntry{"F8_E4M3FNUZ", false, {1, 1}},
    DTypeEntry{"F8_E5M2FNUZ", false, {1, 1}}, DTypeEntry{"F6_E2M3", false, {4, 3}}, DTypeEntry{"F6_E3M2", false, {4, 3}},
    DTypeEntry{"F4", false, {2, 1}},      DTypeEntry{"C64", false, {1, 8}},
};
static_assert(kTypes.size() == static_cast<std::size_t>(DType::C64) + 1);

const DTypeEntry& entry(DType type)
{
    return kTypes[static_cast<std::size_t>(type)];
}

bool looksLikePickle(const fs::path& path, std::string_view start)
{
    static constexpr std::array kEndings = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"};
    const std::string ending = path.extension().string();
    if (std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end())
        return true;
    return start.starts_with("PK\x03\x04") || (start.size() >= 2 && start[0] == '\x80' && start[1] >= 1 && start[1] <= 5);
}

[[noreturn]] void refusePickle(const fs::path& path)
{
    throw Error(ErrorKind::Unsupported,
                path.string()
                    + ": is a Python pickle, which can run code when it is read, so Halftone never opens one (E-R12). Convert it: load the model "
                      "in transformers and call model.save_pretrained(\"folder\", safe_serialization=True), then open that folder.",
                path.string());
}

std::shared_ptr<const Checkpoint> openFolder(const fs::path& folder)
{
    std::error_code error;
    const auto weights = [&](std::string_view name) {   // a link that leads nowhere is refused by name when it is opened
        return fs::symlink_status(folder / name, error).type() != fs::file_type::not_found;
    };
    if (weights("model.safetensors") || weights("model.safetensors.index.json"))
        return openHuggingFace(folder);

    std::vector<fs::path> safetensors;
    std::vector<fs::path> ggufs;
    std::vector<fs::path> pickles;
    error.clear();
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string ending = it->path().extension().string();
        if (ending == ".safetensors")
            safetensors.push_back(it->path());
        else if (ending == ".gguf")
            ggufs.push_back(it->path());
        else if (looksLikePickle(it->path(), {}))
            pickles.push_back(it->path());
    }
    if (error)
        failFile(folder, "the folder cannot be read: " + error.message(), "E-R09");
    if (ggufs.size() == 1 && safetensors.empty())
        return openGguf(ggufs.front());
    std::sort(ggufs.begin(), ggufs.end());
    const auto first = ggufs.empty() ? std::nullopt : splitGgufName(ggufs.front());
    const bool oneSplit = first && std::all_of(ggufs.begin(), ggufs.end(), [&](const fs::path& path) {
        const auto name = splitGgufName(path);
        return name && name->stem == first->stem && name->count == first->count;
    });
    if (oneSplit && safetensors.empty())
        return openGguf(ggufs.front());
    if (ggufs.size() > 1 && safetensors.empty())
        failFile(folder, "holds " + std::to_string(ggufs.size()) + " GGUF files; open one of them", "E-R08");
    if (!safetensors.empty())
        failFile(folder,
                 "holds neither model.safetensors nor model.safetensors.index.json, although " + safetensors.front().filename().string()
                     + " is there; the index that names the shards is missing",
                 "E-R08");
    if (!pickles.empty())
        refusePickle(*std::min_element(pickles.begin(), pickles.end()));
    failFile(folder, "holds no weights: model.safetensors, model.safetensors.index.json or a .gguf file is expected", "E-R08");
}

std::shared_ptr<const Checkpoint> openFile(const fs::path& path)
{
    const InputFile file(path);
    std::array<char, 8> start{};
    const auto got = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), start.size()));
    file.read(0, std::as_writable_bytes(std::span(start.data(), got)));
    const std::string_view text(start.data(), got);

    if (text.starts_with("GGUF") || path.extension() == ".gguf")
        return openGguf(path);
    if (looksLikePickle(path, text))
        refusePickle(path);
    const std::string name = path.filename().string();
    if (path.extension() == ".safetensors" || name == "config.json" || name == "model.safetensors.index.json") {
        const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
        auto checkpoint = openFolder(folder);
        const auto& files = checkpoint->files();
        const bool belongs = path.extension() != ".safetensors"
            || std::any_of(files.begin(), files.end(), [&](const fs::path& f) { return f.filename() == path.filename(); });
        if (!belongs)
            failFile(path, "is no part of the model in its folder", "E-R08");
        return checkpoint;
    }
    failFile(path, "is no checkpoint: a folder with config.json and safetensors, or a GGUF file, is expected", "E-R01");
}

} // namespace

std::string_view name(DType type)
{
    return entry(type).name;
}

bool isWeightType(DType type)
{
    return entry(type).weight;
}

BlockLayout blockLayout(DType type)
{
    return entry(type).layout;
}

std::int64_t TensorInfo::elements() const
{
    std::int64_t product = 1;
    for (const std::int64_t extent : shape)
        product *= extent; // checked when the header was read
    return product;
}

std::optional<std::uint64_t> storedBytes(DType type, const std::vector<std::int64_t>& shape)
{
    const BlockLayout layout = blockLayout(type);
    std::optional<std::uint64_t> elements = 1;
    for (const std::int64_t extent : shape)
        elements = elements && extent >= 0 ? checked::mul(*elements, static_cast<std::uint64_t>(extent)) : std::nullopt;
    if (!elements || *elements > static_cast<std::uint64_t>(INT64_MAX))
        return std::nullopt;
    const bool packed = type == DType::F4 || type == DType::F6_E2M3 || type == DType::F6_E3M2;   // over row ends; GGUF's blocks stay within a row
    const auto row = shape.empty() ? std::uint64_t{1} : static_cast<std::uint64_t>(shape.back());
    if ((packed ? *elements : row) % layout.weights != 0)
        return std::nullopt;
    return checked::mul(*elements / layout.weights, layout.bytes);
}

std::string shapeText(const std::vector<std::int64_t>& shape)
{
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

void failFile(const fs::path& file, const std::string& sentence, std::string_view rule, std::source_location where)
{
    throw Error(ErrorKind::BadFile, file.string() + ": " + sentence + " (" + std::string(rule) + ").", file.string(), where);
}

std::shared_ptr<const Checkpoint> Checkpoint::open(const fs::path& path)
{
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
        failFile(path, error && error != std::errc::no_such_file_or_directory ? "cannot be opened: " + error.message() : "does not exist", "E-R09");
    return fs::is_directory(status) ? openFolder(path) : openFile(path);
}

void Checkpoint::indexTensors()
{
    m_index.clear();
    m_index.reserve(m_tensors.size());
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        m_index.emplace_back(m_tensors[i].name, i);
    std::sort(m_index.begin(), m_index.end());
    const auto twice
        = std::adjacent_find(m_index.begin(), m_index.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice != m_index.end()) {
        const auto& first = m_files[static_cast<std::size_t>(m_tensors[twice->second].file)];
        const auto& second = m_files[static_cast<std::size_t>(m_tensors[std::next(twice)->second].file)];
        failFile(second, "tensor \"" + printable(twice->first) + "\" is also in " + first.filename().string(), "E-R08");
    }
}

const TensorInfo* Checkpoint::find(std::string_view tensor) const
{
    const auto it = std::lower_bound(m_index.begin(), m_index.end(), tensor, [](const auto& pair, std::string_view n) { return pair.first < n; });
    return it != m_index.end() && it->first == tensor ? &m_tensors[it->second] : nullptr;
}

std::string Checkpoint::whyAbsent(std::string_view tensor) const
{
    const auto it = m_absent.find(tensor);
    return it == m_absent.end() ? std::string() : it->second;
}

const TensorInfo& Checkpoint::at(std::string_view tensor) const
{
    if (const TensorInfo* info = find(tensor))
        return *info;
    throw Error(ErrorKind::BadFile, m_path.string() + ": holds no tensor \"" + printable(tensor) + "\".", std::string(tensor));
}

void Checkpoint::readRows(const TensorInfo& tensor, std::int64_t firstRow, std::int64_t rows, std::span<float> out) const
{
    const auto rank = tensor.shape.size();
    const std::int64_t elements = tensor.elements();
    const std::int64_t rowLength = rank >= 2 ? tensor.shape.back() : 1;
    const std::int64_t allRows = rowLength > 0 ? elements / rowLength : 0;
    const fs::path& file = m_files.at(static_cast<std::size_t>(tensor.file));
    const auto subject = [&] { return file.string() + ": tensor \"" + printable(tensor.name) + "\""; };
    if (!isWeightType(tensor.dtype))
        throw Error(ErrorKind::BadFile,
                    subject() + " is stored as " + std::string(name(tensor.dtype)) + "; a weight must be F64, F32, F16, BF16, F8 or a GGUF block type.",
                    tensor.name);
    if (firstRow < 0 || rows < 0 || firstRow > allRows || rows > allRows - firstRow)
        throw Error(ErrorKind::BadFile,
                    subject() + " has " + std::to_string(allRows) + " rows; rows " + std::to_string(firstRow) + " to "
                        + std::to_string(firstRow + rows) + " are wanted.",
                    tensor.name);
    const auto wanted = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(rowLength);
    if (out.size() != wanted)
        throw Error(ErrorKind::Internal,
                    subject() + ": " + std::to_string(wanted) + " weights are read into room for " + std::to_string(out.size()) + ".", tensor.name);
    const auto first = static_cast<std::uint64_t>(firstRow) * static_cast<std::uint64_t>(rowLength);
    if (tensor.dtype == DType::F32) {
        readBytes(tensor.file, tensor.offset + first * 4, std::as_writable_bytes(out));
        return;
    }

    const BlockLayout layout = blockLayout(tensor.dtype);
    constexpr std::uint64_t kChunk = 1u << 20; // weights at a time: stays in the cache
    std::vector<std::byte> stored;
    std::vector<float> whole;
    for (std::uint64_t at = first; at < first + wanted;) {
        const std::uint64_t block = at / layout.weights;
        const std::uint64_t skip = at - block * layout.weights;
        const std::uint64_t take = std::min(first + wanted - at, kChunk);
        const std::uint64_t blocks = (skip + take + layout.weights - 1) / layout.weights;
        stored.resize(static_cast<std::size_t>(blocks * layout.bytes));
        readBytes(tensor.file, tensor.offset + block * layout.bytes, stored);
        const std::span<float> part = out.subspan(static_cast<std::size_t>(at - first), static_cast<std::size_t>(take));
        if (skip == 0 && take == blocks * layout.weights) {
            decodeWeights(tensor.dtype, stored, part);
        } else { // part of a block: only vectors, and chunks that end inside a block
            whole.resize(static_cast<std::size_t>(blocks * layout.weights));
            decodeWeights(tensor.dtype, stored, whole);
            std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(skip), take, part.begin());
        }
        at += take;
    }
}

std::vector<float> Checkpoint::readFloats(const TensorInfo& tensor) const
{
    const std::int64_t rowLength = tensor.shape.size() >= 2 ? tensor.shape.back() : 1;
    std::vector<float> out(static_cast<std::size_t>(tensor.elements()));
    readRows(tensor, 0, rowLength > 0 ? tensor.elements() / rowLength : 0, out);
    return out;
}

std::vector<std::byte> Checkpoint::readPart(const TensorInfo& tensor, std::uint64_t first, std::uint64_t bytes) const
{
    if (first > tensor.bytes || bytes > tensor.bytes - first)
        throw Error(ErrorKind::Internal, "tensor \"" + printable(tensor.name) + "\" has no " + std::to_string(bytes) + " bytes from byte " + std::to_string(first) + ".",
                    tensor.name);
    std::vector<std::byte> out(static_cast<std::size_t>(bytes));
    readBytes(tensor.file, tensor.offset + first, out);
    return out;
}

void Checkpoint::checkUnchanged() const
{
    checkFilesUnchanged();
}

std::uint64_t Checkpoint::totalBytes() const
{
    std::uint64_t sum = 0;
    for (const std::uint64_t size : m_sizes)
        sum += size;
    return sum;
}

std::string Checkpoint::fingerprint() const
{
    return identityOf(*this).digest();
}

} // namespace halftone
