#pragma once

#include "core/base/json.h"
#include "core/checkpoint/checkpoint.h"

#include <QTemporaryDir>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace golden {

/// A copy of a GGUF with other key-values and tensors. Whole numbers become u32 (i32 where negative), others f32.
class GgufCopy {
public:
    struct Tensor {
        std::string name;
        halftone::DType dtype = halftone::DType::F32;
        std::vector<std::int64_t> shape;
        std::vector<std::byte> bytes;
    };
    using Edit = std::function<void(halftone::Json& keys, std::vector<Tensor>& tensors)>;

    explicit GgufCopy(const std::filesystem::path& from, const Edit& edit)
    {
        const auto checkpoint = halftone::Checkpoint::open(from);
        halftone::Json keys = checkpoint->metadata();
        std::vector<Tensor> tensors;
        for (const halftone::TensorInfo& info : checkpoint->tensors())
            tensors.push_back({info.name, info.dtype, info.shape, checkpoint->readRaw(info)});
        edit(keys, tensors);
        write(keys, tensors);
    }
    std::filesystem::path path() const { return std::filesystem::path(m_folder.path().toStdString()) / "copy.gguf"; }

    static Tensor floats(const std::string& name, const std::vector<std::int64_t>& shape, float value)
    {
        std::size_t count = 1;
        for (const std::int64_t extent : shape)
            count *= static_cast<std::size_t>(extent);
        const std::vector<float> values(count, value);
        Tensor tensor{name, halftone::DType::F32, shape, std::vector<std::byte>(count * 4)};
        std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
        return tensor;
    }

private:
    template <typename T> void add(T value)
    {
        char bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof(T));
        m_out.append(bytes, sizeof(T));
    }
    void text(const std::string& value)
    {
        add<std::uint64_t>(value.size());
        m_out += value;
    }
    static std::uint32_t typeOf(const halftone::Json& value)
    {
        return value.is_boolean() ? 7 : value.is_string() ? 8 : value.is_array() ? 9 : value.is_number_float() ? 6 : value.is_number_unsigned() ? 4 : 5;
    }
    void payload(const halftone::Json& value)
    {
        switch (typeOf(value)) {
        case 4: return add(value.get<std::uint32_t>());
        case 5: return add(value.get<std::int32_t>());
        case 6: return add(value.get<float>());
        case 7: return add<std::uint8_t>(value.get<bool>() ? 1 : 0);
        case 8: return text(value.get<std::string>());
        default: break;
        }
        add(value.empty() ? 4U : typeOf(value.front()));
        add<std::uint64_t>(value.size());
        for (const halftone::Json& item : value)
            payload(item);
    }
    static std::uint32_t ggufType(halftone::DType type)
    {
        switch (type) {
        case halftone::DType::F16: return 1;
        case halftone::DType::BF16: return 30;
        default: return 0;
        }
    }
    void write(const halftone::Json& keys, const std::vector<Tensor>& tensors)
    {
        m_out = "GGUF";
        add<std::uint32_t>(3);
        add<std::uint64_t>(tensors.size());
        add<std::uint64_t>(keys.size());
        for (const auto& [key, value] : keys.items()) {
            text(key);
            add(typeOf(value));
            payload(value);
        }
        const auto padded = [](std::size_t n) { return (n + 31) / 32 * 32; };
        std::size_t offset = 0;
        for (const Tensor& tensor : tensors) {
            text(tensor.name);
            add<std::uint32_t>(static_cast<std::uint32_t>(tensor.shape.size()));
            for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent)
                add<std::uint64_t>(static_cast<std::uint64_t>(*extent));
            add(ggufType(tensor.dtype));
            add<std::uint64_t>(offset);
            offset += padded(tensor.bytes.size());
        }
        for (const Tensor& tensor : tensors) {
            m_out.resize(padded(m_out.size()));
            m_out.append(static_cast<const char*>(static_cast<const void*>(tensor.bytes.data())), tensor.bytes.size());
        }
        std::ofstream(path(), std::ios::binary) << m_out;
    }

    QTemporaryDir m_folder;
    std::string m_out;
};

} // namespace golden
