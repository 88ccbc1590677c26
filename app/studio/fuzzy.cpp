#include "app/studio/fuzzy.h"

#include <QStringList>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kOwn = 20, kOwnStart = 10, kOwnWhole = 20;   ///< for lying in a command's own name, at its front, and being all of it
constexpr qsizetype kLeftOut = 2;                          ///< letters that a typed word may lack

bool startsWord(const QString& text, qsizetype at)
{
    return at == 0 || !text[at - 1].isLetterOrNumber() || (text[at].isUpper() && text[at - 1].isLower());
}

/// Not "Quant" of "CrossQuant", which merely begins there.
bool isWord(const QString& text, qsizetype at, qsizetype end)
{
    return (at == 0 || !text[at - 1].isLetterOrNumber()) && (end == text.size() || !text[end].isLetterOrNumber());
}

bool same(QChar a, QChar b)
{
    return a.toCaseFolded() == b.toCaseFolded();
}

/// "4bit" is "4-bit", and "omniquants" "OmniQuant's".
bool joins(QChar c)
{
    return c == u'-' || c == u'\'' || c == u'’';
}

/// The places of `term` in one piece from `at` on; empty: it is not there.
QList<int> pieceAt(const QString& term, const QString& text, qsizetype at)
{
    QList<int> places;
    qsizetype j = at;
    for (qsizetype i = 0; i < term.size(); ++j) {
        if (j == text.size())
            return {};
        if (same(text[j], term[i])) {
            places.append(static_cast<int>(j));
            ++i;
        } else if (i == 0 || !joins(text[j])) {
            return {};
        }
    }
    return places;
}

int worth(const QString& text, qsizetype own, qsizetype from, qsizetype end)
{
    int score = -static_cast<int>(std::min<qsizetype>(from >= own ? from - own : from, 60)) / 6;
    if (from >= own)
        score += kOwn + (from == own ? kOwnStart : 0) + (from == own && end == text.size() ? kOwnWhole : 0);
    return score;
}

std::optional<FuzzyMatch> inOnePiece(const QString& term, const QString& text, qsizetype own)
{
    std::optional<FuzzyMatch> best;
    for (qsizetype at = 0; at < text.size(); ++at) {
        const QList<int> places = pieceAt(term, text, at);
        if (places.isEmpty())
            continue;
        const qsizetype end = places.back() + 1;
        const Fit fit = !startsWord(text, at) ? Fit::Inside : isWord(text, at, end) ? Fit::Word : Fit::Beginning;
        const int score = worth(text, own, at, end);
        if (!best || fit > best->fit || (fit == best->fit && score > best->score))
            best = FuzzyMatch{fit, score, at >= own, places};
    }
    return best;
}

/// "thd" of "Theme: Dark": pieces that begin words, in order; at most half as many as there are letters, or the initials of words that follow
/// each other.
QList<int> inPieces(const QString& term, const QString& text, qsizetype i, qsizetype from, qsizetype pieces, bool initials)
{
    if (i == term.size())
        return {-1};
    for (qsizetype at = from; at < text.size(); ++at) {
        if (!startsWord(text, at) || !text[at].isLetterOrNumber())
            continue;
        if (same(text[at], term[i])) {
            qsizetype longest = 1;
            while (!initials && i + longest < term.size() && at + longest < text.size() && same(text[at + longest], term[i + longest]))
                ++longest;
            for (qsizetype length = longest; length > 0 && pieces > 0; --length)
                if (QList<int> rest = inPieces(term, text, i + length, at + length, pieces - 1, initials); !rest.isEmpty()) {
                    for (qsizetype k = length - 1; k >= 0; --k)
                        rest.prepend(static_cast<int>(at + k));
                    return rest;
                }
        }
        if (initials && i > 0)
            return {};   // a word was skipped
    }
    return {};
}

/// "quantze" of "Quantize": one word with a letter or two left out, its first one not.
QList<int> withLettersLeftOut(const QString& term, const QString& text)
{
    for (qsizetype at = 0; at < text.size(); ++at) {
        if (!startsWord(text, at))
            continue;
        qsizetype end = at + 1;
        while (end < text.size() && text[end].isLetterOrNumber())
            ++end;
        if (end - at > term.size() + kLeftOut || end - at < term.size())
            continue;
        QList<int> places;
        for (qsizetype j = at; j < end && places.size() < term.size(); ++j)
            if (same(text[j], term[places.size()]))
                places.append(static_cast<int>(j));
            else if (places.isEmpty())
                break;
        if (places.size() == term.size())
            return places;
    }
    return {};
}

std::optional<FuzzyMatch> scattered(const QString& term, const QString& text, qsizetype own)
{
    constexpr qsizetype kFewest = 3, kMost = 12;   // fewer letters say nothing, and more are no initials
    if (term.size() < kFewest || term.size() > kMost)
        return std::nullopt;
    QList<int> places = inPieces(term, text, 0, 0, (term.size() + 1) / 2, false);
    if (places.isEmpty())
        places = inPieces(term, text, 0, 0, term.size(), true);
    if (!places.isEmpty())
        places.removeLast();   // the mark of the end
    else if (term.size() > kFewest)
        places = withLettersLeftOut(term, text);
    if (places.isEmpty())
        return std::nullopt;
    return FuzzyMatch{Fit::Scattered, worth(text, own, places.front(), text.size() + 1), places.front() >= own, places};
}

} // namespace

std::optional<FuzzyMatch> fuzzyMatch(const QString& query, const QString& text)
{
    const qsizetype last = text.lastIndexOf(u": "_s), own = last < 0 ? 0 : last + 2;
    FuzzyMatch whole;
    for (const QString& term : query.simplified().split(u' ', Qt::SkipEmptyParts)) {
        std::optional<FuzzyMatch> match = inOnePiece(term, text, own);
        if (!match)
            match = scattered(term, text, own);
        if (!match)
            return std::nullopt;
        whole.fit = std::min(whole.fit, match->fit);
        whole.score += match->score;
        whole.own = whole.own || match->own;
        whole.places += match->places;
    }
    std::sort(whole.places.begin(), whole.places.end());
    whole.places.erase(std::unique(whole.places.begin(), whole.places.end()), whole.places.end());
    return whole;
}

} // namespace halftone
