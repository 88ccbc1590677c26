#pragma once

#include "tiny_model.h"

#include "core/base/json.h"

#include <cstring>
#include <fstream>
#include <functional>
#include <span>

namespace halftone::testing {

/// A bfloat16 as its bits.
inline std::uint16_t brain(float value)
{
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint16_t>(bits >> 16);
}

/// The tiny model with one tensor's elements (bfloat16, row-major) changed; called again for the same folder, with another one changed too.
inline std::filesystem::path planted(const QTemporaryDir& folder, const std::string& tensor, const std::function<void(std::span<std::uint16_t>, std::size_t columns)>& fault)
{
    const std::filesystem::path model = std::filesystem::path(folder.path().toStdString()) / "model";
    if (!std::filesystem::exists(model))
        std::filesystem::copy(tinyLlama(), model);
    const auto file = model / "model.safetensors";
    std::filesystem::permissions(file, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    std::uint64_t length = 0;
    bytes.read(reinterpret_cast<char*>(&length), sizeof length);
    std::string header(length, ' ');
    bytes.read(header.data(), static_cast<std::streamsize>(length));
    const Json entry = parseJson(header, "header")[tensor];
    if (entry["dtype"] != "BF16")
        qFatal("the tiny model is not in bfloat16");
    const auto begin = entry["data_offsets"][0].get<std::uint64_t>(), end = entry["data_offsets"][1].get<std::uint64_t>();
    std::vector<std::uint16_t> values((end - begin) / 2);
    const auto at = static_cast<std::streamoff>(8 + length + begin);
    bytes.seekg(at);
    bytes.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(end - begin));
    fault(values, entry["shape"].back().get<std::size_t>());
    bytes.seekp(at);
    bytes.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(end - begin));
    return model;
}

} // namespace halftone::testing
