#include "widgets/layers_filter.h"

#include "core/recipe/glob.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

struct Texts {
    Q_DECLARE_TR_FUNCTIONS(halftone::LayersFilter)
};

using Row = LayersFilter::Row;
using Term = LayersFilter::Term;

struct NumberColumn {
    QString name;
    std::optional<double> (*of)(const Row&);
};
struct TextColumn {
    QString name;
    const QString& (*of)(const Row&);
};

/// What can be compared by number, and by name; an error lists them in this order.
const std::vector<NumberColumn>& numberColumns()
{
    static const std::vector<NumberColumn> columns{
        {u"bits"_s, [](const Row& row) { return row.bits; }},
        {u"group"_s, [](const Row& row) { return row.group; }},
        {u"kernel"_s, [](const Row& row) { return row.kernel; }},
        {u"outlier"_s, [](const Row& row) { return row.outlier; }},
        {u"ratio"_s, [](const Row& row) { return row.ratio; }},
        {u"channel"_s, [](const Row& row) { return row.channel; }},
        {u"error"_s, [](const Row& row) { return row.error; }},
        {u"sqnr"_s, [](const Row& row) { return row.sqnr; }},
        {u"output"_s, [](const Row& row) { return row.output; }},
        {u"kurtosis"_s, [](const Row& row) { return row.kurtosis; }},
        {u"weights"_s, [](const Row& row) { return row.weights; }},
        {u"size"_s, [](const Row& row) { return row.size; }},
        {u"block"_s, [](const Row& row) { return std::optional<double>(row.block); }},
    };
    return columns;
}

const std::vector<TextColumn>& textColumns()
{
    static const std::vector<TextColumn> columns{
        {u"kind"_s, [](const Row& row) -> const QString& { return row.kind; }},
        {u"site"_s, [](const Row& row) -> const QString& { return row.site; }},
        {u"method"_s, [](const Row& row) -> const QString& { return row.method; }},
        {u"activations"_s, [](const Row& row) -> const QString& { return row.activations; }},
        {u"dtype"_s, [](const Row& row) -> const QString& { return row.dtype; }},
        {u"name"_s, [](const Row& row) -> const QString& { return row.name; }},
    };
    return columns;
}

template <typename Column> const Column* columnNamed(const std::vector<Column>& columns, const QString& name)
{
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& column) { return column.name == name; });
    return found == columns.end() ? nullptr : &*found;
}

QString columnNames()
{
    QStringList names;
    for (const NumberColumn& column : numberColumns())
        names << column.name;
    for (const TextColumn& column : textColumns())
        names << column.name;
    const QString last = names.takeLast();
    return Texts::tr("%1 and %2").arg(names.join(u", "_s), last);
}

Term flagOf(const QString& word)
{
    if (word == u"changed"_s)
        return [](const Row& row) { return row.changed; };
    if (word == u"quantized"_s)
        return [](const Row& row) { return row.quantized; };
    if (word == u"float"_s)
        return [](const Row& row) { return !row.quantized; };
    if (word == u"tied"_s)
        return [](const Row& row) { return row.tied; };
    return {};
}

bool holds(double a, const QString& op, double b)
{
    const bool same = std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
    if (op == u"<"_s)
        return a < b && !same;
    if (op == u"<="_s)
        return a < b || same;
    if (op == u">"_s)
        return a > b && !same;
    if (op == u">="_s)
        return a > b || same;
    if (op == u"!="_s)
        return !same;
    return same;
}

/// "12.5", "1%", "1.5k", "2M", "40MB", "100×".
std::optional<double> parseNumber(QString text)
{
    if (text.endsWith(u'%') || text.endsWith(u'B') || text.endsWith(u'×'))
        text.chop(1);
    double factor = 1;
    static constexpr std::array kUnits{std::pair{u'k', 1e3}, std::pair{u'M', 1e6}, std::pair{u'G', 1e9}};
    for (const auto& [unit, value] : kUnits)
        if (text.endsWith(unit)) {
            factor = value;
            text.chop(1);
            break;
        }
    bool isNumber = false;
    const double number = text.toDouble(&isNumber);
    return isNumber && std::isfinite(number) ? std::optional(number * factor) : std::nullopt;
}

