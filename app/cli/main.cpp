#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/base/log.h"

#include <csignal>
#include <cstdio>
#include <new>

int main(int argc, char** argv)
{
    using namespace halftone;
    std::signal(SIGXFSZ, SIG_IGN);   // a file-size limit is a full disk to us: an error, not a death
    std::signal(SIGPIPE, SIG_IGN);
    setLogSink([](LogLevel level, std::string_view message) {
        if (level >= LogLevel::Warning)
            std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
    });

    CLI::App program{"Halftone: post-training quantization of large language models, without a display", "halftone-cli"};
    program.require_subcommand(1);
    program.set_version_flag("--version", HALFTONE_VERSION);
    cli::addModelCommands(program);
    cli::addJobCommands(program);
    cli::addRecipeCommands(program);
    cli::addStudyCommand(program);
#ifdef HALFTONE_STUDIO
    cli::addPlotCommand(program);
#endif
    try {
        program.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& e) {
        const int code = program.exit(e);
        return code == 0 ? 0 : 2;
    } catch (const Cancelled&) {
        std::fprintf(stderr, "\ncancelled; what is on disk is whole, and the same command with --resume goes on\n");
        return 130;
    } catch (const Error& e) {
        std::fprintf(stderr, "\nhalftone-cli: %s\n", withoutRules(e.what()).c_str());
        return exitCode(e.kind());
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr, "\nhalftone-cli: out of memory\n");
        return 4;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "\nhalftone-cli: internal error: %s\n", e.what());
        return 1;
    }
}
