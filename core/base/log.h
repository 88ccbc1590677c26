#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace halftone {

enum class LogLevel { Debug, Info, Warning, Error };

/// Core never prints: it logs through one sink. Default: dropped.
void log(LogLevel level, std::string_view message);
/// Replaces the sink (thread-safe) and returns the old one.
using LogSink = std::function<void(LogLevel, std::string_view)>;
LogSink setLogSink(LogSink sink);

} // namespace halftone
