#include "app/pager.h"
#include "app/terminal_text.h"
#include "base/error.h"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <poll.h>
#include <string>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace tpt::app {
namespace {

// Keys as they are pressed, without echo, on the other screen; all as it was when it ends.
class RawTerminal {
 public:
  RawTerminal() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) io_error("standard input is no terminal");
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    put("\033[?1049h\033[?25l");
  }
  ~RawTerminal() {
    put("\033[?25h\033[?1049l");
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  static void put(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  static winsize size() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
      size.ws_col = 80;
      size.ws_row = 24;
    }
    return size;
  }

  // The next byte within `milliseconds`: -1 where none came, -2 where the terminal is gone.
  static int byte(int milliseconds) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = poll(&input, 1, milliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return -1;
    unsigned char c = 0;
    const ssize_t got = read(STDIN_FILENO, &c, 1);
    return got == 1 ? c : -2;
  }

 private:
  termios before_{};
};

constexpr int kGone = -2;

// "\033[A" and its kin as one key.
int escaped_key() {
  constexpr int kWait = 50;
  const int bracket = RawTerminal::byte(kWait);
  if (bracket != '[' && bracket != 'O') return PagerState::kNone;
  const int letter = RawTerminal::byte(kWait);
  if (letter == '5' || letter == '6') {
    RawTerminal::byte(kWait);
    return letter == '5' ? PagerState::kPageUp : PagerState::kPageDown;
  }
  switch (letter) {
    case 'A':
      return PagerState::kUp;
    case 'B':
      return PagerState::kDown;
    case 'C':
      return PagerState::kRight;
    case 'D':
      return PagerState::kLeft;
    case 'H':
      return PagerState::kHome;
    case 'F':
      return PagerState::kEnd;
    default:
      return PagerState::kNone;
  }
}

// A key, kNone where the size may have changed, kGone at the end.
int next_key(const std::stop_token& stop) {
  constexpr int kLookAround = 200;
  const int byte = RawTerminal::byte(kLookAround);
  if (stop.stop_requested() || byte == 4 || byte == kGone) return kGone;
  if (byte < 0) return PagerState::kNone;
  return byte == 27 ? escaped_key() : byte;
}

// A line typed at the foot of the screen; nothing where it was left with Escape.
std::optional<std::string> typed_line(const std::string& question, const std::stop_token& stop) {
  std::string text;
  while (true) {
    const winsize size = RawTerminal::size();
    const std::string shown = fitted(question + harmless(text), size.ws_col - 1U);
    RawTerminal::put(fmt::format("\033[{};1H\033[K{}", size.ws_row, shown));
    const int byte = RawTerminal::byte(200);
    if (stop.stop_requested() || byte == kGone || byte == 27) return std::nullopt;
    if (byte == '\n' || byte == '\r') return text;
    if (byte == 127 || byte == 8) {
      while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U)
        text.pop_back();
      if (!text.empty()) text.pop_back();
    } else if (byte >= 32) {
      text += static_cast<char>(byte);
    }
  }
}

void draw(PagerState& state, const winsize& size) {
  std::string text = "\033[H";
  const auto lines = state.screen(size.ws_col, size.ws_row);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += (i == 0 ? "" : "\r\n") + lines[i] + "\033[K";
  }
  RawTerminal::put(text + "\033[J");
}

}  // namespace

void page_rows(InspectedRows& rows, const Selection& selection, std::stop_token stop) {
  PagerState state(rows, selection);
  const RawTerminal terminal;
  winsize drawn{};
  for (bool again = true; again;) {
    const winsize size = RawTerminal::size();
    if (size.ws_col != drawn.ws_col || size.ws_row != drawn.ws_row) draw(state, drawn = size);
    const int key = next_key(stop);
    if (key == kGone) return;
    if (key == PagerState::kNone) continue;
    again = state.press(
        key, [&stop](const std::string& question) { return typed_line(question, stop); });
    draw(state, size);
  }
}

}  // namespace tpt::app
