#pragma once

#include "reader.h"

#include "core/text/tokenizer.h"

#include <algorithm>

namespace halftone::fuzz {

/// A text there and back, and what views show.
inline void use(const Tokenizer& tokenizer)
{
    const std::vector<std::int32_t> ids = tokenizer.encode("<s>It has 12 wheels, na\xc3\xafve ones \xe2\x80\x94 \xe8\xbb\x8a\xe8\xbc\xaa!\n\n  and\ttabs \xff</s>  [MASK] don't", true);
    if (std::any_of(ids.begin(), ids.end(), [&](std::int32_t id) { return id < 0 || id >= tokenizer.size(); }))
        finding("a token id is outside of the vocabulary");
    tokenizer.decode(ids);
    for (const std::int32_t id : {-1, 0, 1, tokenizer.size() - 1, tokenizer.size()})
        tokenizer.tokenText(id);
}

} // namespace halftone::fuzz
