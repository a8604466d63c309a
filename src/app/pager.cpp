#include "app/pager.h"

#include "app/inspect_view.h"
#include "app/terminal_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tpt::app {
namespace {

constexpr std::array<const char*, 14> kHelp = {
    "n, right   next row",
    "p, left    previous row",
    "space      a page down, then the next row",
    "b          a page up",
    "j k, arrows  a line down, up",
    "g          go to a row by its number; G to the last",
    "/          search in document, thinking and id (nothing: no search)",
    "i          only rows whose id holds this",
    "r          only rows of this reason (nothing: every reason)",
    "x          all rows, kept ones, rejected ones",
    "t          the whole document, or its beginning",
    "?          this help",
    "q          leave",
    "",
};

const char* which_name(Which which) {
  switch (which) {
    case Which::kept:
      return "kept";
    case Which::rejected:
      return "rejected";
    case Which::all:
      break;
  }
  return "all";
}

}  // namespace

PagerState::PagerState(InspectedRows& rows, Selection selection) : rows_(rows) {
  select_again(std::move(selection));
}

void PagerState::select_again(Selection selection) {
  selection_ = std::move(selection);
  const std::int64_t from = std::max<std::int64_t>(index_, 0);
  auto found = rows_.find(selection_, from);
  if (!found) found = rows_.find(selection_, from, true);
  index_ = found.value_or(-1);
  top_ = 0;
  message_ = index_ < 0 ? "no such row" : "";
}

void PagerState::step(bool backwards) {
  const auto found = index_ < 0
                         ? std::nullopt
                         : rows_.find(selection_, backwards ? index_ : index_ + 1, backwards);
  if (!found) {
    message_ = backwards ? "this is the first one" : "this is the last one";
    return;
  }
  index_ = *found;
  top_ = 0;
}

void PagerState::scroll(std::int64_t lines) {
  const auto last = static_cast<std::int64_t>(lines_ > page_ ? lines_ - page_ : 0);
  top_ = static_cast<std::size_t>(
      std::clamp<std::int64_t>(static_cast<std::int64_t>(top_) + lines, 0, last));
}

void PagerState::go_to(const std::string& number) {
  std::int64_t wanted = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), wanted);
  if (error != std::errc() || end != number.data() + number.size() || wanted < 1 ||
      wanted > rows_.size()) {
    message_ = fmt::format("a row is a number from 1 to {}", rows_.size());
    return;
  }
  const auto found = rows_.find(selection_, wanted - 1);
  if (found) {
    index_ = *found;
    top_ = 0;
  } else {
    message_ = "no such row behind it";
  }
}

void PagerState::switch_which() {
  Selection other = selection_;
  other.which = other.which == Which::all    ? Which::kept
                : other.which == Which::kept ? Which::rejected
                                             : Which::all;
  select_again(std::move(other));
}

bool PagerState::press(int key, const Ask& ask) {
  message_.clear();
  const bool helped = std::exchange(help_, false);
  if (key == 'q') return helped;
  if (key == '?' || key == 'h') {
    help_ = !helped;
  } else if (!move(key)) {
    choose(key, ask);
  }
  return true;
}

bool PagerState::move(int key) {
  const auto page = static_cast<std::int64_t>(page_);
  switch (key) {
    case 'n':
    case kRight:
      step(false);
      return true;
    case 'p':
    case kLeft:
      step(true);
      return true;
    case ' ':
    case kPageDown:
      top_ + page_ < lines_ ? scroll(page) : step(false);
      return true;
    case 'b':
    case kPageUp:
      scroll(-page);
      return true;
    case 'j':
    case '\n':
    case '\r':
    case kDown:
      scroll(1);
      return true;
    case 'k':
    case kUp:
      scroll(-1);
      return true;
    case 'G':
    case kEnd:
      if (const auto last = rows_.find(selection_, rows_.size(), true)) index_ = *last;
      top_ = 0;
      return true;
    case kHome:
      if (const auto first = rows_.find(selection_, 0)) index_ = *first;
      top_ = 0;
      return true;
    default:
      return false;
  }
}

void PagerState::choose(int key, const Ask& ask) {
  const auto select_by = [&](const char* question, std::string Selection::* field) {
    if (const auto text = ask(question)) {
      Selection other = selection_;
      other.*field = *text;
      select_again(std::move(other));
    }
  };
  switch (key) {
    case 'g':
      if (const auto number = ask("go to row: ")) go_to(*number);
      break;
    case '/':
      select_by("search: ", &Selection::search);
      break;
    case 'i':
      select_by("id: ", &Selection::id);
      break;
    case 'r':
      select_by("reason: ", &Selection::reason);
      break;
    case 'x':
      switch_which();
      break;
    case 't':
      whole_document_ = !whole_document_;
      top_ = 0;
      break;
    default:
      break;
  }
}

std::string PagerState::status(std::size_t shown) const {
  std::string text =
      fmt::format("row {} of {}  {}", index_ + 1, rows_.size(), which_name(selection_.which));
  if (!selection_.reason.empty()) text += "  reason " + selection_.reason;
  if (!selection_.id.empty()) text += "  id " + selection_.id;
  if (!selection_.search.empty()) text += "  /" + selection_.search;
  if (lines_ > shown) text += fmt::format("  lines {}-{} of {}", top_ + 1, top_ + shown, lines_);
  if (!message_.empty()) text += "  " + message_;
  return harmless(text + "  (? help, q leave)");
}

std::vector<std::string> PagerState::screen(std::size_t width, std::size_t height) {
  page_ = height > 1 ? height - 1 : 1;
  std::vector<std::string> lines;
  if (help_) {
    lines.assign(kHelp.begin(), kHelp.end());
  } else if (index_ >= 0) {
    lines = row_lines(
        rows_.at(index_),
        {.width = width, .colours = true, .document_lines = whole_document_ ? std::size_t{0} : 12});
  }
  lines_ = lines.size();
  if (top_ >= lines_) top_ = 0;
  const std::size_t shown = std::min(page_, lines_ - top_);
  std::vector<std::string> screen(lines.begin() + static_cast<std::ptrdiff_t>(top_),
                                  lines.begin() + static_cast<std::ptrdiff_t>(top_ + shown));
  screen.resize(page_);
  screen.push_back("\033[7m" + fitted(status(shown), width) + "\033[0m");
  return screen;
}

}  // namespace tpt::app
