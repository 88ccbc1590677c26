#pragma once

#include <QList>
#include <QString>

#include <optional>

namespace halftone {

/// How a typed query lies in a text, the poorest first.
enum class Fit {
    Scattered,   ///< parts of it begin words, in order; or a word with a letter or two left out
    Inside,      ///< in one piece, in the middle of a word
    Beginning,   ///< in one piece, at the beginning of a word
    Word         ///< a whole word
};

struct FuzzyMatch {
    Fit fit = Fit::Word;      ///< of the worst of the query's words
    int score = 0;            ///< larger is better; only to be compared within one query and fit
    bool own = false;         ///< some word of the query lies behind the last ": " of the text
    QList<int> places;        ///< indices into the text of the letters that were matched, ascending
};

/// The words of `query`, in any order, upper and lower case alike. What lies behind the last ": " of `text` (a command's own name, after the menus
/// it stands in) counts more than what lies before, and a match near the front more than one farther on.
/// @return nothing when a word is missing, or merely its letters are there; an empty query fits everything with score 0.
std::optional<FuzzyMatch> fuzzyMatch(const QString& query, const QString& text);

} // namespace halftone
