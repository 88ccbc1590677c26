#include "core/project/hdf5_reader.h"

#include "core/base/error.h"
#include "core/project/hdf5_filters.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace halftone {
namespace {

static_assert(std::endian::native == std::endian::little, "Values lie in a file as they lie in memory.");

template <typename T> constexpr Hdf5Type kTypeOf = Hdf5Type::Text;
template <> constexpr Hdf5Type kTypeOf<float> = Hdf5Type::Float;
template <> constexpr Hdf5Type kTypeOf<double> = Hdf5Type::Double;
template <> constexpr Hdf5Type kTypeOf<std::int8_t> = Hdf5Type::Int8;
template <> constexpr Hdf5Type kTypeOf<std::uint8_t> = Hdf5Type::UInt8;
template <> constexpr Hdf5Type kTypeOf<std::int32_t> = Hdf5Type::Int32;
template <> constexpr Hdf5Type kTypeOf<std::int64_t> = Hdf5Type::Int64;

/// Copies an unpacked chunk to its place among all values; what of it lies outside the shape is left out.
class ChunkPlacer {
public:
    ChunkPlacer(const Hdf5Image::Dataset& dataset, std::span<std::byte> values)
        : m_dataset(dataset), m_values(values), m_origin(dataset.shape.size(), 0) {}

    void place(std::span<const std::byte> chunk)
    {
        copy(0, chunk, m_values);
        for (std::size_t d = m_origin.size(); d-- > 0;) {
            m_origin[d] += m_dataset.chunk[d];
            if (m_origin[d] < m_dataset.shape[d])
                return;
            m_origin[d] = 0;
        }
    }

private:
    /// `from` and `to`: what lies below one index of each outer dimension.
    void copy(std::size_t d, std::span<const std::byte> from, std::span<std::byte> to) const
    {
        const std::size_t fromStep = from.size() / m_dataset.chunk[d], toStep = to.size() / m_dataset.shape[d];
        const std::size_t count = std::min(m_dataset.chunk[d], m_dataset.shape[d] - m_origin[d]);
        if (fromStep == toStep) {   // the chunk is as wide as the dataset, or this is one element
            const auto target = to.subspan(m_origin[d] * toStep, count * toStep);
            std::memcpy(target.data(), from.first(target.size()).data(), target.size());
            return;
        }
        for (std::size_t i = 0; i < count; ++i)
            copy(d + 1, from.subspan(i * fromStep, fromStep), to.subspan((m_origin[d] + i) * toStep, toStep));
    }

    const Hdf5Image::Dataset& m_dataset;
    std::span<std::byte> m_values;
    Hdf5Shape m_origin;
};

} // namespace

Hdf5Reader::Hdf5Reader(std::span<const std::byte> image, std::string subject) : m_subject(std::move(subject)), m_image(image, m_subject) {}

void Hdf5Reader::bad(const std::string& what) const
{
    throw Error(ErrorKind::BadFile, m_subject + ": " + what, m_subject);
}

bool Hdf5Reader::has(const std::string& path) const { return m_image.find(path) != nullptr; }

bool Hdf5Reader::hasAttribute(const std::string& object, const std::string& key) const
{
    const Hdf5Image::Object* found = m_image.find(object);
    return found != nullptr && found->attributes.contains(key);
}

std::span<const std::byte> Hdf5Reader::attribute(const std::string& object, const std::string& key, Hdf5Type type) const
{
    const Hdf5Image::Object* found = m_image.find(object);
    if (!found)
        bad("has no " + object + ".");
    const auto at = found->attributes.find(key);
    if (at == found->attributes.end())
        bad(object + " has no attribute \"" + key + "\".");
    if (at->second.type != type)
        bad(object + " @" + key + " has another type than expected.");
    return at->second.value;
}

std::int64_t Hdf5Reader::integer(const std::string& object, const std::string& key) const
{
    std::int64_t value = 0;
    std::memcpy(&value, attribute(object, key, Hdf5Type::Int64).data(), sizeof value);
    return value;
}

double Hdf5Reader::real(const std::string& object, const std::string& key) const
{
    double value = 0;
    std::memcpy(&value, attribute(object, key, Hdf5Type::Double).data(), sizeof value);
    return value;
}

std::string Hdf5Reader::text(const std::string& object, const std::string& key) const
{
    const auto bytes = attribute(object, key, Hdf5Type::Text);
    std::string value(static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size());
    value.resize(std::min(value.find('\0'), value.size()));
    return value;
}

const Hdf5Image::Dataset& Hdf5Reader::datasetAt(const std::string& path) const
{
    const Hdf5Image::Object* found = m_image.find(path);
    if (!found || !found->dataset)
        bad("has no dataset " + path + ".");
    return *found->dataset;
}

Hdf5Shape Hdf5Reader::shape(const std::string& dataset) const { return datasetAt(dataset).shape; }

template <typename T>
std::vector<T> Hdf5Reader::dataset(const std::string& path, const Hdf5Shape& expected) const
{
    const Hdf5Image::Dataset& found = datasetAt(path);
    if (expected.empty() ? found.shape.size() != 1 : found.shape != expected)
        bad(path + " has another shape than expected.");
    if (found.type != kTypeOf<T>)
        bad(path + " has another type than expected.");
    std::vector<T> values(static_cast<std::size_t>(found.bytes() / sizeof(T)));
    const auto bytes = std::as_writable_bytes(std::span(values));
    if (found.chunk.empty()) {
        if (!bytes.empty())
            std::memcpy(bytes.data(), found.contiguous.data(), bytes.size());   // claimed with just this length
        return values;
    }
    std::size_t chunkBytes = sizeof(T);
    for (const std::uint64_t side : found.chunk)
        chunkBytes *= side;
    ChunkUnpacker unpacker(chunkBytes, sizeof(T));
    ChunkPlacer placer(found, bytes);
    for (const Hdf5Image::Chunk& chunk : found.chunks) {
        const auto unpacked = unpacker.unpack(chunk.stored, found.shuffled, chunk.deflated);
        if (!unpacked)
            bad(path + " is damaged: a chunk does not have its sum or its length.");
        placer.place(*unpacked);
    }
    return values;
}

#define HALFTONE_HDF5_TYPE(T) template std::vector<T> Hdf5Reader::dataset<T>(const std::string&, const Hdf5Shape&) const;
HALFTONE_HDF5_TYPE(float)
HALFTONE_HDF5_TYPE(double)
HALFTONE_HDF5_TYPE(std::int8_t)
HALFTONE_HDF5_TYPE(std::uint8_t)
HALFTONE_HDF5_TYPE(std::int32_t)
HALFTONE_HDF5_TYPE(std::int64_t)
#undef HALFTONE_HDF5_TYPE

} // namespace halftone
