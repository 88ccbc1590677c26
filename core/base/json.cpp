#include "core/base/json.h"

#include "core/base/error.h"
#include "core/base/file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace halftone {

namespace {

/// Tells how far the lexer has read, since its callbacks do not.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** furthest)
        : m_at(at)
        , m_furthest(furthest)
    {
    }
    reference operator*() const { return *m_at; }
    CountingIterator& operator++()
    {
        *m_furthest = ++m_at;
        return *this;
    }
    friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.m_at == b.m_at; }
    friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return a.m_at != b.m_at; }

private:
    const char* m_at;
    const char** m_furthest;
};

[[noreturn]] void refuse(std::string_view text, std::string_view subject, std::size_t at, const JsonRefusal& refusal)
{
    at = std::min(at, text.size());
    std::size_t line = 1;
    std::size_t lineStart = 0;
    for (std::size_t i = 0; i + 1 < at; ++i) // the byte at fault is the last one read
        if (text[i] == '\n') {
            ++line;
            lineStart = i + 1;
        }
    throw Error(ErrorKind::BadFile,
                std::string(subject) + ": line " + std::to_string(line) + ", column " + std::to_string(std::max<std::size_t>(at - lineStart, 1))
                    + ": " + refusal.sentence + " (" + refusal.rule + ").",
                std::string(subject));
}

/// Python's words for numbers that are not finite. The lexer knows none of them, so each goes past it as a string that begins with this mark.
constexpr std::string_view kMark = "\x01halftone number ";
struct Word {
    std::string_view text;
    char letter;
    double number;
};
constexpr std::array kWords = {
    Word{"Infinity", 'I', std::numeric_limits<double>::infinity()},
    Word{"-Infinity", 'M', -std::numeric_limits<double>::infinity()},
    Word{"NaN", 'N', std::numeric_limits<double>::quiet_NaN()},
};

double wordNumber(char letter)
{
    const auto word = std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.letter == letter; });
    return word == kWords.end() ? std::numeric_limits<double>::quiet_NaN() : word->number;
}

/// The text with such words, outside strings, behind the mark. @return empty when there are none, as nearly always.
std::string withMarkedWords(std::string_view text)
{
    std::string out;
    std::size_t copied = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (quoted || c == '"') {
            if (c == '"')
                quoted = !quoted;
            i += c == '\\' ? 2 : 1;
            continue;
        }
        const auto word = c != 'I' && c != 'N' && c != '-'
            ? kWords.end()
            : std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return text.substr(i).starts_with(w.text); });
        if (word == kWords.end()) {
            ++i;
            continue;
        }
        out.append(text.substr(copied, i - copied)).append("\"\\u0001").append(kMark.substr(1)).append({word->letter, '"'});
        i += word->text.size();
        copied = i;
    }
    if (copied > 0)
        out.append(text.substr(copied));
    return out;
}

/// Forwards nlohmann's events to a handler of ours, which is a JsonVisitor or a tree builder; counts the depth.
template <typename Handler>
class Sax {
public:
    Sax(Handler& handler, const JsonLimits& limits)
        : m_handler(handler)
        , m_limits(limits)
    {
    }

    bool null() { return value(nullptr); }
    bool boolean(bool v) { return value(v); }
    bool number_integer(Json::number_integer_t v) { return value(v); }
    bool number_unsigned(Json::number_unsigned_t v) { return value(v); }
    bool number_float(Json::number_float_t v, const std::string&) { return value(v); }
    bool string(std::string& v)
    {
        if (m_limits.python && v.size() == 1 + kMark.size() && v.starts_with(kMark))
            return value(wordNumber(v.back()));
        return value(std::move(v));
    }
    bool binary(Json::binary_t&) { return false; }
    bool start_object(std::size_t)
    {
        enter();
        m_handler.beginObject();
        return true;
    }
    bool key(std::string& name)
    {
        m_handler.key(std::move(name));
        return true;
    }
    bool end_object()
    {
        --m_depth;
        m_handler.endObject();
        return true;
    }
    bool start_array(std::size_t)
    {
        enter();
        m_handler.beginArray();
        return true;
    }
    bool end_array()
    {
        --m_depth;
        m_handler.endArray();
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const Json::exception& e)
    {
        std::string_view what = e.what();
        if (const auto at = what.find("syntax error"); at != std::string_view::npos)
            what.remove_prefix(at);
        else if (const auto bracket = what.find("] "); bracket != std::string_view::npos)
            what.remove_prefix(bracket + 2);
        throw JsonRefusal{printable(what, 240), "E-R11"};
    }

private:
    template <typename V>
    bool value(V&& v)
    {
        count();
        m_handler.value(std::forward<V>(v));
        return true;
    }
    void enter()
    {
        count();
        if (++m_depth > m_limits.depth)
            throw JsonRefusal{"arrays and objects are nested more than " + std::to_string(m_limits.depth) + " deep", "E-R04"};
    }
    void count()
    {
        if (++m_values > m_limits.values)
            throw JsonRefusal{"there are more than " + std::to_string(m_limits.values) + " values, which is the most that is read of such a file", "E-R04"};
    }

