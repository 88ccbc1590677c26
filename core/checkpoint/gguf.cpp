#include "core/base/byte_reader.h"
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/limits.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <regex>

namespace halftone {

namespace fs = std::filesystem;

namespace {

/// Tensor types of the format by number; those without a DType are known by name only, so that the message can say what the file holds.
struct GgufType {
    std::uint32_t id;
    std::string_view name;
    std::optional<DType> dtype;
};

constexpr std::array kGgufTypes = {
    GgufType{0, "F32", DType::F32},         GgufType{1, "F16", DType::F16},         GgufType{2, "Q4_0", DType::Q4_0},
    GgufType{3, "Q4_1", DType::Q4_1},       GgufType{6, "Q5_0", DType::Q5_0},       GgufType{7, "Q5_1", DType::Q5_1},
    GgufType{8, "Q8_0", DType::Q8_0},       GgufType{9, "Q8_1", std::nullopt},      GgufType{10, "Q2_K", DType::Q2_K},
    GgufType{11, "Q3_K", DType::Q3_K},      GgufType{12, "Q4_K", DType::Q4_K},      GgufType{13, "Q5_K", DType::Q5_K},
    GgufType{14, "Q6_K", DType::Q6_K},      GgufType{15, "Q8_K", std::nullopt},     GgufType{16, "IQ2_XXS", std::nullopt},
    GgufType{17, "IQ2_XS", std::nullopt},   GgufType{18, "IQ3_XXS", std::nullopt},  GgufType{19, "IQ1_S", std::nullopt},
    GgufType{20, "IQ4_NL", std::nullopt},   GgufType{21, "IQ3_S", std::nullopt},    GgufType{22, "IQ2_S", std::nullopt},
    GgufType{23, "IQ4_XS", std::nullopt},   GgufType{24, "I8", DType::I8},          GgufType{25, "I16", DType::I16},
    GgufType{26, "I32", DType::I32},        GgufType{27, "I64", DType::I64},        GgufType{28, "F64", DType::F64},
    GgufType{29, "IQ1_M", std::nullopt},    GgufType{30, "BF16", DType::BF16},      GgufType{34, "TQ1_0", std::nullopt},
    GgufType{35, "TQ2_0", std::nullopt},    GgufType{39, "MXFP4", std::nullopt},
};

/// Value types of the key-value section.
enum class ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
constexpr std::array<std::uint64_t, 13> kSmallest = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}; ///< bytes a value takes at least

/// Reads the header through a window that moves over the file, so that no more than one value is in memory beside the result.
class Cursor {
public:
    explicit Cursor(const InputFile& file)
        : m_file(file)
        , m_reader({}, file.path().string())
    {
    }

    std::uint64_t offset() const { return m_reader.offset(); }
    std::uint64_t left() const { return m_file.size() - offset(); }
    std::uint8_t u8() { return need(1).u8(); }
    std::uint16_t u16() { return need(2).u16(); }
    std::uint32_t u32() { return need(4).u32(); }
    std::uint64_t u64() { return need(8).u64(); }
    float f32() { return need(4).f32(); }
    double f64() { return need(8).f64(); }
    std::string string(std::uint64_t max)
    {
        const std::uint64_t at = offset();
        const std::uint64_t length = need(8).u64();
        if (length > max)
            failFile(m_file.path(),
                     "the text at byte " + std::to_string(at) + " says it has " + std::to_string(length) + " bytes; at most "
                         + std::to_string(max) + " are allowed",
                     "E-R04");
        const auto bytes = need(length).bytes(length);
        return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
    }

