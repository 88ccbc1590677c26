#include "core/text/text_choice.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <system_error>

namespace halftone {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxFiles = 10'000;
constexpr int kMaxFolders = 16;                              ///< one inside another
constexpr JsonLimits kRowLimits{16u << 20, 32, 100'000};
constexpr JsonLimits kTableLimits{256u << 20, 32, 4'000'000};
constexpr std::string_view kField = "field:";
constexpr std::string_view kEscaped = "\\; f";   // what may follow a backslash in a line: itself, the mark between paths, a space at an end, the "f" of "field:"

[[noreturn]] void refuse(const fs::path& file, const std::string& why)
{
    throw Error(ErrorKind::BadFile, file.string() + ": " + why, file.string());
}

std::string ending(const fs::path& file)
{
    std::string text = file.extension().string();
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
    return text;
}

bool holdsRows(const fs::path& file)
{
    const std::string kind = ending(file);
    return kind == ".jsonl" || kind == ".ndjson" || kind == ".json";
}

bool isFolder(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

/// Whether a link of a folder ends inside it, or in the hub's cache that it belongs to.
bool staysInside(const fs::path& root, const fs::path& link)
{
    try {
        fileInside(root, link.lexically_relative(root).string());
        return true;
    } catch (const Error&) {
        return false;
    }
}

std::vector<fs::path> filesOf(const fs::path& folder, std::size_t& left)
{
    std::vector<fs::path> files;
    std::error_code error;
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
    for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
        const fs::path& path = at->path();
        std::error_code ignored;
        if (path.filename().string().starts_with('.')) {
            at.disable_recursion_pending();
            continue;
        }
        if (at.depth() >= kMaxFolders)
            at.disable_recursion_pending();
        const std::string kind = ending(path);
        if ((kind != ".txt" && kind != ".jsonl" && kind != ".ndjson") || !at->is_regular_file(ignored))
            continue;
        if (at->is_symlink(ignored) && !staysInside(folder, path)) {
            ++left;
            continue;
        }
        if (files.size() >= kMaxFiles)
            refuse(folder, "holds more than " + std::to_string(kMaxFiles) + " texts; name fewer.");
        files.push_back(path);
    }
    if (error)
        refuse(folder, "cannot be listed: " + error.message() + ".");
    if (files.empty())
        refuse(folder, "holds no *.txt, *.jsonl or *.ndjson file.");
    std::sort(files.begin(), files.end());
    return files;
}

/// A text put together from documents.
class Collector {
public:
    explicit Collector(const TextChoice& texts) : m_field(texts.field) {}

    void plain(const fs::path& file) { append(file, readText(file)); }

    void rows(const fs::path& file)
    {
        const std::string content = readText(file);
        std::string_view rest = content;
        if (rest.starts_with("\xEF\xBB\xBF"))
            rest.remove_prefix(3);
        m_before = m_documents;
        if (const std::size_t first = rest.find_first_not_of(" \t\r\n"); first != std::string_view::npos && rest[first] == '[' && ending(file) == ".json") {
            const Json table = parseJson(rest, file.string(), kTableLimits);
            std::size_t number = 0;
            for (const Json& row : table)
                add(file, "row " + std::to_string(++number), row);
        } else {
            for (std::size_t number = 1; !rest.empty(); ++number) {
                const std::size_t end = std::min(rest.find('\n'), rest.size());
                const std::string_view line = rest.substr(0, end);
                rest.remove_prefix(std::min(end + 1, rest.size()));
                if (line.find_first_not_of(" \t\r") == std::string_view::npos)
                    continue;
                const std::string where = "line " + std::to_string(number);
                add(file, where, parseJson(line, file.string() + ", " + where, kRowLimits));
            }
        }
        if (m_documents == m_before)
            refuse(file, "every row of it is empty.");
    }

    TextRead finish(std::size_t files)
    {
        if (files > 1)
            m_read.notes.push_back("the text was put together from " + std::to_string(files) + " files");
        if (m_rows > 0)
            m_read.notes.push_back(std::to_string(m_documents) + " of " + std::to_string(m_rows) + " rows of JSON hold text" + (m_documents < m_rows ? "; the others are empty" : ""));
        if (m_chats > 0)
            m_read.notes.push_back(std::to_string(m_chats) + " chats are written as lines \"role: content\"; the model's chat template is not applied");
        return std::move(m_read);
    }

private:
    void append(const fs::path& file, std::string_view document)
    {
        constexpr std::string_view kGap = "\n\n";
        if (m_read.text.size() + kGap.size() + document.size() > kMaxTextBytes)
            refuse(file, "with it the texts have more than " + std::to_string(kMaxTextBytes) + " bytes, which is the most that is read at once.");
        if (!m_read.text.empty())
            m_read.text += kGap;
        m_read.text += document;
    }

    void add(const fs::path& file, const std::string& where, const Json& row)
    {
        ++m_rows;
        const std::string document = documentOf(file, where, row);
        if (document.empty())
            return;
        ++m_documents;
        append(file, document);
    }

    std::string documentOf(const fs::path& file, const std::string& where, const Json& row)
    {
        if (row.is_string() && m_field.empty())
            return row.get<std::string>();
        if (!row.is_object())
            refuse(file, where + ": is " + row.type_name() + "; a JSON object is expected.");
        for (const std::string& key : m_field.empty() ? std::vector<std::string>{"text", "messages", "conversations"} : std::vector{m_field}) {
            const auto value = row.find(key);
            if (value == row.end())
                continue;
            if (value->is_string())
                return value->get<std::string>();
            if (value->is_array())
                return chat(file, where, key, *value);
            refuse(file, where + ": \"" + printable(key) + "\" is " + value->type_name() + "; a string or a list of messages is expected.");
        }
        std::string keys;
        for (const auto& [key, value] : row.items())
            if (keys.size() < 100)
                keys += (keys.empty() ? "\"" : ", \"") + printable(key, 40) + "\"";
        refuse(file, where + ": there is no \"" + (m_field.empty() ? "text" : printable(m_field)) + "\"" + (keys.empty() ? "" : ", but " + keys)
               + "; name the field that holds the text (--text-field).");
    }

    /// OpenAI's {"role", "content"} or ShareGPT's {"from", "value"}.
    std::string chat(const fs::path& file, const std::string& where, const std::string& key, const Json& messages)
    {
        std::string text;
        for (const Json& message : messages) {
            const auto part = [&](const char* one, const char* other) -> const Json* {
                if (!message.is_object())
                    return nullptr;
                const auto found = message.contains(one) ? message.find(one) : message.find(other);
                return found == message.end() ? nullptr : &*found;
            };
            const Json* role = part("role", "from");
            const Json* content = part("content", "value");
            if (role == nullptr || !role->is_string() || content == nullptr)
                refuse(file, where + ": \"" + printable(key) + "\" holds something other than messages with \"role\" and \"content\".");
            text += (text.empty() ? "" : "\n") + role->get<std::string>() + ": " + contentOf(file, where, *content);
        }
        if (!text.empty())
            ++m_chats;
        return text;
    }

    std::string contentOf(const fs::path& file, const std::string& where, const Json& content)
    {
        if (content.is_string())
            return content.get<std::string>();
        if (content.is_null())   // a call of a tool
            return {};
        std::string text;
        if (content.is_array())
            for (const Json& part : content)   // {"type": "text", "text": …}; pictures hold no text
                if (part.is_object() && part.contains("text") && part["text"].is_string())
                    text += part["text"].get<std::string>();
        if (!content.is_array())
            refuse(file, where + ": the content of a message is " + content.type_name() + "; a string is expected.");
        return text;
    }

    const std::string m_field;
    TextRead m_read;
    std::size_t m_rows = 0, m_documents = 0, m_before = 0, m_chats = 0;
};

/// A path, or a field, as a part of a line.
std::string escaped(const std::string& path)
{
    std::string made = path.starts_with(kField) ? "\\" : "";
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '\\' || path[i] == ';' || (path[i] == ' ' && (i == 0 || i + 1 == path.size())))
            made += '\\';
        made += path[i];
    }
    return made;
}

} // namespace

