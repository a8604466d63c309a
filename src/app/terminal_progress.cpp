#include "app/terminal_progress.h"

#include <fmt/core.h>

#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace tpt::app {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kLogLine{10};

std::string amount(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  if (value >= 1e5) return fmt::format("{:.0f} k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

std::string duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 100;
}

}  // namespace

TerminalProgress::TerminalProgress() : on_terminal_(isatty(STDERR_FILENO) == 1) {}

TerminalProgress::~TerminalProgress() { clear(); }

void TerminalProgress::report(const ProgressState& state) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const auto [place, is_new] = stages_.try_emplace(state.stage);
  Stage& stage = place->second;
  if (is_new || (stage.finished && state.done < state.total)) {
    stage = {.first_done = state.done, .started = now, .shown = now};
  }
  stage.state = state;
  const bool ends = state.total > 0 && state.done >= state.total;
  if (ends) {
    if (stage.finished) return;
    stage.finished = true;
    clear();
    fmt::print(stderr, "{}\n", line(stage));
    return;
  }
  if (on_terminal_) {
    if (now - drawn_ >= kRedraw) redraw();
  } else if (now - stage.shown >= kLogLine) {
    stage.shown = now;
    fmt::print(stderr, "{}\n", line(stage));
  }
}

std::string TerminalProgress::line(const Stage& stage) const {
  const ProgressState& state = stage.state;
  std::string text = fmt::format("{}  {}", state.stage, amount(state.done));
  if (state.total > 0) text += fmt::format(" of {}", amount(state.total));
  text += " " + state.unit;
  for (const auto& [name, value] : state.facts) text += fmt::format("  {} {}", value, name);
  const double seconds = std::chrono::duration<double>(Clock::now() - stage.started).count();
  const double rate = seconds > 0 ? (state.done - stage.first_done) / seconds : 0;
  if (stage.finished) {
    text += fmt::format("  in {}", duration(seconds));
  } else if (state.total > 0 && rate > 0 && seconds > 1) {
    text += fmt::format("  {} left", duration((state.total - state.done) / rate));
  }
  return text;
}

void TerminalProgress::redraw() {
  drawn_ = Clock::now();
  std::string text;
  for (const auto& [name, stage] : stages_) {
    if (!stage.finished) text += (text.empty() ? "" : " | ") + line(stage);
  }
  const std::size_t columns = terminal_columns();
  if (text.size() >= columns) text.resize(columns - 1);
  fmt::print(stderr, "\r\033[K{}\r", text);
  std::fflush(stderr);
  line_shown_ = true;
}

void TerminalProgress::clear() {
  if (line_shown_) fmt::print(stderr, "\r\033[K");
  line_shown_ = false;
}

}  // namespace tpt::app
