#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace tpt {
namespace {

// To stderr, or to whoever has asked for the lines.
class RedirectableSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void redirect(std::function<void(std::string_view)> output) {
    const std::lock_guard lock(mutex_);
    output_ = std::move(output);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!output_) {
      stderr_.log(message);
      return;
    }
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    while (text.ends_with('\n')) text.remove_suffix(1);
    output_(text);
  }
  void flush_() override { stderr_.flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    stderr_.set_formatter(formatter->clone());
    base_sink::set_formatter_(std::move(formatter));
  }

 private:
  spdlog::sinks::stderr_color_sink_mt stderr_;
  std::function<void(std::string_view)> output_;
};

// One for the process, made at first use; spdlog locks inside.
struct Log {
  std::shared_ptr<RedirectableSink> sink = std::make_shared<RedirectableSink>();
  spdlog::logger logger{"tpt", sink};
  Log() { logger.set_pattern("%H:%M:%S %^%l%$ %v"); }
};

Log& log() {
  static Log instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void log_message(LogLevel level, std::string_view message) {
  log().logger.log(to_spdlog(level), "{}", message);
}

void set_log_level(LogLevel level) { log().logger.set_level(to_spdlog(level)); }

void set_log_output(std::function<void(std::string_view)> output) {
  log().sink->redirect(std::move(output));
}

}  // namespace tpt
