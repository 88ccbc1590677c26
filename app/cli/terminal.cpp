#include "app/cli/terminal.h"

#include "app/process_guard.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/shown_text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <iostream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace halftone::cli {

namespace {

constexpr int kBarWidth = 28;
constexpr std::size_t kCellBytes = 200, kDetailBytes = 60;   ///< of a table, beside the bar
constexpr std::size_t kOutputBytes = 4000;   ///< of what is printed at once

std::string duration(double seconds)
{
    const auto whole = static_cast<long>(seconds + 0.5);
    char text[32];
    if (whole >= 3600)
        std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
    return text;
}

/// Width on a terminal: code points, which is right for what we print.
std::size_t width(const std::string& text)
{
    std::size_t n = 0;
    for (const char c : text)
        n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return n;
}

/// A whole number of 64 bits without a sign, `unit` after it where one may stand; the parser itself would wrap a minus sign round, cut long numbers off
/// and read a leading zero as octal.
CLI::Validator unsignedNumber(bool unit)
{
    return CLI::Validator([unit](std::string& text) {
        std::uint64_t value = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
        const std::string rest(read.ptr, static_cast<std::size_t>(text.data() + text.size() - read.ptr));
        if (read.ec != std::errc() || (!unit && !rest.empty()))
            return "\"" + text + "\" is no whole number from 0 to 18446744073709551615";
        text = std::to_string(value) + rest;
        return std::string();
    }, "");
}

/// errno of the first write to standard output that failed; 0: none has.
int gOutputError = 0;

/// To be called right after a write.
void keepOutputError()
{
    if (gOutputError == 0 && (std::ferror(stdout) != 0 || !std::cout))
        gOutputError = errno != 0 ? errno : EIO;
}

std::stop_source& stopSource()
{
    static std::stop_source source;
    return source;
}

} // namespace

void Common::addTo(CLI::App& command, bool compute)
{
    command.add_flag("--json", json, "print exactly one JSON document on stdout");
    command.add_flag("-q,--quiet", quiet, "no progress on stderr");
    if (!compute)
        return;
    command.add_option("--threads", threads, "threads to compute with (default: all cores)")->check(CLI::Range(1, 1024));
    command.add_option("--device", device, "cpu, or cuda:N where the command can use it (evaluate)")->capture_default_str();
    command.add_option("--memory-budget", memoryBudget, "bytes that streams may use before they go to disk (1G, 500M, …)")->transform(CLI::AsSizeValue(false))
        ->transform(unsignedNumber(true));   // the last one added goes first
    command.add_option("--seed", seed, "seed of everything random")->transform(unsignedNumber(false))->capture_default_str();
}

ComputeOptions Common::options() const
{
    return {Device::parse(device), threads, memoryBudget, seed};
}

ComputeOptions Common::cpuOptions(std::string_view command) const
{
    const ComputeOptions chosen = options();
    requireCpu(chosen, command);
    return chosen;
}

TerminalProgress::TerminalProgress(bool quiet) : m_quiet(quiet), m_terminal(::isatty(STDERR_FILENO) == 1) {}

TerminalProgress::~TerminalProgress() { endLine(); }

void TerminalProgress::endLine()
{
    if (m_open)
        std::fputc('\n', stderr);
    m_open = false;
}

void TerminalProgress::begin(std::string_view phase, std::int64_t total, std::string_view unit, std::int64_t parts)
{
    if (m_quiet)
        return;
    endLine();
    m_phase = shownText(phase, kDetailBytes);
    m_detail.clear();
    m_unit = unit;
    m_total = total;
    m_parts = std::max<std::int64_t>(1, parts);
    m_done = 0;
    m_start = m_drawn = std::chrono::steady_clock::now();
    if (!m_terminal)
        std::fprintf(stderr, "%s …\n", m_phase.c_str());
    else
        draw(false);
}

void TerminalProgress::update(std::int64_t done, std::string_view detail)
{
    if (m_quiet || !m_terminal)
        return;
    m_done = done;
    if (!detail.empty())
        m_detail = shownText(detail, kDetailBytes);
    const auto now = std::chrono::steady_clock::now();
    if (done < m_total && now - m_drawn < std::chrono::milliseconds(100))
        return;
    m_drawn = now;
    draw(done >= m_total);
}

