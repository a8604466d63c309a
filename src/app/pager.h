// Pages through rows on a terminal, one at a time, with keys.
#pragma once

#include "app/inspect_rows.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::app {

// Where a person stands, and what the keys do to it: no terminal is needed to test it.
class PagerState {
 public:
  PagerState(InspectedRows& rows, Selection selection);

  // Shows `height` lines of `width` columns: the row's lines from where it was scrolled to, and a
  // last line of status.
  std::vector<std::string> screen(std::size_t width, std::size_t height);

  // One key: letters as they are, kUp and so on for the others. `ask(question)` reads a line from
  // the person; nothing where it was given up. False once the person quits.
  enum Key : int { kUp = 0x100, kDown, kLeft, kRight, kPageUp, kPageDown, kHome, kEnd, kNone };
  using Ask = std::function<std::optional<std::string>(const std::string& question)>;
  bool press(int key, const Ask& ask);

  std::int64_t index() const { return index_; }
  const Selection& selection() const { return selection_; }

 private:
  bool move(int key);                    // false for a key that moves nothing
  void choose(int key, const Ask& ask);  // which rows are shown, and how much of them
  void step(bool backwards);
  void scroll(std::int64_t lines);
  void select_again(Selection selection);
  void go_to(const std::string& number);
  void switch_which();
  std::string status(std::size_t shown) const;

  InspectedRows& rows_;
  Selection selection_;
  std::int64_t index_ = -1;  // -1: nothing is selected
  std::size_t top_ = 0;      // first line shown
  std::size_t lines_ = 0;    // of the row, as shown last
  std::size_t page_ = 20;    // lines on the screen
  bool whole_document_ = false;
  bool help_ = false;
  std::string message_;
};

// Runs on the terminal of standard input and output until the person quits.
void page_rows(InspectedRows& rows, const Selection& selection, std::stop_token stop);

}  // namespace tpt::app
