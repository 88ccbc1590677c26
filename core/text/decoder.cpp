#include "core/text/decoder.h"

#include "core/base/error.h"
#include "core/text/byte_level.h"
#include "core/text/json_fields.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"
#include "core/text/vocabulary.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace halftone {

namespace {

using Tokens = std::vector<std::string>;

void decodeByteLevel(Tokens& tokens)
{
    std::string bytes;
    for (const std::string& token : tokens)
        bytes += byte_level::unmapped(token).value_or(token);
    tokens = {unicode::repaired(bytes)};
}

void decodeByteFallback(Tokens& tokens)
{
    Tokens out;
    std::string bytes;
    const auto flush = [&] {
        if (bytes.empty())
            return;
        if (unicode::validPrefix(bytes) == bytes.size())
            out.push_back(bytes);
        else
            out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
        bytes.clear();
    };
    for (const std::string& token : tokens) {
        if (const int byte = byteOfToken(token); byte >= 0) {
            bytes += static_cast<char>(byte);
            continue;
        }
        flush();
        out.push_back(token);
    }
    flush();
    tokens = std::move(out);
}

std::string replacedAll(std::string_view text, std::string_view what, std::string_view by, Decoder::Growth& growth)
{
    std::string out;
    for (std::size_t at = 0;;) {
        const std::size_t found = text.find(what, at);
        growth.add(text.substr(at, found - at), out);
        if (found == std::string_view::npos)
            return out;
        growth.add(by, out);
        at = found + what.size();
    }
}

std::string replacedAll(std::string_view text, const Regex& what, std::string_view by, Decoder::Growth& growth)
{
    std::string out;
    std::size_t at = 0;
    for (const auto& [begin, end] : what.all(text, growth.budget())) {
        growth.add(text.substr(at, begin - at), out);
        growth.add(by, out);
        at = end;
    }
    growth.add(text.substr(at), out);
    return out;
}

/// BERT's: tokens that go on, by their prefix, stand without a space before them; with `cleanup` signs move to the word before.
void decodeWordPiece(Tokens& tokens, std::string_view prefix, bool cleanup, Decoder::Growth& growth)
{
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kSigns{{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
                                                                                          {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}};
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        std::string& token = tokens[i];
        if (i > 0)
            token = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
        if (cleanup)
            for (const auto& [what, by] : kSigns)
                token = replacedAll(token, what, by, growth);
    }
}

void strip(std::string& token, std::string_view content, std::size_t start, std::size_t stop)
{
    std::string_view view = token;
    for (std::size_t i = 0; i < start && view.starts_with(content); ++i)
        view.remove_prefix(content.size());
    for (std::size_t i = 0; i < stop && view.ends_with(content); ++i)
        view.remove_suffix(content.size());
    token = std::string(view);
}

std::size_t count(const Json& description, const char* key, std::string_view subject)
{
    const Json& v = fields::member(description, key);
    if (!v.is_number_integer() || v.get<std::int64_t>() < 0 || v.get<std::int64_t>() > 1000)
        fields::refuse(subject, key, "a number in 0…1000");
    return v.get<std::size_t>();
}

} // namespace

int byteOfToken(std::string_view token)
{
    int value = -1;
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
        return -1;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
    return error == std::errc() && end == token.data() + 5 ? value : -1;
}

std::string shownBytes(std::string_view bytes)
{
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t good = unicode::validPrefix(bytes, at);
        out += bytes.substr(at, good);
        at += good;
        if (at < bytes.size()) {
            std::array<char, 8> name{};
            std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<unsigned>(static_cast<unsigned char>(bytes[at])));
            out += name.data();
            ++at;
        }
    }
    return out;
}

Decoder::Decoder(const Json& description, std::string_view subject)
    : m_subject(subject)
{
    if (description.is_null())
        m_steps.emplace_back([](Tokens& tokens, Growth&) {
            std::string out;
            for (const std::string& token : tokens)
                out += (out.empty() ? "" : " ") + token;
            tokens = {out};
        });
    else
        add(description, subject, 0);
}