std::string TextChoice::name() const
{
    if (paths.empty())
        return {};
    return paths.front().string() + (paths.size() == 1 ? "" : " and " + std::to_string(paths.size() - 1) + " more");
}

std::string TextChoice::line() const
{
    if (paths.size() == 1 && field.empty() && paths.front().string().find('\\') == std::string::npos && parse(paths.front().string()) == *this)
        return paths.front().string();
    std::string line;
    for (const fs::path& path : paths)
        line += (line.empty() ? "" : "; ") + escaped(path.string());
    return field.empty() ? line : line + "; " + std::string(kField) + ' ' + escaped(field);
}

TextChoice TextChoice::absolute() const
{
    TextChoice made = *this;
    for (fs::path& path : made.paths)
        path = fs::absolute(path).lexically_normal();
    return made;
}

TextChoice TextChoice::parse(std::string_view line)
{
    TextChoice texts;
    std::error_code ignored;
    if (fs::exists(fs::path(line), ignored)) {   // a name may hold the mark itself
        texts.paths.emplace_back(line);
        return texts;
    }
    std::string part;
    std::size_t kept = 0;   // of `part`: what no trimming takes
    bool literal = false;   // its first character was escaped
    const auto end = [&] {
        part.resize(kept);
        if (!literal && part.starts_with(kField))
            texts.field = part.substr(std::min(part.find_first_not_of(' ', kField.size()), part.size()));
        else if (!part.empty())
            texts.paths.emplace_back(part);
        part.clear();
        kept = 0;
        literal = false;
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool escape = line[i] == '\\' && i + 1 < line.size() && kEscaped.find(line[i + 1]) != std::string_view::npos;
        if (escape) {
            literal = literal || part.empty();
            ++i;
        } else if (line[i] == ';') {
            end();
            continue;
        } else if (line[i] == ' ' && part.empty()) {
            continue;
        }
        part += line[i];
        if (escape || line[i] != ' ')
            kept = part.size();
    }
    end();
    return texts;
}

