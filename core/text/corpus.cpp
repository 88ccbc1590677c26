#include "core/text/corpus.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/sha256.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <numeric>

namespace halftone {

namespace {

/// Splitmix64 (Steele, Lea, Flood 2014): the same draws on every machine.
class Random {
public:
    explicit Random(std::uint64_t seed)
        : m_state(seed)
    {
    }

    /// 0…bound-1, without bias.
    std::uint64_t below(std::uint64_t bound)
    {
        const std::uint64_t reject = (0 - bound) % bound;
        for (;;) {
            std::uint64_t z = (m_state += 0x9E3779B97F4A7C15u);
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            z ^= z >> 31;
            if (z >= reject)
                return z % bound;
        }
    }

private:
    std::uint64_t m_state;
};

void checkLength(int count, int length)
{
    if (length < 1 || count < 0)
        throw Error(ErrorKind::InvalidArgument, "Windows need a length of at least 1 token and a count of at least 0; given are length "
                        + std::to_string(length) + " and count " + std::to_string(count) + ".");
}

TokenWindows allWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int length)
{
    const std::vector<std::int32_t> ids = tokenizer.encode(text, false);
    TokenWindows out;
    out.length = length;
    out.textHash = sha256(text);
    out.tokensInText = static_cast<std::int64_t>(ids.size());
    if (ids.size() < static_cast<std::size_t>(length))
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the text has " + std::to_string(ids.size()) + " tokens, but one window needs "
                        + std::to_string(length) + ".",
                    std::string(subject));
    for (auto begin = ids.begin(); ids.end() - begin >= length; begin += length)
        out.ids.emplace_back(begin, begin + length);
    return out;
}

/// Puts aside some of the windows that were not drawn, given by their rising indices in `ids`.
void keepUnseen(TokenWindows& out, const std::vector<std::size_t>& left)
{
    if (left.empty())
        return;
    out.heldOut = out.ids[left.back()];
    const auto room = static_cast<std::size_t>(std::clamp(TokenWindows::kUnseenTokens / out.length, 1, TokenWindows::kUnseenWindows));
    const std::size_t count = std::min(room, left.size());
    for (std::size_t i = 0; i < count; ++i)
        out.unseen.push_back(out.ids[left[i * left.size() / count]]);
}

} // namespace

std::string readText(const std::filesystem::path& file)
{
    std::string text = readTextFile(file, kMaxTextBytes);
    const auto refuse = [&](const std::string& why) { throw Error(ErrorKind::BadFile, file.string() + ": " + why, file.string()); };
    if (text.empty())
        refuse("the file is empty.");
    if (const std::size_t nul = text.find('\0'); nul != std::string::npos)
        refuse("the file is binary, not text: byte " + std::to_string(nul) + " is NUL.");
    std::size_t broken = 0;
    if (unicode::validPrefix(text) != text.size())
        unicode::repaired(text, &broken);
    if (broken > text.size() / 10)
        refuse("the file is binary or not in UTF-8: " + std::to_string(broken) + " of its " + std::to_string(text.size())
               + " bytes belong to no character.");
    return text;
}

TokenWindows cutWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length)
{
    checkLength(count, length);
    TokenWindows out = allWindows(tokenizer, text, subject, length);
    if (count > 0 && out.ids.size() > static_cast<std::size_t>(count))
        out.ids.resize(static_cast<std::size_t>(count));
    return out;
}

TokenWindows sampleWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length,
                           std::uint64_t seed)
{
    checkLength(count, length);
    TokenWindows out = allWindows(tokenizer, text, subject, length);
    const std::size_t wanted = count == 0 ? out.ids.size() : static_cast<std::size_t>(count);
    if (out.ids.size() < wanted)
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the text has " + std::to_string(out.tokensInText) + " tokens, but " + std::to_string(count)
                        + " samples of " + std::to_string(length) + " need "
                        + std::to_string(static_cast<std::int64_t>(count) * length) + ".",
                    std::string(subject));
    if (seed == 0) {
        std::vector<std::size_t> left(out.ids.size() - wanted);
        std::iota(left.begin(), left.end(), wanted);
        keepUnseen(out, left);
        out.ids.resize(wanted);
        return out;
    }
    std::vector<std::size_t> order(out.ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(seed);
    for (std::size_t i = 0; i < wanted; ++i)
        std::swap(order[i], order[i + static_cast<std::size_t>(random.below(order.size() - i))]);
    std::vector<std::size_t> left(order.begin() + static_cast<std::ptrdiff_t>(wanted), order.end());
    std::sort(left.begin(), left.end());
    keepUnseen(out, left);
    order.resize(wanted);
    std::sort(order.begin(), order.end());
    std::vector<std::vector<std::int32_t>> drawn;
    drawn.reserve(wanted);
    for (const std::size_t i : order)
        drawn.push_back(std::move(out.ids[i]));
    out.ids = std::move(drawn);
    return out;
}

} // namespace halftone
