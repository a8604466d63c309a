// Messages for the person who runs the program, on stderr. Results go to files or to stdout, and
// only app prints those.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace tpt {

enum class LogLevel { debug, info, warning, error };

void log_message(LogLevel level, std::string_view message);
// Messages below `level` are dropped; info is the default.
void set_log_level(LogLevel level);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tpt
