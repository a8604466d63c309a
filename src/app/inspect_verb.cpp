#include "app/command_line.h"
#include "app/inspect_rows.h"
#include "app/inspect_summary.h"
#include "app/inspect_view.h"
#include "app/pager.h"
#include "app/verbs.h"
#include "base/error.h"

#include <fmt/core.h>

#include <charconv>
#include <sys/ioctl.h>
#include <unistd.h>

namespace tpt::app {
namespace {

struct InspectOptions {
  std::string folder;
  std::string reason;
  std::string id;
  std::string search;
  std::string row;
  std::string count;
  std::string width;
  bool kept = false;
  bool rejected = false;
  bool json = false;
  bool summary = false;
  bool whole = false;
};

std::int64_t number_of(const std::string& flag, const std::string& text, std::int64_t otherwise,
                       std::int64_t least, std::int64_t most) {
  if (text.empty()) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    user_error("--{}: got {}, allowed {} to {}", flag, text, least, most);
  }
  return number;
}

Selection selection_of(const InspectOptions& options) {
  if (options.kept && options.rejected) {
    user_error("--kept and --rejected: give one of them, or neither for all rows");
  }
  const Which which = options.kept ? Which::kept : options.rejected ? Which::rejected : Which::all;
  return {.which = which, .reason = options.reason, .id = options.id, .search = options.search};
}

std::int64_t terminal_width() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20;
  return known ? size.ws_col : 100;
}

void print_rows(InspectedRows& rows, const Selection& selection, const InspectOptions& options,
                const std::stop_token& stop) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40U;
  const std::int64_t skipped = number_of("row", options.row, 1, 1, kMost) - 1;
  const std::int64_t count = number_of("count", options.count, options.json ? 0 : 10, 0, kMost);
  const auto width = number_of("width", options.width, terminal_width(), 20, 10000);
  std::int64_t seen = 0;
  std::int64_t printed = 0;
  for (auto at = rows.find(selection, 0); at && !stop.stop_requested();
       at = rows.find(selection, *at + 1)) {
    if (seen++ < skipped) continue;
    if (options.json) {
      fmt::print("{}\n", dump_json(row_json(rows.at(*at))));
    } else {
      const auto lines = row_lines(rows.at(*at), {.width = static_cast<std::size_t>(width),
                                                  .document_lines = options.whole ? 0U : 12U});
      fmt::print("{}== row {} of {}\n", printed == 0 ? "" : "\n", *at + 1, rows.size());
      for (const std::string& line : lines) fmt::print("{}\n", line);
    }
    if (++printed == count) break;
  }
  if (printed == 0 && !options.json) fmt::print("no such row among {}\n", rows.size());
}

void print_summary(InspectedRows& rows, const Selection& selection, bool json) {
  InspectSummary summary;
  for (auto at = rows.find(selection, 0); at; at = rows.find(selection, *at + 1)) {
    summary.add(rows.at(*at));
  }
  fmt::print("{}", json ? dump_json(summary.to_json()) + "\n" : summary.to_text());
}

}  // namespace

void inspect_verb(Arguments arguments, Run run) {
  InspectOptions options;
  CommandLine line(
      "inspect",
      "Pages through the rows that tpt augment or tpt filter wrote, kept and rejected: "
      "the document, the thinking, and why it was rejected. Not on a terminal, or with "
      "one of --row, --count, --json and --summary, it prints.");
  line.input("FOLDER", options.folder, "a folder of rows, or a Parquet file of them");
  line.text("reason", options.reason, "only rows rejected for this reason");
  line.flag("kept", options.kept, "only rows that were kept");
  line.flag("rejected", options.rejected, "only rows that were rejected");
  line.text("id", options.id, "only rows whose document id holds this");
  line.text("search", options.search, "only rows whose document or thinking holds this");
  line.text("row", options.row, "begin with this one of the selected rows, from 1");
  line.text("count", options.count, "print this many rows [10; with --json all]; 0: all");
  line.text("width", options.width, "columns of a printed line [the terminal's, else 100]");
  line.flag("whole", options.whole, "print the whole document, not its beginning");
  line.flag("json", options.json, "print a JSON object for each row, or for the summary");
  line.flag("summary", options.summary, "print counts by reason, and lengths");
  line.example("tpt inspect build/augmented");
  line.example("tpt inspect build/filtered --reason numbers --count 5");
  line.example("tpt inspect build/filtered --summary");
  if (!line.parse(arguments)) return;
  const Selection selection = selection_of(options);
  InspectedRows rows(options.folder);
  if (options.summary) return print_summary(rows, selection, options.json);
  const bool on_terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  const bool asked_to_print = options.json || !options.row.empty() || !options.count.empty();
  if (on_terminal && !asked_to_print) return page_rows(rows, selection, run.stop);
  print_rows(rows, selection, options, run.stop);
}

}  // namespace tpt::app
