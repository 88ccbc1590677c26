#pragma once

#include "core/text/tokenizer.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace halftone::test {

inline std::string bytesOfFile(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    if (!in)
        throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The vocabulary in a GGUF file that we trust; the product reads files with core/checkpoint.
class GgufKeyValues {
public:
    static GgufVocabulary vocabulary(const std::string& path)
    {
        GgufKeyValues reader;
        reader.m_bytes = bytesOfFile(path);
        reader.m_out.file = path;
        reader.read();
        return std::move(reader.m_out);
    }

private:
    template <typename T>
    T take()
    {
        T value;
        std::memcpy(&value, m_bytes.data() + m_at, sizeof value);
        m_at += sizeof value;
        return value;
    }

    std::string takeString()
    {
        const auto size = static_cast<std::size_t>(take<std::uint64_t>());
        std::string text = m_bytes.substr(m_at, size);
        m_at += size;
        return text;
    }

    std::int64_t takeNumber(std::uint32_t type)
    {
        switch (type) {
        case 0: return take<std::uint8_t>();
        case 1: return take<std::int8_t>();
        case 2: return take<std::uint16_t>();
        case 3: return take<std::int16_t>();
        case 4: return take<std::uint32_t>();
        case 5: return take<std::int32_t>();
        case 7: return take<std::uint8_t>();
        case 10:
        case 11: return take<std::int64_t>();
        default: throw std::runtime_error("not an integer");
        }
    }

    void takeArray(const std::string& key)
    {
        const auto type = take<std::uint32_t>();
        const auto count = take<std::uint64_t>();
        for (std::uint64_t i = 0; i < count; ++i) {
            if (type == 8) {
                std::string text = takeString();
                if (key == "tokenizer.ggml.tokens")
                    m_out.tokens.push_back(std::move(text));
                else if (key == "tokenizer.ggml.merges")
                    m_out.merges.push_back(std::move(text));
            } else if (type == 6) {
                m_out.scores.push_back(take<float>());
            } else {
                const std::int64_t value = takeNumber(type);
                if (key == "tokenizer.ggml.token_type")
                    m_out.types.push_back(static_cast<std::int32_t>(value));
            }
        }
    }

    void read()
    {
        m_at = 16;
        for (auto left = take<std::uint64_t>(); left > 0; --left) {
            const std::string key = takeString();
            const auto type = take<std::uint32_t>();
            if (type == 9) {
                takeArray(key);
            } else if (type == 8) {
                std::string text = takeString();
                if (key == "general.name")
                    m_out.name = text;
                else if (key == "tokenizer.ggml.model")
                    m_out.model = text;
                else if (key == "tokenizer.ggml.pre")
                    m_out.pre = text;
                else if (key == "tokenizer.chat_template")
                    m_out.chatTemplate = text;
            } else if (type == 6) {
                take<float>();
            } else if (type == 12) {
                take<double>();
            } else {
                const std::int64_t value = takeNumber(type);
                const auto id = static_cast<std::int32_t>(value);
                if (key == "tokenizer.ggml.bos_token_id")
                    m_out.bos = id;
                else if (key == "tokenizer.ggml.eos_token_id")
                    m_out.eos = id;
                else if (key == "tokenizer.ggml.unknown_token_id")
                    m_out.unk = id;
                else if (key == "tokenizer.ggml.padding_token_id")
                    m_out.pad = id;
                else if (key == "tokenizer.ggml.add_bos_token")
                    m_out.addBos = value != 0;
                else if (key == "tokenizer.ggml.add_eos_token")
                    m_out.addEos = value != 0;
                else if (key == "tokenizer.ggml.add_space_prefix")
                    m_out.addSpacePrefix = value != 0;
            }
        }
    }

    std::string m_bytes;
    std::size_t m_at = 0;
    GgufVocabulary m_out;
};

} // namespace halftone::test