    /// The next `bytes` as they are; `kind` goes along.
    Json binary(std::uint64_t bytes, std::uint32_t kind)
    {
        Json::binary_t out;
        out.reserve(static_cast<std::size_t>(bytes));
        while (out.size() < bytes) {
            const std::uint64_t part = std::min<std::uint64_t>(bytes - out.size(), 1u << 20);
            for (const std::byte byte : need(part).bytes(part))
                out.push_back(static_cast<std::uint8_t>(byte));
        }
        out.set_subtype(kind);
        return Json::binary(std::move(out));
    }

private:
    ByteReader& need(std::uint64_t n)
    {
        if (m_reader.left() >= n)
            return m_reader;
        if (n > left())
            failFile(m_file.path(),
                     std::to_string(n) + " bytes are expected at byte " + std::to_string(offset()) + ", but only " + std::to_string(left())
                         + " are left; the file is cut off or its header is wrong",
                     "E-R02");
        const std::uint64_t at = offset();
        m_window = m_file.read(at, std::min(left(), std::max<std::uint64_t>(n, 1u << 20)));
        m_reader = ByteReader(m_window, m_file.path().string(), at);
        return m_reader;
    }

    const InputFile& m_file;
    std::vector<std::byte> m_window;
    ByteReader m_reader;
};

/// One GGUF file: its key-values and where its tensors lie.
class GgufFile {
public:
    GgufFile(const fs::path& path, int index)
        : m_path(path)
        , m_input(path)
        , m_at(m_input)
        , m_index(index)
    {
        m_input.refuseLfsPointer();
        readHeader();
    }
    GgufFile(const GgufFile&) = delete;
    GgufFile& operator=(const GgufFile&) = delete;

    const InputFile& input() const { return m_input; }
    const std::string& headerHash() const { return m_headerHash; }
    Json& metadata() { return m_metadata; }
    std::vector<TensorInfo>& tensors() { return m_tensors; }
    /// A count of the keys that say how a model was split. @return empty where the file has no such key.
    std::optional<std::uint64_t> splitNumber(const char* key) const
    {
        const auto it = m_metadata.find(key);
        if (it == m_metadata.end())
            return std::nullopt;
        if (!it->is_number_integer() || (!it->is_number_unsigned() && it->get<std::int64_t>() < 0))
            fail("the key \"" + std::string(key) + "\" is no whole number");
        return it->get<std::uint64_t>();
    }
    [[noreturn]] void fail(const std::string& sentence, std::string_view rule = "E-R07") const { failFile(m_path, sentence, rule); }

private:
    void readHeader()
    {
        if (m_input.size() < 24)
            fail("has " + std::to_string(m_input.size()) + " bytes; a GGUF file has at least 24");
        if (m_at.u32() != 0x46554747u)
            fail("does not begin with \"GGUF\"");
        const std::uint32_t version = m_at.u32();
        if ((version & 0xffffu) == 0 && version != 0)
            fail("is big-endian, which Halftone does not read");
        if (version != 2 && version != 3)
            fail("is of GGUF version " + std::to_string(version) + "; versions 2 and 3 are read");
        const std::uint64_t tensors = m_at.u64();
        const std::uint64_t keys = m_at.u64();
        if (tensors > limits::kTensors)
            fail("says it has " + std::to_string(tensors) + " tensors; at most " + std::to_string(limits::kTensors) + " are allowed", "E-R04");
        if (keys > limits::kGgufKeys)
            fail("says it has " + std::to_string(keys) + " keys; at most " + std::to_string(limits::kGgufKeys) + " are allowed", "E-R04");

        m_metadata = Json::object();
        for (std::uint64_t i = 0; i < keys; ++i)
            readKey();
        const std::uint64_t alignment = readAlignment();

        std::vector<TensorInfo> infos;
        for (std::uint64_t i = 0; i < tensors; ++i)
            infos.push_back(readTensor(alignment));
        hashHeader(m_at.offset());
        placeTensors(std::move(infos), alignment);
    }

    void readKey()
    {
        std::string key = m_at.string(limits::kGgufKey);
        if (key.empty())
            fail("has a key without a name before byte " + std::to_string(m_at.offset()));
        const std::uint32_t type = m_at.u32();
        Json value = readValue(type, key, 0);
        const auto [place, isNew] = m_metadata.get_ref<Json::object_t&>().emplace(std::move(key), std::move(value));
        if (!isNew)
            fail("has the key \"" + printable(place->first) + "\" twice");
    }