std::string progressCount(std::int64_t done, std::int64_t total, std::int64_t parts, std::string_view unit)
{
    std::string count = fixedText(std::floor(10 * static_cast<double>(done) / static_cast<double>(parts)) / 10, parts > 1 ? 1 : 0);
    if (total > 0)
        count += " of " + std::to_string(total / parts);
    return count + " " + std::string(unit);
}

void TerminalProgress::draw(bool last)
{
    const double share = m_total > 0 ? std::min(1.0, static_cast<double>(m_done) / static_cast<double>(m_total)) : 0;
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
    std::string bar;
    for (int i = 0; i < kBarWidth; ++i)
        bar += i < static_cast<int>(share * kBarWidth + 0.5) ? "█" : "░";
    const std::string time = share > 0.01 && !last ? duration(elapsed / share - elapsed) + " left" : duration(elapsed);
    std::fprintf(stderr, "\r\033[K%-12s %s %s  %s  %s", m_phase.c_str(), bar.c_str(),
                 progressCount(m_done, m_total, m_parts, m_unit).c_str(), time.c_str(), m_detail.c_str());
    m_open = true;
    if (last)
        endLine();
    std::fflush(stderr);
}

void TerminalProgress::note(std::string_view sentence)
{
    if (m_quiet)
        return;
    if (m_open)
        std::fputs("\r\033[K", stderr);
    std::fprintf(stderr, "note: %s\n", shownText(sentence).c_str());
    m_open = false;
}

void print(const char* format, ...)
{
    std::va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    va_end(arguments);
    std::string text(static_cast<std::size_t>(std::max(0, length)) + 1, '\0');
    std::vsnprintf(text.data(), text.size(), format, again);
    va_end(again);
    text.pop_back();
    std::fputs(shownText(text, kOutputBytes, true).c_str(), stdout);
    keepOutputError();
}

int finishOutput()
{
    std::fflush(stdout);
    keepOutputError();
    if (gOutputError == 0 || gOutputError == EPIPE)   // "| head": it has what it wanted
        return 0;
    complain("halftone-cli: standard output could not be written: " + std::generic_category().message(gOutputError) + "; what was printed is not whole");
    return exitCode(ErrorKind::Io);
}

void complain(const std::string& sentence)
{
    std::fprintf(stderr, "%s\n", shownText(sentence).c_str());
}

bool confirm(const std::string& question)
{
    std::fprintf(stderr, "%s [y/N] ", shownText(question).c_str());
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

void printJson(const Json& json)
{
    std::cout << shownJson(json.dump(2, ' ', false, Json::error_handler_t::replace)) << '\n' << std::flush;
    keepOutputError();
}

void printTable(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& cells)
{
    std::vector<std::vector<std::string>> rows = cells;
    for (auto& row : rows)
        for (std::string& cell : row)
            cell = shownText(cell, kCellBytes);
    std::vector<std::size_t> widths;
    for (const std::string& cell : head)
        widths.push_back(width(cell));
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], width(row[i]));
    auto line = [&](const std::vector<std::string>& row) {
        std::string text;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string space(widths[i] - width(row[i]), ' ');
            text += i == 0 ? row[i] + space : "  " + space + row[i];
        }
        std::cout << text << '\n';
    };
    line(head);
    for (const auto& row : rows)
        line(row);
    std::cout << std::flush;
    keepOutputError();
}

std::string number(double value, int significant)
{
    return numberText(value, significant);
}

std::string bytesText(std::uint64_t bytes)
{
    constexpr const char* kUnits[]{"B", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    int unit = 0;
    for (; value >= 1000 && unit < 4; ++unit)
        value /= 1000;
    return number(value, unit == 0 ? 4 : 3) + " " + kUnits[unit];
}

std::stop_token stopOnSignals()
{
    // A signal may not touch a stop_source: a thread of its own does, woken through a pipe.
    static const bool installed = [] {
        std::array<int, 2> pipe{-1, -1};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
            return false;   // then the first signal ends the program at once, which leaves what is on disk valid too
        try {
            std::thread([from = pipe[0], source = stopSource()]() mutable {
                char byte = 0;
                while (::read(from, &byte, 1) < 0 && errno == EINTR) {}
                source.request_stop();
            }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        wakeOnFirstSignal(pipe[1]);
        return true;
    }();
    (void)installed;
    return stopSource().get_token();
}

} // namespace halftone::cli
