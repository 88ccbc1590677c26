#pragma once

#include "core/base/json.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// The "decoder" of a tokenizer.json: token texts → text.
class Decoder {
public:
    /// Knows Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace and BPEDecoder; null joins with spaces.
    /// @throws Error{Unsupported} naming any other.
    Decoder(const Json& description, std::string_view subject);

    std::string decode(std::vector<std::string> tokens) const;
    /// Whether token texts are spelt in GPT-2's byte alphabet.
    bool byteLevel() const { return m_byteLevel; }

private:
    void add(const Json& description, std::string_view subject, int depth);

    std::vector<std::function<void(std::vector<std::string>&)>> m_steps;
    bool m_byteLevel = false;
};

/// The byte that a token like "<0x0A>" stands for, or -1.
int byteOfToken(std::string_view token);
/// Bytes as text for people: what is no UTF-8 appears as "<0xE4>".
std::string shownBytes(std::string_view bytes);

} // namespace halftone