    Json readValue(std::uint32_t type, const std::string& key, int depth)
    {
        switch (static_cast<ValueType>(type)) {
        case ValueType::U8:
            return m_at.u8();
        case ValueType::I8:
            return static_cast<std::int8_t>(m_at.u8());
        case ValueType::U16:
            return m_at.u16();
        case ValueType::I16:
            return static_cast<std::int16_t>(m_at.u16());
        case ValueType::U32:
            return m_at.u32();
        case ValueType::I32:
            return static_cast<std::int32_t>(m_at.u32());
        case ValueType::F32:
            return m_at.f32();
        case ValueType::Bool: {
            const std::uint8_t byte = m_at.u8();
            if (byte > 1)
                fail("the truth value of \"" + printable(key) + "\" is " + std::to_string(byte) + "; 0 or 1 is expected");
            return byte == 1;
        }
        case ValueType::String:
            return m_at.string(limits::kGgufString);
        case ValueType::Array:
            return readArray(key, depth + 1);
        case ValueType::U64:
            return m_at.u64();
        case ValueType::I64:
            return static_cast<std::int64_t>(m_at.u64());
        case ValueType::F64:
            return m_at.f64();
        }
        fail("the key \"" + printable(key) + "\" has the unknown value type " + std::to_string(type));
    }

    Json readArray(const std::string& key, int depth)
    {
        if (depth > limits::kGgufArrayDepth)
            fail("the key \"" + printable(key) + "\" nests arrays more than " + std::to_string(limits::kGgufArrayDepth) + " deep", "E-R04");
        const std::uint32_t type = m_at.u32();
        if (type >= kSmallest.size())
            fail("the array \"" + printable(key) + "\" has the unknown element type " + std::to_string(type));
        const std::uint64_t count = m_at.u64();
        const std::uint64_t size = kSmallest[type];
        const bool asBytes = size <= 2 && count > limits::kGgufSmallNumbers - m_smallNumbers;   // as values each would take sixteen
        if (!asBytes && count > limits::kGgufArray - m_elements)
            fail("the array \"" + printable(key) + "\" has " + std::to_string(count) + " elements; at most "
                     + std::to_string(limits::kGgufArray) + " are allowed in all arrays",
                 "E-R04");
        if (count > m_at.left() / size)
            fail("the array \"" + printable(key) + "\" says it has " + std::to_string(count) + " elements, but only "
                     + std::to_string(m_at.left()) + " bytes are left",
                 "E-R05");
        if (asBytes)
            return m_at.binary(count * size, type);
        m_elements += count;
        m_smallNumbers += size <= 2 ? count : 0;
        if (static_cast<ValueType>(type) == ValueType::String && (m_texts += count) > limits::kGgufTexts)
            fail("the array \"" + printable(key) + "\" has " + std::to_string(count) + " texts; at most " + std::to_string(limits::kGgufTexts)
                     + " are allowed in all arrays",
                 "E-R04");
        Json::array_t array;
        array.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t i = 0; i < count; ++i)
            array.push_back(readValue(type, key, depth));
        return array;
    }

    std::uint64_t readAlignment() const
    {
        const auto it = m_metadata.find("general.alignment");
        if (it == m_metadata.end())
            return 32;
        const std::uint64_t value = it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
        if (!std::has_single_bit(value) || value > limits::kGgufAlignment)
            fail("general.alignment is " + printable(it->dump(-1, ' ', false, Json::error_handler_t::replace), 40)
                     + "; a power of two up to " + std::to_string(limits::kGgufAlignment) + " is expected",
                 "E-R04");
        return value;
    }

