#include "core/project/hdf5_image.h"

#include "core/base/byte_reader.h"
#include "core/base/checked.h"
#include "core/base/error.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace halftone {
namespace {

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};
constexpr std::uint64_t kSuperblockBytes = 96;
constexpr std::uint64_t kHeaderBytes = 16;
constexpr std::uint64_t kEntryBytes = 40;
constexpr std::uint64_t kNodeBytes = 24;
constexpr unsigned kLeafK = 4, kGroupK = 16, kChunkK = 32;   ///< half the entries of a node: the library's defaults
constexpr int kMaxLevel = 6;                                 ///< 64⁶ chunks
constexpr int kMaxDepth = 4;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxRank = 4;
constexpr std::uint64_t kMaxChunkBytes = 1u << 20;           ///< what is written has half of that
constexpr std::uint64_t kMaxTextBytes = 1u << 16;
/// Values may take this much, and this many times the image: codes, which are most of a file, are stored as they are. Deflate alone
/// would allow 1032 times.
constexpr std::uint64_t kFreeBytes = 64u << 20, kMaxExpansion = 64;

std::string hex(unsigned value)
{
    static constexpr char kDigits[] = "0123456789abcdef";
    return std::string("0x") + kDigits[value >> 4 & 15] + kDigits[value & 15];
}

