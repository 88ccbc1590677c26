#pragma once

#include "core/base/error.h"
#include "core/checkpoint/checkpoint.h"

#include <QString>
#include <QTest>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Bytes of checkpoints, right and wrong ones, put together by hand.
namespace builders {

namespace fs = std::filesystem;

template <typename T>
void append(std::string& out, T value)
{
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
}

inline void put(const fs::path& path, const std::string& bytes)
{
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Length, header, data.
inline std::string safetensors(const std::string& header, std::size_t dataBytes)
{
    std::string out;
    append<std::uint64_t>(out, header.size());
    return out + header + std::string(dataBytes, '\0');
}

inline std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, std::uint64_t begin, std::uint64_t end)
{
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" + std::to_string(begin) + ","
        + std::to_string(end) + "]}";
}

/// A GGUF header, piece by piece.
class Gguf {
public:
    explicit Gguf(std::uint64_t tensors = 0, std::uint64_t keys = 0, std::uint32_t version = 3, const std::string& magic = "GGUF")
    {
        bytes = magic;
        u32(version).u64(tensors).u64(keys);
    }
    Gguf& u8(std::uint8_t v) { return append(bytes, v), *this; }
    Gguf& u32(std::uint32_t v) { return append(bytes, v), *this; }
    Gguf& u64(std::uint64_t v) { return append(bytes, v), *this; }
    Gguf& text(const std::string& v) { return u64(v.size()), bytes += v, *this; }
    Gguf& key(const std::string& name, std::uint32_t type) { return text(name).u32(type); }
    Gguf& tensor(const std::string& name, const std::vector<std::uint64_t>& extents, std::uint32_t type, std::uint64_t offset)
    {
        text(name).u32(static_cast<std::uint32_t>(extents.size()));
        for (const std::uint64_t extent : extents)
            u64(extent);
        return u32(type).u64(offset);
    }
    Gguf& data(std::size_t count, std::size_t alignment = 32)
    {
        bytes.append((alignment - bytes.size() % alignment) % alignment, '\0');
        bytes.append(count, '\0');
        return *this;
    }
    std::string bytes;
};

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_1 = 3;
constexpr std::uint32_t kTypeU32 = 4;
constexpr std::uint32_t kTypeBool = 7;
constexpr std::uint32_t kTypeString = 8;
constexpr std::uint32_t kTypeArray = 9;

/// Opens `path`, expecting a refusal. @return an empty text if it is Error{BadFile} with file name and rule in its message.
inline QString refusal(const fs::path& path, const QString& named, const QString& rule,
                       halftone::ErrorKind kind = halftone::ErrorKind::BadFile)
{
    try {
        halftone::Checkpoint::open(path);
    } catch (const halftone::Error& e) {
        const QString what = QString::fromUtf8(e.what());
        if (e.kind() != kind || !what.contains(named) || !what.contains(rule) || !what.endsWith(QLatin1Char('.')))
            return QLatin1String("refused otherwise: ") + what;
        return {};
    }
    return QStringLiteral("accepted");
}

} // namespace builders
