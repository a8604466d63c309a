#include "app/screen_painter.h"

#include <fmt/format.h>

namespace tpt::app {

std::string ScreenPainter::back() const {
  return drawn_ == 0 ? "\r" : fmt::format("\r\033[{}A", drawn_);
}

std::string ScreenPainter::show(const std::vector<std::string>& lines, ScreenSize size) {
  const bool resized = drawn_ > 0 && !(size == size_);
  std::string bytes = resized ? "\033[H\033[2J" : back();
  for (const std::string& line : lines) bytes += line + "\033[K\r\n";
  if (!resized && lines.size() < drawn_) bytes += "\033[J";
  drawn_ = lines.size();
  size_ = size;
  return bytes;
}

std::string ScreenPainter::print_above(std::string_view text) {
  std::string bytes = back() + "\033[J";
  for (const char letter : text) {
    if (letter == '\n') bytes += '\r';
    bytes += letter;
  }
  bytes += "\r\n";
  drawn_ = 0;
  return bytes;
}

}  // namespace tpt::app