    Handler& m_handler;
    JsonLimits m_limits;
    std::uint64_t m_values = 0;
    int m_depth = 0;
};

template <typename Handler>
void parse(std::string_view text, std::string_view subject, Handler& handler, const JsonLimits& limits)
{
    if (text.size() > limits.bytes)
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the JSON text has " + std::to_string(text.size()) + " bytes; at most "
                        + std::to_string(limits.bytes) + " are allowed (E-R04).",
                    std::string(subject));
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) // the lexer would take it for the end
        refuse(text, subject, nul + 1, {"a NUL byte stands in the JSON text", "E-R11"});
    const std::string marked = limits.python ? withMarkedWords(text) : std::string();
    if (!marked.empty())
        text = marked;
    const char* furthest = text.data();
    Sax<Handler> sax(handler, limits);
    const CountingIterator begin(text.data(), &furthest);
    const CountingIterator end(text.data() + text.size(), &furthest);
    try {
        Json::sax_parse(begin, end, &sax);
    } catch (const JsonRefusal& refusal) {
        refuse(text, subject, static_cast<std::size_t>(furthest - text.data()), refusal);
    }
}

/// Builds the tree with a stack of our own. Of ordered objects the names are kept in a set: they would look through all of them for each key.
template <typename Tree>
class TreeBuilder {
public:
    explicit TreeBuilder(bool lastKeyCounts)
        : m_lastKeyCounts(lastKeyCounts)
    {
    }
    template <typename V>
    void value(V&& v)
    {
        place(Tree(std::forward<V>(v)));
    }
    void beginObject() { open(Tree::object()); }
    void beginArray() { open(Tree::array()); }
    void endObject() { m_open.pop_back(); }
    void endArray() { m_open.pop_back(); }
    void key(std::string name)
    {
        if (stands(name) && !m_lastKeyCounts)
            throw JsonRefusal{"the key \"" + printable(name) + "\" stands twice in one object", "E-R11"};
        m_key = std::move(name);
    }

    Tree root;

private:
    struct Frame {
        Tree* node;
        std::unordered_set<std::string> names;
    };

    /// Notes the name where the object does not find names by itself.
    bool stands(const std::string& name)
    {
        Frame& frame = m_open.back();
        if constexpr (std::is_same_v<Tree, OrderedJson>)
            return !frame.names.insert(name).second;
        else
            return frame.node->contains(name);
    }
    Tree* place(Tree&& v)
    {
        if (m_open.empty()) {
            root = std::move(v);
            return &root;
        }
        Tree& parent = *m_open.back().node;
        if (parent.is_array()) {
            parent.push_back(std::move(v));
            return &parent.back();
        }
        auto& object = parent.template get_ref<typename Tree::object_t&>();
        if constexpr (std::is_same_v<Tree, OrderedJson>) {
            const auto twice = m_lastKeyCounts ? std::find_if(object.begin(), object.end(), [&](const auto& entry) { return entry.first == m_key; }) : object.end();
            if (twice != object.end()) {
                twice->second = std::move(v);
                return &twice->second;
            }
            object.emplace_back(std::move(m_key), std::move(v));
            return &object.back().second;
        } else {
            return &object.insert_or_assign(std::move(m_key), std::move(v)).first->second;
        }
    }
    void open(Tree&& v) { m_open.push_back({place(std::move(v)), {}}); }

    std::vector<Frame> m_open;
    std::string m_key;
    bool m_lastKeyCounts;
};

} // namespace

Json parseJson(std::string_view text, std::string_view subject, const JsonLimits& limits)
{
    TreeBuilder<Json> builder(limits.python);
    parse(text, subject, builder, limits);
    return std::move(builder.root);
}

OrderedJson parseOrderedJson(std::string_view text, std::string_view subject, const JsonLimits& limits)
{
    TreeBuilder<OrderedJson> builder(limits.python);
    parse(text, subject, builder, limits);
    return std::move(builder.root);
}

Json readJsonFile(const std::filesystem::path& path, const JsonLimits& limits)
{
    return parseJson(readTextFile(path, limits.bytes), path.string(), limits);
}

namespace {

Json withMarkedNumbers(const Json& value)
{
    Json out = value;
    if (value.is_structured())
        for (Json& item : out)
            item = withMarkedNumbers(item);
    else if (value.is_number_float() && !std::isfinite(value.get<double>()))
        for (const Word& word : kWords)
            if (word.number == value.get<double>() || (std::isnan(word.number) && std::isnan(value.get<double>())))
                out = std::string(kMark) + word.letter;
    return out;
}

} // namespace

std::string pythonJson(const Json& value, int indent)
{
    std::string text = withMarkedNumbers(value).dump(indent, ' ', false, Json::error_handler_t::replace);
    for (const Word& word : kWords) {
        const std::string marked = "\"\\u0001" + std::string(kMark.substr(1)) + word.letter + '"';
        for (std::size_t at = text.find(marked); at != std::string::npos; at = text.find(marked, at))
            text.replace(at, marked.size(), word.text);
    }
    return text;
}

void visitJson(std::string_view text, std::string_view subject, JsonVisitor& visitor, const JsonLimits& limits)
{
    parse(text, subject, visitor, limits);
}

} // namespace halftone
