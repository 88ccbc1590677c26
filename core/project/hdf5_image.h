#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halftone {

/// Shape of a dataset, outermost first.
using Hdf5Shape = std::vector<std::uint64_t>;

/// What Hdf5Writer stores; nothing else is read.
enum class Hdf5Type { Int8, UInt8, Int32, Int64, Float, Double, Text };

/// Bytes of one element; Text has none.
std::uint64_t bytesOf(Hdf5Type type);

/// The structure of an HDF5 image, read by our own code and proved to be of the small subset that Hdf5Writer writes (file-safety R16):
/// superblock 0, groups of symbol tables, version 1 object headers, simple spaces, seven types, contiguous or chunked data behind exactly
/// our filters. No byte belongs to two structures, so an image cannot hold more objects than bytes, nor one object twice, nor a circle.
/// Whatever else the format has (external and virtual storage, soft, external and second hard links, other filters, shared messages,
/// references, variable lengths) is refused by name. Nothing of the library is used. The image must outlive the object.
class Hdf5Image {
public:
    /// One chunk of a dataset as it is stored.
    struct Chunk {
        std::span<const std::byte> stored;
        bool deflated = false;
    };
    struct Dataset {
        Hdf5Type type = Hdf5Type::Float;
        Hdf5Shape shape;                         ///< one to four sides
        std::span<const std::byte> contiguous;   ///< its values, unless it is chunked
        Hdf5Shape chunk;                         ///< sides of a chunk; empty: contiguous
        bool shuffled = false;                   ///< bytes of a chunk were shuffled, then deflated where that was shorter
        std::vector<Chunk> chunks;               ///< all of them, in the order of the values
        std::uint64_t bytes() const;             ///< of all values
    };
    struct Attribute {
        Hdf5Type type = Hdf5Type::Int64;
        std::span<const std::byte> value;
    };
    struct Object {
        std::map<std::string, Attribute, std::less<>> attributes;
        std::optional<Dataset> dataset;          ///< none: a group
    };

    /// @throws Error{BadFile} naming the object, the byte and what is wrong.
    Hdf5Image(std::span<const std::byte> image, const std::string& subject);

    /// "/" is the root, "/group/dataset" lies below; null if there is none.
    const Object* find(std::string_view path) const;
    const std::map<std::string, Object, std::less<>>& objects() const { return m_objects; }
    /// What all datasets take once they are unpacked; bounded by the size of the image.
    std::uint64_t unpackedBytes() const { return m_unpackedBytes; }

private:
    std::map<std::string, Object, std::less<>> m_objects;
    std::uint64_t m_unpackedBytes = 0;
};

} // namespace halftone
