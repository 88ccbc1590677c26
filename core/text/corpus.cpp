#include "core/text/corpus.h"

#include "core/base/error.h"
#include "core/base/sha256.h"

#include <algorithm>
#include <numeric>

namespace halftone {

namespace {

// Plain prose of several kinds, a few numbers and a little code, so that no family of models finds all of it strange.
constexpr std::string_view kBuiltIn = R"text(The lighthouse at the end of the pier was built in 1874, when the harbour still took in forty ships a week. Its keeper wrote down the weather every three hours, and his books are the longest record of wind that the town has. On most days he had little to say: a light breeze from the west, a calm sea, two boats out before dawn. In the winter of 1881, however, the storm that took the roof of the chapel also broke the lamp, and for nine nights the keeper and his daughter stood on the gallery and swung a lantern by hand.

Water boils at 100 degrees at sea level, but on a mountain of 3,000 metres it boils at about 90, because the air presses on it less. That is why rice takes longer to cook there, and why a closed pot helps: the steam cannot leave, the pressure rises, and with it the temperature.

"Do you remember where we put the map?" she asked. "In the blue box, I think, under the letters," he said, "unless your brother has moved it again." They looked through the box twice. There were tickets, a broken watch, a photograph of a dog that neither of them knew, and at the very bottom the map, folded so often that the names of the villages along the river could no longer be read.

To add two fractions, first bring them to the same denominator. One third and one quarter become four twelfths and three twelfths; together they are seven twelfths. The same idea works for any two fractions, although the numbers grow quickly when the denominators share no factor.

def mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)

The committee met on Tuesday to discuss the new bridge. Engineers had compared three plans: an arch of stone, a beam of steel, and a cable bridge with two towers. The arch would last the longest and cost the most. The beam could be finished within a year. After four hours the members agreed that the bridge should carry trams as well, which only the third plan allowed, and asked for a new estimate by the end of the month.

Bees find their way home by the sun. Even when it is hidden, they can tell where it stands from the light of a small piece of blue sky. A bee that has found a good meadow returns to the hive and dances: the direction of her dance gives the direction of the flowers, and its length the distance.
)text";

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
                    std::string(subject) + ": " + tooShortSentence(out.tokensInText, length) + ".",
                    std::string(subject));
    auto begin = ids.begin();
    for (; ids.end() - begin >= length; begin += length)
        out.ids.emplace_back(begin, begin + length);
    out.heldOut.assign(begin, ids.end());
    return out;
}

/// Puts aside some of the windows that were not drawn, given by their rising indices in `ids`.
void keepUnseen(TokenWindows& out, const std::vector<std::size_t>& left)
{
    if (left.empty()) {
        constexpr std::size_t kFewest = 32;   // a perplexity of less says nothing
        if (out.heldOut.size() < kFewest)
            out.heldOut.clear();
        return;
    }
    out.heldOut = out.ids[left.back()];
    const auto room = static_cast<std::size_t>(std::clamp(TokenWindows::kUnseenTokens / out.length, 1, TokenWindows::kUnseenWindows));
    const std::size_t count = std::min(room, left.size());
    for (std::size_t i = 0; i < count; ++i)
        out.unseen.push_back(out.ids[left[i * left.size() / count]]);
}

} // namespace

TokenWindows cutWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length)
{
    checkLength(count, length);
    TokenWindows out = allWindows(tokenizer, text, subject, length);
    out.heldOut.clear();
    if (count > 0 && out.ids.size() > static_cast<std::size_t>(count))
        out.ids.resize(static_cast<std::size_t>(count));
    return out;
}

TokenWindows sampleWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length,
                           std::uint64_t seed)
{
    checkLength(count, length);
    TokenWindows out = allWindows(tokenizer, text, subject, length);
    out.wanted = count;
    const std::size_t wanted = count == 0 ? out.ids.size() : std::min(out.ids.size(), static_cast<std::size_t>(count));
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

std::string shortTextSentence(std::int64_t samples, std::int64_t wanted)
{
    return samples >= wanted ? std::string() : std::to_string(samples) + " of " + std::to_string(wanted) + " samples: the text is short";
}

std::string tooShortSentence(std::int64_t tokens, int length)
{
    return "the text has " + std::to_string(tokens) + " tokens, but one window needs " + std::to_string(length) + "; take a longer text"
        + (tokens >= 2 ? ", or a length of at most " + std::to_string(tokens) : "");
}

std::string_view builtInText()
{
    return kBuiltIn;
}

} // namespace halftone
