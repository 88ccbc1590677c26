#include "core/pipeline/text_length.h"

#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

#include <algorithm>

namespace halftone {

int TextLength::samples(const CalibrationSettings& wanted) const
{
    const std::int64_t there = wanted.length > 0 ? tokens / wanted.length : 0;
    return static_cast<int>(std::min<std::int64_t>(there, wanted.samples > 0 ? wanted.samples : there));
}

std::string TextLength::problem(int length) const
{
    return tokens >= length ? std::string() : tooShortSentence(tokens, length);
}

TextLength measureText(const std::filesystem::path& model, const TextChoice& texts, const std::stop_token& stop)
{
    constexpr std::size_t kCounted = 8u << 20, kAtOnce = 1u << 20;
    TextRead read = readTexts(texts);
    const std::unique_ptr<Tokenizer> tokenizer = Model::open(model)->tokenizer();
    TextLength length;
    length.notes = std::move(read.notes);
    length.exact = read.text.size() <= kAtOnce;
    std::size_t at = 0;
    while (at < std::min(read.text.size(), kCounted)) {   // in parts, so that it can be stopped; a cut costs a token or two
        throwIfStopped(stop);
        std::size_t end = std::min(read.text.size(), at + kAtOnce);
        if (const std::size_t line = read.text.rfind('\n', end); end < read.text.size() && line != std::string::npos && line > at)
            end = line + 1;
        length.tokens += static_cast<std::int64_t>(tokenizer->encode(std::string_view(read.text).substr(at, end - at), false).size());
        at = end;
    }
    length.tokens = static_cast<std::int64_t>(static_cast<double>(length.tokens) * (static_cast<double>(read.text.size()) / static_cast<double>(at)));
    return length;
}

} // namespace halftone
