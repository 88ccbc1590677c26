#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "app/process_guard.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/base/log.h"
#include "core/base/shown_text.h"
#include "core/model/foreign_errors.h"

#include <cstdio>
#include <sstream>

namespace {

constexpr std::size_t kHelpBytes = 1u << 16;

/// Below the progress bar, if there is one.
int fail(const std::string& sentence, int code)
{
    std::fputc('\n', stderr);
    halftone::cli::complain("halftone-cli: " + sentence);
    return code;
}

int run(int argc, char** argv)
{
    using namespace halftone;
    setLogSink([](LogLevel level, std::string_view message) {
        if (level >= LogLevel::Warning)
            cli::complain(std::string(message));
    });

    CLI::App program{"Halftone: post-training quantization of large language models, without a display", "halftone-cli"};
    program.require_subcommand(1);
    program.set_version_flag("--version", HALFTONE_VERSION);
    cli::addModelCommands(program);
    cli::addJobCommands(program);
    cli::addRecipeCommands(program);
    cli::addRunCommand(program);
    cli::addStudyCommand(program);
#ifdef HALFTONE_STUDIO
    cli::addPlotCommand(program);
#endif
    try {
        try {
            program.parse(argc, argv);
            return 0;
        } catch (const CLI::ParseError&) {
            throw;
        } catch (...) {
            translateErrors("the command", [] { throw; });
        }
    } catch (const CLI::ParseError& e) {
        std::ostringstream said, complained;   // they may hold arguments that a shell made of file names
        const int code = program.exit(e, said, complained);
        std::fputs(shownText(said.str(), kHelpBytes, true).c_str(), stdout);
        std::fputs(shownText(complained.str(), kHelpBytes, true).c_str(), stderr);
        return code == 0 ? 0 : 2;
    } catch (const Cancelled&) {
        std::fprintf(stderr, "\ncancelled; what is on disk is whole, and the same command with --resume goes on\n");
        return 130;
    } catch (const Error& e) {
        return fail((e.kind() == ErrorKind::Internal ? "internal error: " : "") + withoutRules(e.what()), exitCode(e.kind()));
    }
    return 1;
}

} // namespace

int main(int argc, char** argv)
{
    halftone::expectNoExit();
    const int code = run(argc, argv), output = halftone::cli::finishOutput();
    halftone::endsByItself();
    return code != 0 ? code : output;
}
