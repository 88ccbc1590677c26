#include "core/text/pre_tokenizer.h"

#include "core/base/error.h"
#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <optional>

namespace halftone {

namespace {

enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

struct Range {
    std::size_t begin, end;
    bool match;
};

/// All of a piece, in order: what the pattern matched and what lies between.
using Pattern = std::function<std::vector<Range>(std::string_view, const TextBudget&)>;

Pattern regexPattern(Regex regex)
{
    return [regex = std::move(regex)](std::string_view text, const TextBudget& budget) {
        std::vector<Range> ranges;
        std::size_t at = 0;
        for (const auto& [begin, end] : regex.all(text, budget)) {
            if (at != begin)
                ranges.push_back({at, begin, false});
            ranges.push_back({begin, end, true});
            at = end;
        }
        if (at != text.size())
            ranges.push_back({at, text.size(), false});
        return ranges;
    };
}

/// Each character that `isMatch` is a match of its own.
template <typename Predicate>
Pattern characterPattern(Predicate isMatch)
{
    return [isMatch](std::string_view text, const TextBudget&) {
        std::vector<Range> ranges;
        std::size_t last = 0;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t begin = at;
            if (!isMatch(unicode::next(text, at)))
                continue;
            if (last < begin)
                ranges.push_back({last, begin, false});
            ranges.push_back({begin, at, true});
            last = at;
        }
        if (last < text.size())
            ranges.push_back({last, text.size(), false});
        return ranges;
    };
}

/// Pieces of so many characters.
Pattern lengthPattern(std::size_t length)
{
    return [length](std::string_view text, const TextBudget&) {
        std::vector<Range> ranges;
        std::size_t count = length;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t begin = at;
            at += unicode::lengthAt(text, at);
            if (count == length)
                ranges.push_back({begin, at, false});
            else
                ranges.back().end = at;
            count = count == length ? 1 : count + 1;
        }
        return ranges;
    };
}

/// White space is the match; words, and runs of what is neither, lie between: \w+|[^\w\s]+ of Rust.
std::vector<Range> wordsAndSigns(std::string_view text, const TextBudget&)
{
    enum class Kind { Space, Word, Sign };
    std::vector<Range> ranges;
    Kind last = Kind::Space;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const char32_t p = unicode::next(text, at);
        const Kind kind = unicode::isSpace(p) ? Kind::Space : unicode::isWord(p) ? Kind::Word : Kind::Sign;
        if (ranges.empty() || kind != last)
            ranges.push_back({begin, at, kind == Kind::Space});
        else
            ranges.back().end = at;
        last = kind;
    }
    return ranges;
}

Pattern inverted(Pattern pattern)
{
    return [pattern = std::move(pattern)](std::string_view text, const TextBudget& budget) {
        std::vector<Range> ranges = pattern(text, budget);
        for (Range& r : ranges)
            r.match = !r.match;
        return ranges;
    };
}

/// What remains of the ranges under a delimiter behaviour, as Hugging Face defines it.
std::vector<Range> arranged(const std::vector<Range>& ranges, Behavior behavior)
{
    std::vector<Range> out;
    bool previous = false;
    switch (behavior) {
    case Behavior::Isolated:
        return ranges;
    case Behavior::Removed:
        std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(out), [](const Range& r) { return !r.match; });
        return out;
    case Behavior::Contiguous:
        for (const Range& r : ranges) {
            if (r.match == previous && !out.empty())
                out.back().end = r.end;
            else
                out.push_back(r);
            previous = r.match;
        }
        return out;
    case Behavior::MergedWithPrevious:
        for (const Range& r : ranges) {
            if (r.match && !previous && !out.empty())
                out.back().end = r.end;
            else
                out.push_back(r);
            previous = r.match;
        }
        return out;
    case Behavior::MergedWithNext:
        for (auto r = ranges.rbegin(); r != ranges.rend(); ++r) {
            if (r->match && !previous && !out.empty())
                out.back().begin = r->begin;
            else
                out.push_back(*r);
            previous = r->match;
        }
        std::reverse(out.begin(), out.end());
        return out;
    }
    return out;
}

