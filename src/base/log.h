// Messages for the person who runs the program, on stderr. Results go to files or to stdout, and
// only app prints those.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>
#include <utility>

namespace tpt {

enum class LogLevel { debug, info, warning, error };

void log_message(LogLevel level, std::string_view message);
// Messages below `level` are dropped; info is the default.
void set_log_level(LogLevel level);

// Gives messages to `output` instead of stderr, each as one line without its end, until it is
// called with an empty function: for a view that has to draw around them. `output` is called from
// any thread, one at a time, and must not log.
void set_log_output(std::function<void(std::string_view)> output);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tpt
