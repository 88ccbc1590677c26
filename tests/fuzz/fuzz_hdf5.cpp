// HDF5 images as a stranger might send them: every object, attribute and value is read, by the type that it has.
#include "core/base/error.h"
#include "core/project/hdf5_reader.h"

#include <cstdlib>

using namespace halftone;

namespace {

template <typename T>
void read(const Hdf5Reader& file, const std::string& path, const Hdf5Shape& shape)
{
    std::uint64_t count = 1;
    for (const std::uint64_t size : shape)
        count *= size;
    if (file.dataset<T>(path, shape).size() != count)
        std::abort();   // a shape that does not hold its values
}

void readDataset(const Hdf5Reader& file, const std::string& path, const Hdf5Image::Dataset& dataset)
{
    switch (dataset.type) {
    case Hdf5Type::Int8: return read<std::int8_t>(file, path, dataset.shape);
    case Hdf5Type::UInt8: return read<std::uint8_t>(file, path, dataset.shape);
    case Hdf5Type::Int32: return read<std::int32_t>(file, path, dataset.shape);
    case Hdf5Type::Int64: return read<std::int64_t>(file, path, dataset.shape);
    case Hdf5Type::Float: return read<float>(file, path, dataset.shape);
    case Hdf5Type::Double: return read<double>(file, path, dataset.shape);
    case Hdf5Type::Text: std::abort();   // never a dataset
    }
}

void readAttribute(const Hdf5Reader& file, const std::string& object, const std::string& key, Hdf5Type type)
{
    if (type == Hdf5Type::Int64)
        file.integer(object, key);
    else if (type == Hdf5Type::Double)
        file.real(object, key);
    else if (type == Hdf5Type::Text)
        file.text(object, key);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const Hdf5Reader file(std::as_bytes(std::span(data, size)), "image.h5");
        for (const auto& [path, object] : file.image().objects()) {
            for (const auto& [key, attribute] : object.attributes)
                readAttribute(file, path, key, attribute.type);
            try {
                if (object.dataset)
                    readDataset(file, path, *object.dataset);
            } catch (const Error& e) {
                if (e.kind() != ErrorKind::BadFile)
                    throw;
            }
        }
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile)
            throw;
    }
    return 0;
}