void split(Pieces& pieces, const Pattern& pattern, Behavior behavior, const TextBudget& budget)
{
    std::vector<Pieces::Piece> out;
    out.reserve(pieces.pieces.size() * 2);
    for (const Pieces::Piece& piece : pieces.pieces) {
        const std::string_view text = std::string_view(pieces.text).substr(piece.begin, piece.end - piece.begin);
        for (const Range& r : arranged(pattern(text, budget), behavior))
            if (r.end > r.begin)
                out.push_back({piece.begin + r.begin, piece.begin + r.end, std::min(r.end - r.begin, piece.ofFirst - std::min(piece.ofFirst, r.begin))});
    }
    pieces.pieces = std::move(out);
}

/// Each piece's text becomes what `change(text, ofFirst, out)` appends to `out`; it keeps `ofFirst`.
template <typename Change>
void rewrite(Pieces& pieces, Change change)
{
    std::string text;
    text.reserve(pieces.text.size() + pieces.text.size() / 4);
    for (Pieces::Piece& piece : pieces.pieces) {
        const std::size_t begin = text.size();
        change(std::string_view(pieces.text).substr(piece.begin, piece.end - piece.begin), piece.ofFirst, text);
        piece.begin = begin;
        piece.end = text.size();
    }
    pieces.text = std::move(text);
}

void prepend(std::string_view what, std::size_t& ofFirst, std::string& out)
{
    out += what;
    ofFirst += ofFirst > 0 ? what.size() : 0;
}

void prependSpace(Pieces& pieces)
{
    rewrite(pieces, [](std::string_view t, std::size_t& ofFirst, std::string& out) {
        if (!t.starts_with(' '))
            prepend(" ", ofFirst, out);
        out += t;
    });
}

void mapBytes(Pieces& pieces)
{
    rewrite(pieces, [](std::string_view t, std::size_t& ofFirst, std::string& out) {
        const std::size_t begin = out.size();
        std::size_t first = 0;
        for (std::size_t i = 0; i < t.size(); ++i) {
            out += byte_level::character(static_cast<unsigned char>(t[i]));
            if (i < ofFirst)
                first = out.size() - begin;
        }
        ofFirst = first;
    });
}

Behavior behaviorOf(const Json& description, std::string_view subject)
{
    const std::string name = fields::text(description, "behavior", subject);
    static const std::vector<std::pair<std::string_view, Behavior>> known = {{"Removed", Behavior::Removed},
                                                                             {"Isolated", Behavior::Isolated},
                                                                             {"MergedWithPrevious", Behavior::MergedWithPrevious},
                                                                             {"MergedWithNext", Behavior::MergedWithNext},
                                                                             {"Contiguous", Behavior::Contiguous}};
    for (const auto& [text, behavior] : known)
        if (name == text)
            return behavior;
    throw Error(ErrorKind::Unsupported, std::string(subject) + ": the split behavior \"" + printable(name) + "\" is not known.", std::string(subject));
}

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

} // namespace

PreTokenizer::PreTokenizer(const Json& description, std::string_view subject)
    : m_subject(subject)
{
    add(description, 0);
}

