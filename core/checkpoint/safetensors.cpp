#include "core/base/byte_reader.h"
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/limits.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace halftone {

namespace {

std::optional<DType> typeNamed(std::string_view text)
{
    static constexpr std::array kStored = {DType::F32,     DType::F16,     DType::BF16,        DType::F64,         DType::I8,      DType::U8,
                                           DType::I16,     DType::I32,     DType::I64,         DType::Bool,        DType::U16,     DType::U32,
                                           DType::U64,     DType::F8_E4M3, DType::F8_E5M2,     DType::F8_E8M0,     DType::F6_E2M3, DType::F6_E3M2,
                                           DType::F4,      DType::C64,     DType::F8_E4M3FNUZ, DType::F8_E5M2FNUZ};
    for (const DType type : kStored)
        if (name(type) == text)
            return type;
    return std::nullopt;
}

/// Reads the header event by event: nothing but what R06 allows gets through, and no tree of a hostile text is ever built.
class HeaderVisitor final : public JsonVisitor {
public:
    std::vector<TensorInfo> tensors; ///< `offset` counts from the data's start, `bytes` is end − begin

    void value(Json scalar) override
    {
        switch (m_place) {
        case Place::Tensor:
            if (m_field != Field::DType)
                refuse("is no array");
            if (!scalar.is_string())
                refuse("is no text");
            readType(scalar.get_ref<const std::string&>());
            break;
        case Place::Metadata:
            if (!scalar.is_string())
                throw JsonRefusal{"the value of \"" + printable(m_key) + "\" in __metadata__ is no text", "E-R06"};
            countMetadata(scalar.get_ref<const std::string&>().size());
            break;
        case Place::Shape:
            if (m_tensor.shape.size() >= limits::kSafetensorsRank)
                throw JsonRefusal{about() + "has more than " + std::to_string(limits::kSafetensorsRank) + " dimensions", "E-R04"};
            m_tensor.shape.push_back(static_cast<std::int64_t>(integer(scalar)));
            break;
        case Place::Offsets:
            if (m_offsets.size() >= 2)
                refuse("has more than two numbers");
            m_offsets.push_back(integer(scalar));
            break;
        case Place::Outside:
        case Place::Root:
            throw JsonRefusal{"an object is expected here", "E-R06"};
        }
    }

    void beginObject() override
    {
        switch (m_place) {
        case Place::Outside:
            m_place = Place::Root;
            break;
        case Place::Root:
            m_place = m_key == "__metadata__" ? Place::Metadata : Place::Tensor;
            m_fields = 0;
            m_field = Field::None;
            m_tensor = {};
            m_tensor.name = m_key;
            m_offsets.clear();
            m_metadataKeys.clear();
            break;
        default:
            throw JsonRefusal{"an object is nested too deep", "E-R06"};
        }
    }

    void key(std::string text) override
    {
        if (m_place == Place::Tensor) {
            m_field = text == "dtype" ? Field::DType : text == "shape" ? Field::Shape : text == "data_offsets" ? Field::Offsets : Field::None;
            if (m_field == Field::None)
                throw JsonRefusal{about() + "has the unknown key \"" + printable(text) + "\"", "E-R06"};
            if ((m_fields & static_cast<unsigned>(m_field)) != 0)
                throw JsonRefusal{about() + "has the key \"" + text + "\" twice", "E-R06"};
            m_fields |= static_cast<unsigned>(m_field);
        } else if (m_place == Place::Metadata) {
            countMetadata(text.size());
            if (!m_metadataKeys.insert(text).second)
                throw JsonRefusal{"the key \"" + printable(text) + "\" stands twice in __metadata__", "E-R06"};
            m_key = std::move(text);
        } else {
            if (text.size() > limits::kTensorName)
                throw JsonRefusal{"a tensor's name has " + std::to_string(text.size()) + " bytes; at most "
                                      + std::to_string(limits::kTensorName) + " are allowed",
                                  "E-R04"};
            if (!m_names.insert(text).second)
                throw JsonRefusal{"the key \"" + printable(text) + "\" stands twice", "E-R06"};
            m_key = std::move(text);
        }
    }

    void endObject() override
    {
        if (m_place == Place::Tensor) {
            if (m_fields != 7)
                throw JsonRefusal{about() + "lacks one of dtype, shape and data_offsets", "E-R06"};
            if (m_offsets[1] < m_offsets[0])
                throw JsonRefusal{about() + "ends at byte " + std::to_string(m_offsets[1]) + ", before it begins at "
                                      + std::to_string(m_offsets[0]),
                                  "E-R06"};
            m_tensor.offset = m_offsets[0];
            m_tensor.bytes = m_offsets[1] - m_offsets[0];
            if (tensors.size() >= limits::kTensors)
                throw JsonRefusal{"more than " + std::to_string(limits::kTensors) + " tensors are listed", "E-R04"};
            tensors.push_back(std::move(m_tensor));
            m_place = Place::Root;
        } else {
            m_place = m_place == Place::Metadata ? Place::Root : Place::Outside;
        }
    }

    void beginArray() override
    {
        if (m_place == Place::Tensor && m_field == Field::Shape)
            m_place = Place::Shape;
        else if (m_place == Place::Tensor && m_field == Field::Offsets)
            m_place = Place::Offsets;
        else
            throw JsonRefusal{"an array is not expected here", "E-R06"};
    }

    void endArray() override
    {
        if (m_place == Place::Offsets && m_offsets.size() != 2)
            throw JsonRefusal{about() + "has data_offsets of " + std::to_string(m_offsets.size()) + " numbers; two are expected", "E-R06"};
        m_place = Place::Tensor;
    }

private:
    enum class Place { Outside, Root, Metadata, Tensor, Shape, Offsets };
    enum class Field : unsigned { None = 0, DType = 1, Shape = 2, Offsets = 4 };

    std::string about() const { return "tensor \"" + printable(m_tensor.name) + "\" "; }

    [[noreturn]] void refuse(const std::string& what) const
    {
        const char* field = m_field == Field::DType ? "dtype" : m_field == Field::Shape ? "shape" : "data_offsets";
        throw JsonRefusal{about() + "has a " + field + " that " + what, "E-R06"};
    }

    void readType(const std::string& text)
    {
        const auto type = typeNamed(text);
        if (!type)
            throw JsonRefusal{about() + "has the dtype \"" + printable(text) + "\", which Halftone does not know", "E-R06"};
        m_tensor.dtype = *type;
    }

    std::uint64_t integer(const Json& scalar) const
    {
        if (!scalar.is_number_unsigned() || scalar.get<std::uint64_t>() > limits::kExtent)
            throw JsonRefusal{about() + "has a number that is no whole number from 0 to 2^63−1", "E-R06"};
        return scalar.get<std::uint64_t>();
    }

    void countMetadata(std::size_t bytes)
    {
        m_metadataBytes += bytes;
        if (m_metadataBytes > limits::kSafetensorsMetadata)
            throw JsonRefusal{"__metadata__ has more than " + std::to_string(limits::kSafetensorsMetadata) + " bytes", "E-R04"};
    }

    Place m_place = Place::Outside;
    Field m_field = Field::None;
    unsigned m_fields = 0;
    std::string m_key;
    TensorInfo m_tensor;
    std::vector<std::uint64_t> m_offsets;
    std::uint64_t m_metadataBytes = 0;
    std::unordered_set<std::string> m_names;
    std::unordered_set<std::string> m_metadataKeys;
};

} // namespace

std::vector<TensorInfo> readSafetensorsHeader(const InputFile& file, int index, std::string& headerHash)
{
    const std::uint64_t size = file.size();
    if (size < 8)
        failFile(file.path(), "has " + std::to_string(size) + " bytes; a safetensors file has at least 8", "E-R06");
    file.refuseLfsPointer();
    const auto start = file.read(0, 8);
    const std::uint64_t length = ByteReader(start, file.path().string()).u64();
    if (length > limits::kSafetensorsHeader)
        failFile(file.path(),
                 "its header says it has " + std::to_string(length) + " bytes; at most " + std::to_string(limits::kSafetensorsHeader)
                     + " are allowed",
                 "E-R04");
    if (length > size - 8)
        failFile(file.path(),
                 "its header ends at byte " + std::to_string(length + 8) + " of " + std::to_string(size) + "; the file is cut off", "E-R06");

    std::string text(static_cast<std::size_t>(length), '\0');
    file.read(8, std::as_writable_bytes(std::span(text)));
    if (text.empty() || text.front() != '{')
        failFile(file.path(), "its header does not begin with {", "E-R06");
    HeaderVisitor visitor;
    visitJson(text, file.path().string() + ": header", visitor, {limits::kSafetensorsHeader, 8, limits::kSafetensorsValues});
    headerHash = sha256(text);

    std::vector<TensorInfo> tensors = std::move(visitor.tensors);
    std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
        return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
    });
    const std::uint64_t dataStart = 8 + length;
    const std::uint64_t dataSize = size - dataStart;
    std::uint64_t at = 0;
    for (TensorInfo& tensor : tensors) {
        const std::string about = "tensor \"" + printable(tensor.name) + "\" ";
        const auto bytes = storedBytes(tensor.dtype, tensor.shape);
        if (!bytes)
            failFile(file.path(), about + "has a shape " + shapeText(tensor.shape) + " whose size overflows", "E-R03");
        if (*bytes != tensor.bytes)
            failFile(file.path(),
                     about + "of " + std::string(name(tensor.dtype)) + " " + shapeText(tensor.shape) + " needs " + std::to_string(*bytes)
                         + " bytes, but its data_offsets span " + std::to_string(tensor.bytes),
                     "E-R06");
        if (tensor.offset != at)
            failFile(file.path(),
                     about + "begins at byte " + std::to_string(tensor.offset) + " of the data, where byte " + std::to_string(at)
                         + " is next: the tensors " + (tensor.offset < at ? "overlap" : "leave a hole"),
                     "E-R06");
        if (tensor.bytes > dataSize - at)
            failFile(file.path(),
                     about + "ends at byte " + std::to_string(at + tensor.bytes) + " of " + std::to_string(dataSize) + "; the file is cut off",
                     "E-R06");
        at += tensor.bytes;
        tensor.offset += dataStart;
        tensor.file = index;
    }
    if (at != dataSize)
        failFile(file.path(), std::to_string(dataSize - at) + " bytes trail after the last tensor, which ends at byte " + std::to_string(at), "E-R06");
    return tensors;
}

} // namespace halftone
