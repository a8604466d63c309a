// A few lines that are drawn in place on a terminal. No mode of the terminal is changed and the
// cursor rests below the lines, so that whatever ends the program leaves the terminal usable.
#pragma once

#include "app/status_view.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {

// Gives the bytes; each result is to be written in one call.
class ScreenPainter {
 public:
  // The lines (fewer than size.rows, each narrower than size.columns) in place of the last ones.
  // Where the size has changed the screen is cleared: what the terminal made of the old lines is
  // not known.
  std::string show(const std::vector<std::string>& lines, ScreenSize size);
  // `text`, which may hold several lines, in place of the lines; to be followed by show(), which
  // draws below it.
  std::string print_above(std::string_view text);

 private:
  // To the beginning of the first line.
  std::string back() const;

  std::size_t drawn_ = 0;
  ScreenSize size_;
};

}  // namespace tpt::app