void PreTokenizer::add(const Json& description, int depth)
{
    if (description.is_null())
        return;
    const std::string_view subject = m_subject;
    fields::object(description, "pre_tokenizer", subject);
    const std::string type = fields::text(description, "type", subject);
    const auto step = [&](std::function<void(Pieces&, const TextBudget&)> cut) { m_steps.push_back({type, std::move(cut)}); };
    const auto splitBy = [&](Pattern pattern, Behavior behavior) {
        step([pattern = std::move(pattern), behavior](Pieces& pieces, const TextBudget& budget) { split(pieces, pattern, behavior, budget); });
    };
    if (type == "Sequence" && depth < 8) {
        for (const Json& one : fields::list(description, "pretokenizers", subject))
            add(one, depth + 1);
    } else if (type == "ByteLevel") {
        if (fields::flag(description, "add_prefix_space", true, subject))
            step([](Pieces& pieces, const TextBudget&) { prependSpace(pieces); });
        if (fields::flag(description, "use_regex", true, subject))
            splitBy(regexPattern(Regex(kGpt2, subject)), Behavior::Isolated);
        step([](Pieces& pieces, const TextBudget&) { mapBytes(pieces); });
    } else if (type == "Split") {
        const Json& pattern = fields::object(fields::member(description, "pattern"), "pattern", subject);
        Pattern by = pattern.contains("String") ? regexPattern(Regex::literal(fields::text(pattern, "String", subject), subject))
                                                : regexPattern(Regex(fields::text(pattern, "Regex", subject), subject));
        if (fields::flag(description, "invert", false, subject))
            by = inverted(std::move(by));
        splitBy(std::move(by), behaviorOf(description, subject));
    } else if (type == "CharDelimiterSplit") {
        const std::string mark = fields::text(description, "delimiter", subject);
        if (mark.empty() || unicode::lengthAt(mark, 0) != mark.size())
            fields::refuse(subject, "delimiter", "one character");
        splitBy(regexPattern(Regex::literal(mark, subject)), Behavior::Removed);
    } else if (type == "FixedLength") {
        const Json& length = fields::member(description, "length");
        if (!length.is_number_unsigned() || length.get<std::uint64_t>() == 0)
            fields::refuse(subject, "length", "a count of characters");
        splitBy(lengthPattern(length.get<std::size_t>()), Behavior::Isolated);
    } else if (type == "Digits") {
        const bool each = fields::flag(description, "individual_digits", false, subject);
        splitBy(characterPattern(unicode::isNumeric), each ? Behavior::Isolated : Behavior::Contiguous);
    } else if (type == "Punctuation") {
        splitBy(characterPattern(unicode::isPunctuation),
                description.contains("behavior") ? behaviorOf(description, subject) : Behavior::Isolated);
    } else if (type == "Whitespace") {
        splitBy(wordsAndSigns, Behavior::Removed);
    } else if (type == "WhitespaceSplit") {
        splitBy(characterPattern(unicode::isSpace), Behavior::Removed);
    } else if (type == "BertPreTokenizer") {
        splitBy(characterPattern(unicode::isSpace), Behavior::Removed);
        splitBy(characterPattern(unicode::isPunctuation), Behavior::Isolated);
    } else if (type == "Metaspace") {
        const std::string mark = fields::text(description, "replacement", subject);
        if (mark.empty() || unicode::lengthAt(mark, 0) != mark.size())
            fields::refuse(subject, "replacement", "one character");
        const bool hasScheme = !fields::member(description, "prepend_scheme").is_null();
        std::string scheme = hasScheme ? fields::text(description, "prepend_scheme", subject) : "always";
        if (!fields::flag(description, "add_prefix_space", true, subject))
            scheme = "never";
        if (scheme != "always" && scheme != "first" && scheme != "never")
            throw Error(ErrorKind::Unsupported, std::string(subject) + ": the prepend scheme \"" + printable(scheme) + "\" is not known.",
                        std::string(subject));
        step([mark, scheme](Pieces& pieces, const TextBudget&) {
            rewrite(pieces, [&](std::string_view t, std::size_t& ofFirst, std::string& out) {
                const std::size_t begin = out.size(), old = ofFirst;
                const bool has = t.starts_with(' ') || t.starts_with(mark);
                std::size_t first = 0;
                if (!has && (scheme == "always" || (scheme == "first" && ofFirst > 0)))
                    out += mark;
                for (std::size_t i = 0; i < t.size(); ++i) {
                    t[i] == ' ' ? out += mark : out += t[i];
                    if (i < old)
                        first = out.size() - begin;
                }
                ofFirst = first;
            });
        });
        if (fields::flag(description, "split", true, subject))
            splitBy(regexPattern(Regex::literal(mark, subject)), Behavior::MergedWithNext);
    } else {
        throw Error(ErrorKind::Unsupported, m_subject + ": the pre-tokenizer \"" + printable(type) + "\" is not known.", m_subject);
    }
}

void PreTokenizer::apply(Pieces& pieces, const TextBudget& budget) const
{
    for (const Step& step : m_steps) {
        step.cut(pieces, budget);
        budget.checkSize(pieces.text.size(), m_subject, step.rule);
        budget.check(m_subject, step.rule);
    }
}

} // namespace halftone
