// Errors in three kinds that are never mixed, plus io and remote for the world outside.
//
//   user_error("--threads: got {}, allowed 1 to {}", got, kMaxThreads);   // exit 2, one line
//   data_error("{}:{}: not a JSON object", path, line);                   // counted, or ends a
//   --strict run TPT_CHECK(spans.size() == rows.size());                               // our bug:
//   file and line
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace tpt {

enum class ErrorKind {
  user,    // a mistake in flags, recipe or paths: say what was given and what is allowed
  data,    // a bad item in the data: named with its place, counted
  io,      // the disk or the operating system refused
  remote,  // an endpoint refused or answered nonsense
  bug      // our own invariant broke
};

// The one exception of the project. The message says what was expected, what came, and what to try
// next.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// Thrown where a long step was asked to stop; the work done so far is safe and the step can be run
// again.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <typename... Args>
[[noreturn]] void user_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::user, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void data_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void io_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::io, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void remote_error(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::remote, fmt::format(format, std::forward<Args>(args)...));
}

// Throws Error(bug) naming the broken condition with its file and line. Use TPT_CHECK.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& detail);

}  // namespace tpt

#define TPT_CHECK(condition, ...)                                                 \
  do {                                                                            \
    if (!(condition)) {                                                           \
      ::tpt::check_failed(#condition, __FILE__, __LINE__,                         \
                          std::string("") __VA_OPT__(+fmt::format(__VA_ARGS__))); \
    }                                                                             \
  } while (false)
