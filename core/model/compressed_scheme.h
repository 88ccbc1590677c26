#pragma once

#include "core/model/config_reader.h"
#include "core/quant/kv_cache_grid.h"

#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// How compressed-tensors stores the weights of a group of linears and rounds their inputs.
struct CompressedScheme {
    enum class Format { PackQuantized, IntQuantized };   ///< naive-quantized stores integers as int-quantized does
    enum class Strategy { Tensor, Channel, Group };
    enum class Inputs { Float, DynamicToken, StaticTensor };
    std::string group;              ///< "group_0"
    Format format = Format::PackQuantized;
    int bits = 4;
    bool symmetric = true;
    Strategy strategy = Strategy::Group;
    std::int64_t groupSize = 0;     ///< Strategy::Group
    Inputs inputs = Inputs::Float;
    int inputBits = 8;
    bool inputSymmetric = true;
    std::vector<std::string> targets;
};

/// A folder's quantization_config: which linear has which scheme.
class CompressedConfig {
public:
    /// `config` is the whole config.json. @throws Error{Unsupported} naming the scheme; Error{BadFile}.
    CompressedConfig(const Json& config, const std::string& subject);

    /// The scheme of a module of class Linear, or null when it stays float. Exact names go before regular expressions before the class name,
    /// and `ignore` goes before all.
    const CompressedScheme* of(std::string_view module) const;
    /// True when any group rounds what its linears read.
    bool roundsInputs() const;
    /// What kv_cache_scheme asks for: a dynamic range a token and group of `cacheGroup()` elements of a head, which is the head when they are as many.
    const KvCacheGrid& kvCache() const { return m_kvCache; }
    std::int64_t cacheGroup() const { return m_cacheGroup; }

private:
    std::vector<CompressedScheme> m_schemes;
    std::vector<std::string> m_ignore;
    KvCacheGrid m_kvCache;
    std::int64_t m_cacheGroup = 0;
};

} // namespace halftone