bool isWildcard(const QString& word)
{
    return std::any_of(word.begin(), word.end(), [](QChar c) { return u"*?[{"_s.contains(c); });
}

struct Token {
    enum class Kind { Word, Operator, And, Or, Not, Open, Close };
    Kind kind;
    QString text;
};

/// Brackets and braces belong to globs: what is in them is not looked at.
std::vector<Token> tokensOf(const QString& text)
{
    std::vector<Token> tokens;
    const auto special = [](QChar c) { return c.isSpace() || u"()<>=!&|"_s.contains(c); };
    for (qsizetype i = 0; i < text.size();) {
        const QChar c = text[i];
        const QChar next = i + 1 < text.size() ? text[i + 1] : QChar();
        if (c.isSpace()) {
            ++i;
        } else if (c == u'(' || c == u')') {
            tokens.push_back({c == u'(' ? Token::Kind::Open : Token::Kind::Close, c});
            ++i;
        } else if (c == u'&' || c == u'|') {
            tokens.push_back({c == u'&' ? Token::Kind::And : Token::Kind::Or, c});
            i += next == c ? 2 : 1;
        } else if (c == u'<' || c == u'>' || c == u'=' || (c == u'!' && next == u'=')) {
            const bool two = next == u'=';
            tokens.push_back({Token::Kind::Operator, text.mid(i, two ? 2 : 1)});
            i += two ? 2 : 1;
        } else if (c == u'!') {
            tokens.push_back({Token::Kind::Not, c});
            ++i;
        } else {
            qsizetype end = i;
            int depth = 0;
            while (end < text.size() && (!special(text[end]) || (depth > 0 && !text[end].isSpace()))) {
                if (text[end] == u'[' || text[end] == u'{')
                    ++depth;
                else if (text[end] == u']' || text[end] == u'}')
                    depth = std::max(0, depth - 1);
                ++end;
            }
            const QString word = text.mid(i, end - i), lower = word.toLower();
            const Token::Kind kind = lower == u"and"_s ? Token::Kind::And : lower == u"or"_s ? Token::Kind::Or : lower == u"not"_s ? Token::Kind::Not : Token::Kind::Word;
            tokens.push_back({kind, word});
            i = end;
        }
    }
    return tokens;
}

/// Recursive descent: or of ands of nots of terms.
class Parser {
public:
    explicit Parser(const QString& text) : m_tokens(tokensOf(text)) {}

    Term parse()
    {
        if (m_tokens.empty())
            return {};
        Term term = anyOf();
        if (!done() && m_error.isEmpty())
            m_error = Texts::tr("There is a \")\" without its \"(\".");
        return term;
    }
    QString error() const { return m_error; }
    /// The only name pattern when there is nothing else.
    QString glob() const { return m_tokens.size() == 1 ? m_lastGlob : QString(); }

private:
    bool done() const { return m_at >= m_tokens.size(); }
    bool take(Token::Kind kind)
    {
        if (done() || m_tokens[m_at].kind != kind)
            return false;
        ++m_at;
        return true;
    }
    Term fail(const QString& sentence)
    {
        if (m_error.isEmpty())
            m_error = sentence;
        m_at = m_tokens.size();
        return [](const Row&) { return true; };
    }

    Term anyOf()
    {
        std::vector<Term> terms{allOf()};
        while (take(Token::Kind::Or))
            terms.push_back(allOf());
        if (terms.size() == 1)
            return terms.front();
        return [terms](const Row& row) { return std::any_of(terms.begin(), terms.end(), [&row](const Term& term) { return term(row); }); };
    }

