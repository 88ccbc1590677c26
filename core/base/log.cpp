#include "core/base/log.h"

#include "core/base/shown_text.h"

#include <memory>
#include <mutex>
#include <utility>

namespace halftone {

namespace {

constexpr std::size_t kMostBytes = 2000;   ///< of a message
std::mutex g_mutex;

std::shared_ptr<LogSink>& currentSink()
{
    static std::shared_ptr<LogSink> sink;
    return sink;
}

} // namespace

void log(LogLevel level, std::string_view message)
{
    std::shared_ptr<LogSink> sink;
    {
        const std::lock_guard lock(g_mutex);
        sink = currentSink();
    }
    if (sink && *sink) // outside the lock: a sink may log itself
        (*sink)(level, shownText(message, kMostBytes));   // whatever file a part of it came from
}

LogSink setLogSink(LogSink sink)
{
    auto next = std::make_shared<LogSink>(std::move(sink));
    const std::lock_guard lock(g_mutex);
    std::swap(currentSink(), next);
    return next ? *next : LogSink();
}

} // namespace halftone