    /// `offset` still counts from the data's start.
    TensorInfo readTensor(std::uint64_t alignment)
    {
        TensorInfo tensor;
        tensor.name = m_at.string(limits::kTensorName);
        const std::string about = "tensor \"" + printable(tensor.name) + "\" ";
        const std::uint32_t rank = m_at.u32();
        if (rank < 1 || rank > limits::kGgufRank)
            fail(about + "has " + std::to_string(rank) + " dimensions; 1 to " + std::to_string(limits::kGgufRank) + " are allowed", "E-R04");
        for (std::uint32_t i = 0; i < rank; ++i) {
            const std::uint64_t extent = m_at.u64();
            if (extent < 1 || extent > limits::kExtent)
                fail(about + "has a dimension of " + std::to_string(extent) + "; 1 to 2^63−1 is expected");
            tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent)); // the file counts from the innermost
        }
        const std::uint32_t id = m_at.u32();
        const auto type = std::find_if(kGgufTypes.begin(), kGgufTypes.end(), [&](const GgufType& t) { return t.id == id; });
        if (type == kGgufTypes.end())
            fail(about + "has the unknown type " + std::to_string(id));
        if (!type->dtype)
            fail(about + "is stored as " + std::string(type->name)
                 + ", which Halftone cannot decode; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K are read");
        tensor.dtype = *type->dtype;
        const auto weights = static_cast<std::int64_t>(blockLayout(tensor.dtype).weights);
        if (tensor.shape.back() % weights != 0)
            fail(about + "has rows of " + std::to_string(tensor.shape.back()) + " weights; " + std::string(type->name) + " stores them by "
                 + std::to_string(weights));
        const auto bytes = storedBytes(tensor.dtype, tensor.shape);
        if (!bytes)
            fail(about + "has a shape " + shapeText(tensor.shape) + " whose size overflows", "E-R03");
        tensor.bytes = *bytes;
        tensor.offset = m_at.u64();
        if (tensor.offset % alignment != 0)
            fail(about + "begins at byte " + std::to_string(tensor.offset) + " of the data, which is no multiple of "
                 + std::to_string(alignment));
        return tensor;
    }

    void placeTensors(std::vector<TensorInfo> infos, std::uint64_t alignment)
    {
        const auto dataStart = checked::pad(m_at.offset(), alignment);
        std::vector<const TensorInfo*> order;
        for (TensorInfo& tensor : infos) {
            const std::string about = "tensor \"" + printable(tensor.name) + "\" ";
            const auto begin = dataStart ? checked::add(*dataStart, tensor.offset) : std::nullopt;
            const auto end = begin ? checked::add(*begin, tensor.bytes) : std::nullopt;
            if (!end)
                fail(about + "lies at an offset that overflows", "E-R03");
            if (*end > m_input.size())
                fail(about + "ends at byte " + std::to_string(*end) + " of " + std::to_string(m_input.size()) + "; the file is cut off");
            tensor.offset = *begin;
            order.push_back(&tensor);
        }
        std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) { return a->offset < b->offset; });
        for (std::size_t i = 1; i < order.size(); ++i)
            if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes)
                fail("tensors \"" + printable(order[i - 1]->name) + "\" and \"" + printable(order[i]->name) + "\" overlap at byte "
                     + std::to_string(order[i]->offset));
        std::vector<TensorInfo> sorted;
        sorted.reserve(order.size());
        for (const TensorInfo* tensor : order) {
            sorted.push_back(*tensor);
            sorted.back().file = m_index;
        }
        m_tensors = std::move(sorted);
    }

    void hashHeader(std::uint64_t end)
    {
        Sha256 hash;
        for (std::uint64_t at = 0; at < end;) {
            const auto part = m_input.read(at, std::min<std::uint64_t>(end - at, 1u << 20));
            hash.update(part);
            at += part.size();
        }
        m_headerHash = hash.finish();
    }

    fs::path m_path;
    InputFile m_input;
    Cursor m_at;
    int m_index;
    Json m_metadata;
    std::vector<TensorInfo> m_tensors;
    std::string m_headerHash;
    std::uint64_t m_elements = 0, m_smallNumbers = 0, m_texts = 0;
};

class GgufCheckpoint final : public Checkpoint {
public:
    explicit GgufCheckpoint(const fs::path& path)
    {
        m_path = path;
        auto file = std::make_unique<GgufFile>(path, 0);
        const std::uint64_t count = file->splitNumber("split.count").value_or(0);
        if (count <= 1) {
            add(std::move(file));
        } else {
            const SplitGgufName name = splitName(*file, path, count);
            m_path = name.part(1);
            for (std::uint64_t i = 1; i <= count; ++i)
                add(openPart(name, i, path));
            checkTensorCount(count);
        }
        indexTensors();
    }