    Term allOf()
    {
        std::vector<Term> terms{negated()};
        while (take(Token::Kind::And) || (!done() && m_tokens[m_at].kind != Token::Kind::Or && m_tokens[m_at].kind != Token::Kind::Close))
            terms.push_back(negated());
        if (terms.size() == 1)
            return terms.front();
        return [terms](const Row& row) { return std::all_of(terms.begin(), terms.end(), [&row](const Term& term) { return term(row); }); };
    }

    Term negated()
    {
        if (take(Token::Kind::Not)) {
            const Term term = negated();
            return [term](const Row& row) { return !term(row); };
        }
        if (take(Token::Kind::Open)) {
            Term term = anyOf();
            if (!take(Token::Kind::Close))
                return fail(Texts::tr("There is a \"(\" without its \")\"."));
            return term;
        }
        if (done())
            return fail(Texts::tr("Something is missing at the end."));
        const Token token = m_tokens[m_at++];
        if (token.kind != Token::Kind::Word)
            return fail(Texts::tr("Something is missing before \"%1\".").arg(token.text));
        if (!done() && m_tokens[m_at].kind == Token::Kind::Operator)
            return condition(token.text.toLower(), m_tokens[m_at++].text);
        if (Term flag = flagOf(token.text.toLower()))
            return flag;
        return name(token.text);
    }

    Term condition(const QString& column, const QString& op)
    {
        const QString named = column == u"w"_s ? u"bits"_s : column == u"a"_s ? u"activations"_s : column;   // as the headers have them
        const NumberColumn* number = columnNamed(numberColumns(), named);
        const TextColumn* text = columnNamed(textColumns(), named);
        if (!number && !text)
            return fail(Texts::tr("There is no column \"%1\"; there are %2.").arg(column, columnNames()));
        if (done() || m_tokens[m_at].kind != Token::Kind::Word)
            return fail(Texts::tr("\"%1 %2\" is compared with nothing.").arg(column, op));
        const QString wanted = m_tokens[m_at++].text;
        if (text) {
            if (op != u"="_s && op != u"=="_s && op != u"!="_s)
                return fail(Texts::tr("\"%1\" is text: compare it by = or !=.").arg(column));
            if (const std::string problem = globProblem(wanted.toStdString()); !problem.empty())
                return fail(Texts::tr("\"%1\" %2.").arg(wanted, QString::fromStdString(problem)));
            return [text = text->of, equal = op != u"!="_s, pattern = wanted.toLower().toStdString()](const Row& row) {
                return globMatches(pattern, text(row).toLower().toStdString()) == equal;
            };
        }
        const std::optional<double> value = parseNumber(wanted);
        if (!value)
            return fail(Texts::tr("\"%1\" is compared with \"%2\", which is no number.").arg(column, wanted));
        return [number = number->of, op, value = *value](const Row& row) {
            const std::optional<double> has = number(row);
            return has && holds(*has, op, value);
        };
    }

    Term name(const QString& word)
    {
        // Without wildcards the word may stand anywhere in the name.
        if (!isWildcard(word)) {
            m_lastGlob = u'*' + word + u'*';
            return [word](const Row& row) { return row.name.contains(word); };
        }
        if (const std::string problem = globProblem(word.toStdString()); !problem.empty())
            return fail(Texts::tr("\"%1\" %2.").arg(word, QString::fromStdString(problem)));
        m_lastGlob = word;
        return [pattern = word.toStdString()](const Row& row) { return globMatches(pattern, row.name.toStdString()); };
    }

    std::vector<Token> m_tokens;
    std::size_t m_at = 0;
    QString m_error, m_lastGlob;
};

} // namespace

LayersFilter LayersFilter::parse(const QString& text)
{
    LayersFilter filter;
    Parser parser(text);
    Term term = parser.parse();
    filter.m_error = parser.error();
    if (filter.m_error.isEmpty()) {
        filter.m_term = std::move(term);
        filter.m_glob = parser.glob();
    }
    return filter;
}

} // namespace halftone
