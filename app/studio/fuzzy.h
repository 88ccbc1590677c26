#pragma once

#include <QList>
#include <QString>

#include <optional>

namespace halftone {

/// How well a typed query fits a text.
struct FuzzyMatch {
    int score = 0;            ///< larger is better; only to be compared within one query
    QList<int> places;        ///< indices into the text of the letters that were matched, ascending
};

/// The letters of `query` (spaces left out) in order, upper and lower case alike. Letters that follow each other or start a word count more,
/// and so does a match near the front. @return nothing when a letter is missing; an empty query fits everything with score 0.
std::optional<FuzzyMatch> fuzzyMatch(const QString& query, const QString& text);

} // namespace halftone
