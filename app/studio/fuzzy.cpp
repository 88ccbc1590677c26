#include "app/studio/fuzzy.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace halftone {

namespace {

constexpr int kLetter = 1, kFollowing = 6, kWordStart = 5, kNone = std::numeric_limits<int>::min() / 2;

bool startsWord(const QString& text, int at)
{
    return at == 0 || !text[at - 1].isLetterOrNumber() || (text[at].isUpper() && text[at - 1].isLower());
}

} // namespace

std::optional<FuzzyMatch> fuzzyMatch(const QString& query, const QString& text)
{
    QString letters = query.toCaseFolded();
    letters.remove(QLatin1Char(' '));
    const int n = static_cast<int>(letters.size()), m = static_cast<int>(text.size());
    if (n == 0)
        return FuzzyMatch{};
    // best[i][j]: of the first i + 1 letters with letter i at place j of the text; from[i][j]: where letter i − 1 was.
    std::vector<std::vector<int>> best(static_cast<std::size_t>(n), std::vector<int>(static_cast<std::size_t>(m), kNone)), from = best;
    for (int i = 0; i < n; ++i) {
        auto& row = best[static_cast<std::size_t>(i)];
        auto& origin = from[static_cast<std::size_t>(i)];
        int before = kNone, beforeAt = -1;   // the best of the previous row to the left of j
        for (int j = 0; j < m; ++j) {
            if (text[j].toCaseFolded() == letters[i]) {
                const int own = kLetter + (startsWord(text, j) ? kWordStart : 0);
                if (i == 0) {
                    row[static_cast<std::size_t>(j)] = own - std::min(j, 20) / 4;
                } else {
                    const int adjacent = j > 0 ? best[static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j - 1)] : kNone;
                    if (adjacent > kNone && adjacent + kFollowing >= before) {
                        row[static_cast<std::size_t>(j)] = adjacent + kFollowing + own;
                        origin[static_cast<std::size_t>(j)] = j - 1;
                    } else if (before > kNone) {
                        row[static_cast<std::size_t>(j)] = before + own;
                        origin[static_cast<std::size_t>(j)] = beforeAt;
                    }
                }
            }
            if (i > 0 && best[static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j)] > before) {
                before = best[static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j)];
                beforeAt = j;
            }
        }
    }
    const auto& last = best.back();
    const auto top = std::max_element(last.begin(), last.end());
    if (top == last.end() || *top <= kNone / 2)
        return std::nullopt;
    FuzzyMatch match{*top, {}};
    int at = static_cast<int>(top - last.begin());
    for (int i = n - 1; i >= 0; --i) {
        match.places.prepend(at);
        at = from[static_cast<std::size_t>(i)][static_cast<std::size_t>(at)];
    }
    return match;
}

} // namespace halftone
