#pragma once

#include <CLI/CLI.hpp>

namespace halftone::cli {

/// Each adds its subcommands to the program; a command's work is its callback.
void addModelCommands(CLI::App& program);    ///< inspect, tokenize, methods, formats, architectures
void addJobCommands(CLI::App& program);      ///< analyze, evaluate, quantize, export
void addRecipeCommands(CLI::App& program);   ///< recipe check, recipe resolve, recipe presets
void addRunCommand(CLI::App& program);       ///< run list, name, note, delete; project copy
void addStudyCommand(CLI::App& program);     ///< study: a grid of recipes as one job
#ifdef HALFTONE_STUDIO
void addPlotCommand(CLI::App& program);      ///< plot: the window's pictures as files
#endif

} // namespace halftone::cli
