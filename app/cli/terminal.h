#pragma once

#include "core/base/device.h"
#include "core/base/json.h"
#include "core/base/progress.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace halftone::cli {

/// The options that every command takes where they apply.
struct Common {
    bool json = false;
    bool quiet = false;
    std::string device = "cpu";
    int threads = 0;
    std::uint64_t memoryBudget = 0;
    std::uint64_t seed = 0;

    /// Adds --json and --quiet; `compute` adds --threads, --device, --memory-budget and --seed.
    void addTo(CLI::App& command, bool compute);
    ComputeOptions options() const;
    /// The same, for a command that computes on the CPU only: asked first, so that nothing is made before it is refused.
    ComputeOptions cpuOptions(std::string_view command) const;
};

/// A progress bar with rate and time left on stderr (a line a phase where stderr is no terminal); notes in full.
class TerminalProgress final : public Progress {
public:
    explicit TerminalProgress(bool quiet);
    ~TerminalProgress() override;
    void begin(std::string_view phase, std::int64_t total, std::string_view unit, std::int64_t parts) override;
    void update(std::int64_t done, std::string_view detail) override;
    void note(std::string_view sentence) override;

private:
    void draw(bool last);
    void endLine();
    bool m_quiet, m_terminal, m_open = false;
    std::string m_phase, m_detail, m_unit;
    std::int64_t m_total = 0, m_done = 0, m_parts = 1;
    std::chrono::steady_clock::time_point m_start, m_drawn;
};

/// "3.4 of 30 blocks" where `done` and `total` count tenths or finer `parts` of a unit, "3 of 30 windows" where they count whole ones.
std::string progressCount(std::int64_t done, std::int64_t total, std::int64_t parts, std::string_view unit);

/// printf() on stdout, without what a terminal would obey or a reader would not see (shownText()). All that the commands say goes through
/// it or the functions below, for any part of it may come from a file.
[[gnu::format(printf, 1, 2)]] void print(const char* format, ...);

/// Before main returns: what was printed is out. @return 0, or the exit code where it could not be written, and says why.
int finishOutput();

/// One sentence on stderr, likewise.
void complain(const std::string& sentence);

/// Asks on stderr, likewise, and reads the answer from stdin: whether it is yes.
bool confirm(const std::string& question);

/// One JSON document on stdout.
void printJson(const Json& json);

/// Aligned columns on stdout; the first column left, the others right.
void printTable(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

std::string number(double value, int significant = 4);
std::string bytesText(std::uint64_t bytes);   ///< "84.1 MB"

/// The stop token that SIGINT and SIGTERM set.
std::stop_token stopOnSignals();

} // namespace halftone::cli