std::string_view textOf(std::span<const std::byte> bytes)
{
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

/// A message of an object's header.
struct Message {
    unsigned type;
    std::span<const std::byte> data;
    std::uint64_t at;   ///< of the data
};

enum MessageType : unsigned {
    kNil = 0x00, kSpace = 0x01, kDatatype = 0x03, kFill = 0x05, kExternal = 0x07, kLayout = 0x08, kFilters = 0x0b, kAttribute = 0x0c,
    kContinuation = 0x10, kSymbolTable = 0x11
};

/// The kinds that people know by name, for the message.
const char* nameOf(unsigned messageType)
{
    switch (messageType) {
    case 0x02: case 0x06: case 0x0a: return "links of a newer form";
    case 0x04: return "an old fill value";
    case kExternal: return "values in another file (external storage)";
    case 0x0d: case 0x0e: case 0x12: return "a comment or a time";
    case 0x0f: return "a table of shared messages";
    case 0x13: case 0x14: return "settings of the file";
    case 0x15: case 0x16: return "attributes of a newer form or counted references";
    default: return "something that is not known here";
    }
}

struct TypeBytes {
    Hdf5Type type;
    std::uint64_t bytes;
    std::array<std::uint8_t, 20> message;   ///< class and version, its bits, size, properties
    std::size_t length;
};

/// The types as they stand in a file: little-endian integers in two's complement and IEEE 754 floats.
constexpr TypeBytes kTypes[] = {
    {Hdf5Type::Int8, 1, {0x10, 0x08, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0}, 12},
    {Hdf5Type::UInt8, 1, {0x10, 0x00, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0}, 12},
    {Hdf5Type::Int32, 4, {0x10, 0x08, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0}, 12},
    {Hdf5Type::Int64, 8, {0x10, 0x08, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0}, 12},
    {Hdf5Type::Float, 4, {0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}, 20},
    {Hdf5Type::Double, 8, {0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0}, 20},
};

/// Walks the structures of an image. Every one is claimed: each claim lies in the image and all together are not longer than it, so the
/// walk ends; that no two share a byte is checked at its end.
class Walk {
public:
    using Objects = std::map<std::string, Hdf5Image::Object, std::less<>>;

    Walk(std::span<const std::byte> image, const std::string& subject, Objects& objects)
        : m_image(image), m_subject(subject), m_objects(objects) {}

    std::uint64_t run()
    {
        const Root root = superblock();
        object("/", root.header, 0, root.cached);
        requireApart();
        return m_unpacked;
    }

private:
    /// Where a group's members stand; {0, 0}: not told.
    struct Table {
        std::uint64_t tree = 0, heap = 0;
    };
    struct Root {
        std::uint64_t header;
        Table cached;
    };
    struct Range {
        std::uint64_t begin, end;
    };

    [[noreturn]] void bad(const std::string& what) const
    {
        throw Error(ErrorKind::BadFile, m_subject + ": " + m_path + " " + what + " (E-R16).", m_subject);
    }
    void require(bool good, const char* what) const
    {
        if (!good)
            bad(what);
    }

    /// The bytes of a structure, from now on taken.
    std::span<const std::byte> claim(std::uint64_t at, std::uint64_t bytes, const char* what)
    {
        const auto end = checked::add(at, bytes);
        if (!end || *end > m_image.size())
            bad(std::string("has ") + what + " at byte " + std::to_string(at) + " that the file, of " + std::to_string(m_image.size())
                + " bytes, does not hold");
        m_claimed += bytes;   // both at most the image's size
        if (m_claimed > m_image.size())
            bad("has structures that overlap or are named twice");
        if (bytes > 0)
            m_ranges.push_back({at, *end});
        return m_image.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes));
    }

    void requireApart()
    {
        std::sort(m_ranges.begin(), m_ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
        m_path = "/";
        for (std::size_t i = 1; i < m_ranges.size(); ++i)
            if (m_ranges[i].begin < m_ranges[i - 1].end)
                bad("has structures that overlap or are named twice, at byte " + std::to_string(m_ranges[i].begin));
    }

    ByteReader reader(std::span<const std::byte> bytes) const
    {
        return ByteReader(bytes, m_subject, static_cast<std::uint64_t>(bytes.data() - m_image.data()));
    }

    void signature(ByteReader& in, std::string_view wanted, const char* what)
    {
        const auto bytes = in.bytes(wanted.size());
        if (std::memcmp(bytes.data(), wanted.data(), wanted.size()) != 0)
            bad(std::string("has no ") + what + " where one is named");
    }

    Root superblock()
    {
        m_path = "the file";
        require(m_image.size() >= kSuperblockBytes, "is too short for an HDF5 file");
        ByteReader in = reader(claim(0, kSuperblockBytes, "a superblock"));
        signature(in, "\x89HDF\r\n\x1a\n", "HDF5 signature");
        const auto versions = in.bytes(8);   // superblock, free space, root entry, 0, shared headers, offsets, lengths, 0
        static constexpr std::uint8_t kVersions[] = {0, 0, 0, 0, 0, 8, 8, 0};
        require(std::memcmp(versions.data(), kVersions, sizeof kVersions) == 0, "is an HDF5 file of another version than is written here");
        const bool nodes = in.u16() == kLeafK && in.u16() == kGroupK;
        require(nodes && in.u32() == 0, "has HDF5 settings that are not written here");
        const bool placed = in.u64() == 0 && in.u64() == kUndefined && in.u64() == m_image.size() && in.u64() == kUndefined;
        require(placed, "says that it has another length or a driver");
        const std::uint64_t name = in.u64(), header = in.u64();
        const std::uint32_t cache = in.u32(), reserved = in.u32();
        require(name == 0 && cache <= 1 && reserved == 0, "has an odd root");
        Root root{header, {}};
        if (cache == 1) {
            root.cached.tree = in.u64();
            root.cached.heap = in.u64();
        }
        m_path.clear();
        return root;
    }

    /// All messages of a header but empty ones and continuations.
    std::vector<Message> messages(std::uint64_t at)
    {
        ByteReader in = reader(claim(at, kHeaderBytes, "a header"));
        const std::uint8_t version = in.u8(), zero = in.u8();
        const std::uint16_t count = in.u16();
        const std::uint32_t references = in.u32(), size = in.u32();
        require(version == 1 && zero == 0, "has a header of another version than is written here");
        require(references == 1, "is named more than once");
        std::vector<Message> found;
        std::vector<Range> blocks{{at + kHeaderBytes, size}};   // begin and length
        std::size_t seen = 0;
        for (std::size_t b = 0; b < blocks.size(); ++b) {
            ByteReader block = reader(claim(blocks[b].begin, blocks[b].end, "a header"));
            while (block.left() >= 8) {
                Message message{};
                message.type = block.u16();
                const std::uint16_t bytes = block.u16();
                const std::uint8_t flags = block.u8();
                block.skip(3);
                message.at = block.offset();
                message.data = block.bytes(bytes);
                require(flags <= 1, "shares a part of its header");   // 1: a message that does not change
                require(++seen <= count, "has more messages than it says");
                if (message.type == kContinuation) {
                    ByteReader next = reader(message.data);
                    const std::uint64_t begin = next.u64(), length = next.u64();
                    require(length > 0, "has an empty header");
                    blocks.push_back({begin, length});
                } else if (message.type != kNil) {
                    found.push_back(message);
                }
            }
            require(block.left() == 0, "has a header that ends in the midst of a message");
        }
        require(seen == count, "has fewer messages than it says");
        return found;
    }

    void object(const std::string& path, std::uint64_t at, int depth, const Table& cached)
    {
        m_path = path;
        const std::vector<Message> all = messages(at);
        const auto [placed, isNew] = m_objects.try_emplace(path);
        require(isNew, "is there twice");
        Hdf5Image::Object& object = placed->second;
        std::optional<Table> table;
        std::map<unsigned, Message> of;   // a dataset's parts
        for (const Message& message : all) {
            switch (message.type) {
            case kAttribute:
                attribute(object, message);
                break;
            case kSymbolTable: {
                require(!table, "is a group twice");
                ByteReader in = reader(message.data);
                table.emplace();
                table->tree = in.u64();
                table->heap = in.u64();
                break;
            }
            case kSpace: case kDatatype: case kFill: case kLayout: case kFilters:
                require(of.emplace(message.type, message).second, "has a part of its header twice");
                break;
            default:
                bad("has " + std::string(nameOf(message.type)) + " (message " + hex(message.type) + "), which is not read here");
            }
        }
        if (table) {
            require(of.empty(), "is both a group and a dataset");
            require(cached.tree == 0 || (cached.tree == table->tree && cached.heap == table->heap), "is named with other members than it has");
            group(path, *table, depth);
        } else {
            require(cached.tree == 0, "is named as a group and is none");
            object.dataset = dataset(of);
        }
    }

    // ---- Groups

    void group(const std::string& path, const Table& table, int depth)
    {
        require(depth < kMaxDepth, "lies too deep");
        ByteReader heap = reader(claim(table.heap, 32, "a heap"));
        signature(heap, "HEAP", "heap");
        require(heap.u32() == 0, "has a heap of another version than is written here");
        const std::uint64_t bytes = heap.u64();
        heap.skip(8);   // of its free places, which matter to a writer
        const auto names = claim(heap.u64(), bytes, "a heap");
        std::vector<std::uint64_t> leaves;
        groupNode(table.tree, kMaxLevel + 1, leaves);
        for (const std::uint64_t leaf : leaves)
            members(path, leaf, names, depth);
        m_path = path;
    }

    void groupNode(std::uint64_t at, int above, std::vector<std::uint64_t>& leaves)
    {
        constexpr std::uint64_t kBytes = kNodeBytes + (2 * kGroupK + 1) * 8 + 2 * kGroupK * 8;
        ByteReader in = reader(claim(at, kBytes, "an index"));
        const auto [level, count] = node(in, 0, above, kGroupK);
        for (unsigned i = 0; i < count; ++i) {
            in.skip(8);   // a key: where the name before the child's stands
            const std::uint64_t child = in.u64();
            if (level > 0)
                groupNode(child, level, leaves);
            else
                leaves.push_back(child);
        }
    }

    struct Node {
        int level;
        unsigned count;
    };
    /// The head of an index's node; levels fall by one from parent to child.
    Node node(ByteReader& in, unsigned type, int above, unsigned k)
    {
        signature(in, "TREE", "index");
        require(in.u8() == type, "has an index of another kind");
        const int level = in.u8();
        const unsigned count = in.u16();
        in.skip(16);   // siblings, which the walk from above does not need
        require(level < above && (above > kMaxLevel || level == above - 1), "has an index whose levels do not fit");
        require(count <= 2 * k, "has an index with more entries than fit");
        return {level, count};
    }

    void members(const std::string& path, std::uint64_t at, std::span<const std::byte> names, int depth)
    {
        m_path = path;
        ByteReader in = reader(claim(at, 8 + 2 * kLeafK * kEntryBytes, "a list of members"));
        signature(in, "SNOD", "list of members");
        const std::uint8_t version = in.u8(), zero = in.u8();
        const unsigned count = in.u16();
        require(version == 1 && zero == 0 && count <= 2 * kLeafK, "has a list of members that is not of the form written here");
        for (unsigned i = 0; i < count; ++i) {
            m_path = path;
            const std::string name = nameAt(names, in.u64());
            const std::uint64_t header = in.u64();
            const std::uint32_t cache = in.u32(), zeros = in.u32();
            Table cached{in.u64(), in.u64()};
            const std::string member = path == "/" ? path + name : path + "/" + name;
            m_path = member;
            require(cache <= 1 && zeros == 0, "is a link to another place, not a member");
            object(member, header, depth + 1, cache == 1 ? cached : Table{});
        }
    }

    std::string nameAt(std::span<const std::byte> names, std::uint64_t at) const
    {
        require(at < names.size(), "has a member whose name lies outside its heap");
        const auto rest = names.subspan(static_cast<std::size_t>(at));
        return checkedName(textOf(rest));
    }

    /// The name at the beginning of `text`, which a 0 must end.
    std::string checkedName(std::string_view text) const
    {
        const std::size_t length = text.substr(0, kMaxName + 1).find('\0');
        require(length != std::string_view::npos && length > 0, "has a member or attribute with no name or one that is too long");
        const std::string name(text.substr(0, length));
        require(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/'; }) && name != "." && name != "..",
            "has a member or attribute with a name that is not written here");
        return name;
    }

    // ---- Parts of a header

    void attribute(Hdf5Image::Object& object, const Message& message)
    {
        ByteReader in = reader(message.data);
        const std::uint8_t version = in.u8(), zero = in.u8();
        const std::uint16_t nameBytes = in.u16(), typeBytes = in.u16(), spaceBytes = in.u16();
        require(version == 1 && zero == 0, "has an attribute of another version than is written here");
        const auto padded = [&in](std::uint16_t bytes) {
            const auto view = in.bytes(bytes);
            in.skip((8 - bytes % 8) % 8);
            return view;
        };
        const auto name = padded(nameBytes);
        const std::string key = checkedName(textOf(name));
        const Type type = typeOf(padded(typeBytes));
        require(spaceOf(padded(spaceBytes), true).empty(), "has an attribute of more than one value");
        Hdf5Image::Attribute attribute;
        attribute.type = type.type;
        attribute.value = in.bytes(type.bytes);
        require(in.left() < 8, "has an attribute that is longer than its value");
        require(object.attributes.try_emplace(key, attribute).second, "has an attribute twice");
    }

    struct Type {
        Hdf5Type type;
        std::uint64_t bytes;
    };

    Type typeOf(std::span<const std::byte> message) const
    {
        for (const TypeBytes& type : kTypes)
            if (message.size() >= type.length && message.size() < type.length + 8 && std::memcmp(message.data(), type.message.data(), type.length) == 0)
                return {type.type, type.bytes};
        ByteReader in = reader(message);
        const std::uint8_t kind = in.u8(), form = in.u8();
        const std::uint16_t zero = in.u16();
        const std::uint32_t bytes = in.u32();
        // text of a fixed length, ended by 0, in ASCII or UTF-8
        require(kind == 0x13 && (form == 0x00 || form == 0x10) && zero == 0 && in.left() < 8, "has a type that is not written here");
        require(bytes > 0 && bytes <= kMaxTextBytes, "has a text that is too long");
        return {Hdf5Type::Text, bytes};
    }

    Hdf5Shape spaceOf(std::span<const std::byte> message, bool scalar) const
    {
        ByteReader in = reader(message);
        const std::uint8_t version = in.u8(), rank = in.u8(), flags = in.u8();
        const bool zeros = in.u8() == 0 && in.u32() == 0;
        require(version == 1 && flags <= 1 && zeros, "has a space of another version than is written here");
        require(scalar ? rank == 0 : rank >= 1 && rank <= kMaxRank, "has another number of dimensions than is written here");
        Hdf5Shape shape;
        for (unsigned d = 0; d < rank; ++d)
            shape.push_back(in.u64());
        if (flags == 1)
            for (unsigned d = 0; d < rank; ++d)
                require(in.u64() == shape[d], "has a shape that may grow");
        require(in.left() < 8, "has a space that is longer than its dimensions");
        return shape;
    }

    // ---- Datasets

    Hdf5Image::Dataset dataset(const std::map<unsigned, Message>& of)
    {
        for (const unsigned part : {kSpace, kDatatype, kLayout})
            require(of.contains(part), "is neither a group nor a whole dataset");
        Hdf5Image::Dataset dataset;
        const Type type = typeOf(of.at(kDatatype).data);
        require(type.type != Hdf5Type::Text, "is a dataset of texts, which is not written here");
        dataset.type = type.type;
        dataset.shape = spaceOf(of.at(kSpace).data, false);
        if (of.contains(kFill))
            requireNoFill(of.at(kFill));
        std::uint64_t bytes = type.bytes;
        for (const std::uint64_t size : dataset.shape) {
            const auto product = checked::mul(bytes, size);
            if (!product || *product > kFreeBytes + kMaxExpansion * m_image.size())
                bad("claims more values than a file of " + std::to_string(m_image.size()) + " bytes may hold");
            bytes = *product;
        }
        m_unpacked += bytes;
        if (m_unpacked > kFreeBytes + kMaxExpansion * m_image.size())
            bad("claims, with what stands before it, more values than a file of " + std::to_string(m_image.size()) + " bytes may hold");
        ByteReader in = reader(of.at(kLayout).data);
        require(in.u8() == 3, "has a layout of another version than is written here");
        const std::uint8_t layout = in.u8();
        if (layout == 1) {
            const std::uint64_t at = in.u64(), stored = in.u64();
            require(!of.contains(kFilters) && stored == bytes && (bytes > 0 || at == kUndefined), "has values of another length than its shape");
            dataset.contiguous = bytes > 0 ? claim(at, bytes, "values") : std::span<const std::byte>();
        } else if (layout == 2) {
            require(of.contains(kFilters) && bytes > 0, "has chunks without a sum");
            dataset.shuffled = shuffled(of.at(kFilters), type.bytes);
            chunks(dataset, in, type.bytes);
        } else {
            bad("keeps its values in a way that is not read here (layout " + std::to_string(layout) + ")");
        }
        return dataset;
    }

    void requireNoFill(const Message& message) const
    {
        ByteReader in = reader(message.data);
        const std::uint8_t version = in.u8();
        in.skip(2);   // when a writer makes place and fills it
        const std::uint8_t defined = in.u8();
        require(version == 2 && defined <= 1 && (defined == 0 || in.u32() == 0), "has a fill value");
    }

    /// Fletcher-32 alone, or shuffle, deflate and Fletcher-32: nothing else has ever been written.
    bool shuffled(const Message& message, std::uint64_t elementBytes) const
    {
        constexpr unsigned kDeflate = 1, kShuffle = 2, kFletcher = 3;
        ByteReader in = reader(message.data);
        const std::uint8_t version = in.u8();
        const unsigned count = in.u8();
        in.skip(6);
        require(version == 1 && (count == 1 || count == 3), "has filters that are not read here");
        for (unsigned i = 0; i < count; ++i) {
            const unsigned wanted = count == 1 ? kFletcher : i == 0 ? kShuffle : i == 1 ? kDeflate : kFletcher;
            const unsigned id = in.u16(), nameBytes = in.u16();
            in.skip(2);   // whether a writer may go on without it
            const unsigned values = in.u16();
            require(id == wanted && values == (id == kFletcher ? 0u : 1u), "has filters that are not read here");
            in.skip(nameBytes);
            if (values == 0)
                continue;
            const std::uint32_t value = in.u32();
            in.skip(4);
            require(id == kShuffle ? value == elementBytes : value <= 9, "has filters with settings that are not read here");
        }
        require(in.left() < 8, "has more filters than it says");
        return count == 3;
    }

    void chunks(Hdf5Image::Dataset& dataset, ByteReader& in, std::uint64_t elementBytes)
    {
        const std::size_t rank = dataset.shape.size();
        require(in.u8() == rank + 1, "has chunks of another number of dimensions");
        const std::uint64_t tree = in.u64();
        std::uint64_t bytes = elementBytes, count = 1;
        for (std::size_t d = 0; d < rank; ++d) {
            const std::uint64_t side = in.u32();
            require(side > 0 && side <= dataset.shape[d], "has chunks of a size that is not written here");
            bytes *= side;   // at most 2^20 times 2^32
            require(bytes <= kMaxChunkBytes, "has chunks of a size that is not written here");
            dataset.chunk.push_back(side);
            count *= (dataset.shape[d] + side - 1) / side;   // of at most all values, which are bounded
        }
        require(in.u32() == elementBytes, "has chunks of another type");
        ChunkPlace place{std::vector<std::uint64_t>(rank, 0), bytes};
        chunkNode(tree, kMaxLevel + 1, dataset, place);
        require(dataset.chunks.size() == count, "does not have all its chunks");
    }

    /// Where the next chunk must lie, in the order of the values.
    struct ChunkPlace {
        std::vector<std::uint64_t> next;
        std::uint64_t bytes;   ///< of a chunk, unpacked
        bool done = false;
    };

    void chunkNode(std::uint64_t at, int above, Hdf5Image::Dataset& dataset, ChunkPlace& place)
    {
        const std::size_t rank = dataset.shape.size();
        const std::uint64_t keyBytes = 8 + 8 * (rank + 1);
        ByteReader in = reader(claim(at, kNodeBytes + (2 * kChunkK + 1) * keyBytes + 2 * kChunkK * 8, "an index"));
        const auto [level, count] = node(in, 1, above, kChunkK);
        for (unsigned i = 0; i < count; ++i) {
            const std::uint64_t stored = in.u32();
            const std::uint32_t skipped = in.u32();
            bool inPlace = true;
            for (std::size_t d = 0; d < rank; ++d)
                inPlace = (in.u64() == place.next[d]) && inPlace;
            inPlace = in.u64() == 0 && inPlace;
            const std::uint64_t child = in.u64();
            require(!place.done && inPlace, "has chunks out of order");
            if (level > 0) {
                chunkNode(child, level, dataset, place);
                continue;
            }
            const bool plain = !dataset.shuffled || skipped == 2;   // deflate, the second filter, did not make it shorter
            require(skipped == 0 || (dataset.shuffled && skipped == 2), "has a chunk without a filter that it needs");
            require(plain ? stored == place.bytes + 4 : stored > 4 && stored <= 2 * kMaxChunkBytes, "has a chunk of a length that cannot be");
            dataset.chunks.push_back({claim(child, stored, "values"), !plain});
            place.done = !advance(dataset, place.next);
        }
    }

    /// To the next chunk; false after the last.
    static bool advance(const Hdf5Image::Dataset& dataset, std::vector<std::uint64_t>& next)
    {
        for (std::size_t d = next.size(); d-- > 0;) {
            next[d] += dataset.chunk[d];
            if (next[d] < dataset.shape[d])
                return true;
            next[d] = 0;
        }
        return false;
    }

    std::span<const std::byte> m_image;
    const std::string& m_subject;
    Objects& m_objects;
    std::string m_path;
    std::vector<Range> m_ranges;
    std::uint64_t m_claimed = 0, m_unpacked = 0;
};

} // namespace

std::uint64_t bytesOf(Hdf5Type type)
{
    for (const TypeBytes& known : kTypes)
        if (known.type == type)
            return known.bytes;
    return 0;
}

std::uint64_t Hdf5Image::Dataset::bytes() const
{
    std::uint64_t bytes = bytesOf(type);
    for (const std::uint64_t size : shape)
        bytes *= size;
    return bytes;
}

Hdf5Image::Hdf5Image(std::span<const std::byte> image, const std::string& subject)
{
    m_unpackedBytes = Walk(image, subject, m_objects).run();
}

const Hdf5Image::Object* Hdf5Image::find(std::string_view path) const
{
    const auto found = m_objects.find(path);
    return found == m_objects.end() ? nullptr : &found->second;
}

} // namespace halftone