    Kind kind() const override { return Kind::Gguf; }
    const nlohmann::json& metadata() const override { return m_parts.front()->metadata(); }

protected:
    void readBytes(int file, std::uint64_t offset, std::span<std::byte> out) const override
    {
        m_parts.at(static_cast<std::size_t>(file))->input().read(offset, out);
    }
    void checkFilesUnchanged() const override
    {
        for (const auto& part : m_parts)
            part->input().checkUnchanged();
    }

private:
    void add(std::unique_ptr<GgufFile> file)
    {
        m_files.push_back(file->input().path());
        m_sizes.push_back(file->input().size());
        m_headerHashes.push_back(file->headerHash());
        if (m_tensors.size() + file->tensors().size() > limits::kTensors)
            failFile(m_path, "its parts list more than " + std::to_string(limits::kTensors) + " tensors", "E-R04");
        m_tensors.insert(m_tensors.end(), std::make_move_iterator(file->tensors().begin()), std::make_move_iterator(file->tensors().end()));
        m_parts.push_back(std::move(file));
    }

    static SplitGgufName splitName(const GgufFile& file, const fs::path& path, std::uint64_t count)
    {
        if (count > limits::kShards)
            file.fail("says it is one of " + std::to_string(count) + " parts; at most " + std::to_string(limits::kShards) + " are allowed", "E-R04");
        const auto name = splitGgufName(path);
        if (!name || name->count != count)
            file.fail("is one of " + std::to_string(count) + " parts of a split model, but its name does not end in \"-00001-of-"
                          + SplitGgufName::fiveDigits(count) + ".gguf\", by which the other parts are found: give it its name back, or join "
                          + "the parts with llama-gguf-split --merge FIRST-PART OUT.gguf",
                      "E-R08");
        return *name;
    }

    static std::unique_ptr<GgufFile> openPart(const SplitGgufName& name, std::uint64_t number, const fs::path& asked)
    {
        const fs::path path = name.part(number);
        std::error_code error;
        if (!fs::exists(path, error))
            failFile(path, "is missing: " + asked.filename().string() + " is one of " + std::to_string(name.count) + " parts of a model, and all must be there",
                     "E-R08");
        auto file = std::make_unique<GgufFile>(path, static_cast<int>(number - 1));
        if (file->splitNumber("split.count") != name.count || file->splitNumber("split.no") != number - 1)
            file->fail("does not say that it is part " + std::to_string(number) + " of " + std::to_string(name.count), "E-R08");
        return file;
    }

    void checkTensorCount(std::uint64_t count) const
    {
        const auto expected = m_parts.front()->splitNumber("split.tensors.count");
        if (expected && *expected != m_tensors.size())
            m_parts.front()->fail("says that the model has " + std::to_string(*expected) + " tensors; its " + std::to_string(count) + " parts hold "
                                      + std::to_string(m_tensors.size()),
                                  "E-R08");
    }

    std::vector<std::unique_ptr<GgufFile>> m_parts;
};

} // namespace

std::shared_ptr<const Checkpoint> openGguf(const fs::path& file)
{
    return std::make_shared<const GgufCheckpoint>(file);
}

std::string SplitGgufName::fiveDigits(std::uint64_t which)
{
    const std::string digits = std::to_string(which);
    return digits.size() < 5 ? std::string(5 - digits.size(), '0') + digits : digits;
}

fs::path SplitGgufName::part(std::uint64_t which) const
{
    return stem.string() + "-" + fiveDigits(which) + "-of-" + fiveDigits(count) + ".gguf";
}

std::optional<SplitGgufName> splitGgufName(const fs::path& path)
{
    static const std::regex pattern("(.*)-([0-9]{5})-of-([0-9]{5})\\.gguf");
    const std::string name = path.filename().string();
    std::smatch match;
    if (name.size() > 255 || !std::regex_match(name, match, pattern))
        return std::nullopt;
    SplitGgufName out{path.parent_path() / match[1].str(), std::stoull(match[2]), std::stoull(match[3])};
    if (out.number < 1 || out.number > out.count)
        return std::nullopt;
    return out;
}

} // namespace halftone
