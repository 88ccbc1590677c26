#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halftone {

/// The texts that a person names: plain text files, JSON lines (*.jsonl, *.ndjson, *.json), and folders of both.
struct TextChoice {
    std::vector<std::filesystem::path> paths;
    std::string field;   ///< of a row of JSON; empty: "text", else a chat under "messages" or "conversations"

    TextChoice() = default;
    /// One path. (No template: moc does not read <concepts>.)
    TextChoice(std::filesystem::path path)
    {
        if (!path.empty())
            paths.push_back(std::move(path));
    }
    TextChoice(const std::string& path) : TextChoice(std::filesystem::path(path)) {}
    TextChoice(const char* path) : TextChoice(std::filesystem::path(path)) {}

    bool empty() const { return paths.empty(); }
    /// For messages: "a.txt", "a.txt and 2 more".
    std::string name() const;
    /// All of it in one line: paths with "; " between them, then "field: NAME". A ";" in a path has a backslash before it where the path is not alone.
    /// parse() reads it back.
    std::string line() const;
    static TextChoice parse(std::string_view line);
    /// The same with absolute paths.
    TextChoice absolute() const;
    friend bool operator==(const TextChoice&, const TextChoice&) = default;
};

/// What was read of a choice.
struct TextRead {
    std::string text;                 ///< of one plain file its bytes; else all documents, an empty line between them
    std::vector<std::string> notes;   ///< how rows of JSON were read, in sentences
};

/// Folders give their *.txt, *.jsonl and *.ndjson, folders within included, sorted by path; links that lead out of them are left alone. A chat is
/// written as lines "role: content": a model's chat template is a program, and none is run.
/// @throws Error{BadFile} naming file and line: missing, empty, binary, a row without the field, more than kMaxTextBytes in all.
TextRead readTexts(const TextChoice& texts);

/// The text of a file. @throws Error{BadFile} when empty, or binary (NUL bytes or mostly no UTF-8).
std::string readText(const std::filesystem::path& file);

} // namespace halftone