std::string readText(const fs::path& file)
{
    std::string text = readTextFile(file, kMaxTextBytes);
    if (text.empty())
        refuse(file, "the file is empty.");
    if (const std::size_t nul = text.find('\0'); nul != std::string::npos)
        refuse(file, "the file is binary, not text: byte " + std::to_string(nul) + " is NUL.");
    std::size_t broken = 0;
    if (unicode::validPrefix(text) != text.size())
        unicode::repaired(text, &broken);
    if (broken > text.size() / 10)
        refuse(file, "the file is binary or not in UTF-8: " + std::to_string(broken) + " of its " + std::to_string(text.size())
               + " bytes belong to no character.");
    return text;
}

TextRead readTexts(const TextChoice& texts)
{
    if (texts.empty())
        throw Error(ErrorKind::InvalidArgument, "No text is named.");
    std::vector<fs::path> files;
    std::size_t left = 0;
    for (const fs::path& path : texts.paths) {
        if (!isFolder(path)) {
            files.push_back(path);
            continue;
        }
        const std::vector<fs::path> inside = filesOf(path, left);
        files.insert(files.end(), inside.begin(), inside.end());
    }
    if (!texts.field.empty() && std::none_of(files.begin(), files.end(), holdsRows))
        refuse(files.front(), "is plain text: a field (\"" + printable(texts.field) + "\") can be named for *.jsonl, *.ndjson and *.json only.");
    Collector collector(texts);
    for (const fs::path& file : files)
        holdsRows(file) ? collector.rows(file) : collector.plain(file);
    TextRead read = collector.finish(files.size());
    if (left > 0)
        read.notes.push_back(std::to_string(left) + " links that lead out of the folder were left alone");
    return read;
}

} // namespace halftone