void Decoder::add(const Json& description, std::string_view subject, int depth)
{
    fields::object(description, "decoder", subject);
    const std::string type = fields::text(description, "type", subject);
    if (type == "Sequence" && depth < 8) {
        for (const Json& step : fields::list(description, "decoders", subject))
            add(step, subject, depth + 1);
    } else if (type == "ByteLevel") {
        m_byteLevel = true;
        m_steps.emplace_back([](Tokens& tokens, Growth&) { decodeByteLevel(tokens); });
    } else if (type == "ByteFallback") {
        m_steps.emplace_back([](Tokens& tokens, Growth&) { decodeByteFallback(tokens); });
    } else if (type == "Fuse") {
        m_steps.emplace_back([](Tokens& tokens, Growth&) {
            std::string out;
            for (const std::string& token : tokens)
                out += token;
            tokens = {out};
        });
    } else if (type == "Strip") {
        const std::string content = fields::text(description, "content", subject);
        if (content.empty())
            fields::refuse(subject, "content", "one character");
        const std::size_t start = count(description, "start", subject), stop = count(description, "stop", subject);
        m_steps.emplace_back([=](Tokens& tokens, Growth&) {
            for (std::string& token : tokens)
                strip(token, content, start, stop);
        });
    } else if (type == "Replace") {
        const Json& pattern = fields::object(fields::member(description, "pattern"), "pattern", subject);
        const std::string by = fields::text(description, "content", subject);
        if (!pattern.contains("String")) {
            const Regex regex(fields::text(pattern, "Regex", subject), subject);
            m_steps.emplace_back([=](Tokens& tokens, Growth& growth) {
                for (std::string& token : tokens)
                    token = replacedAll(token, regex, by, growth);
            });
            return;
        }
        const std::string what = fields::text(pattern, "String", subject);
        if (what.empty())
            fields::refuse(subject, "pattern", "a string with characters");
        m_steps.emplace_back([=](Tokens& tokens, Growth& growth) {
            for (std::string& token : tokens)
                token = replacedAll(token, what, by, growth);
        });
    } else if (type == "Metaspace") {
        const std::string mark = fields::text(description, "replacement", subject);
        if (mark.empty())
            fields::refuse(subject, "replacement", "one character");
        const Json& given = fields::member(description, "prepend_scheme");
        const bool never = (given.is_string() && given.get<std::string>() == "never")
            || !fields::flag(description, "add_prefix_space", true, subject);
        m_steps.emplace_back([=](Tokens& tokens, Growth& growth) {
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = replacedAll(tokens[i], mark, i == 0 && !never ? "" : " ", growth);
        });
    } else if (type == "WordPiece") {
        const std::string prefix = fields::text(description, "prefix", subject);
        const bool cleanup = fields::flag(description, "cleanup", true, subject);
        m_steps.emplace_back([=](Tokens& tokens, Growth& growth) { decodeWordPiece(tokens, prefix, cleanup, growth); });
    } else if (type == "BPEDecoder") {
        const std::string suffix = fields::text(description, "suffix", subject);
        if (suffix.empty())
            fields::refuse(subject, "suffix", "a string with characters");
        m_steps.emplace_back([=](Tokens& tokens, Growth& growth) {
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = replacedAll(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ", growth);
        });
    } else {
        throw Error(ErrorKind::Unsupported, std::string(subject) + ": the decoder \"" + printable(type) + "\" is not known.", std::string(subject));
    }
}

std::string Decoder::decode(std::vector<std::string> tokens) const
{
    std::size_t bytes = 0;
    for (const std::string& token : tokens)
        bytes += token.size() + 1;
    const TextBudget budget(bytes);
    for (const auto& step : m_steps) {
        Growth growth(budget, m_subject);
        step(tokens, growth);
        budget.check(m_subject, "decoder");
    }
    std::string out;
    for (const std::string& token : tokens)
        out += token;
    return out;
}

} // namespace halftone
