#include "app/inspect_view.h"

#include "app/terminal_text.h"

#include <fmt/core.h>

#include <algorithm>

namespace tpt::app {
namespace {

constexpr const char* kBold = "\033[1m";
constexpr const char* kRed = "\033[31m";
constexpr const char* kGreen = "\033[32m";
constexpr const char* kDim = "\033[2m";
constexpr const char* kPlain = "\033[0m";

class Lines {
 public:
  explicit Lines(const ViewOptions& options) : options_(options) {}

  void add(std::string_view text, const char* style = "") {
    for (std::string& line : wrapped(harmless(text), options_.width)) {
      const bool styled = options_.colours && *style != '\0';
      lines_.push_back(styled ? style + line + kPlain : std::move(line));
    }
  }

  void add_heading(const std::string& title) {
    std::string line = "-- " + title + " ";
    const std::size_t columns = columns_of(line);
    line.append(options_.width > columns ? options_.width - columns : 0, '-');
    lines_.emplace_back();
    add(line, kBold);
  }

  void add_beginning(std::string_view text, std::size_t most) {
    const std::size_t before = lines_.size();
    // No more of a long text is wrapped than can be shown.
    const std::size_t enough = most == 0 ? text.size() : most * options_.width * 4 + 4;
    add(text.substr(0, enough));
    if (most == 0 || lines_.size() - before <= most) return;
    lines_.resize(before + most);
    add(fmt::format("... ({} bytes in all)", text.size()), kDim);
  }

  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const ViewOptions& options_;
  std::vector<std::string> lines_;
};

std::string verdict_of(const InspectedRow& row) {
  if (!row.rejected) return "kept";
  std::string text = "rejected";
  if (!row.reason.empty()) text += ": " + row.reason;
  if (!row.detail.empty()) text += " (" + row.detail + ")";
  return text;
}

std::string pieces_of(const AugmentedDocument& row) {
  std::string text;
  if (row.chunks > 1) text += fmt::format("  chunk {} of {}", row.chunk + 1, row.chunks);
  if (row.trajectory.rollout > 0) text += fmt::format("  rollout {}", row.trajectory.rollout);
  return text;
}

}  // namespace

std::vector<std::string> row_lines(const InspectedRow& row, const ViewOptions& options) {
  const Document& document = row.row.document;
  const Trajectory& thinking = row.row.trajectory;
  Lines lines(options);
  lines.add(verdict_of(row), row.rejected ? kRed : kGreen);
  lines.add("id       " + document.id + pieces_of(row.row), kBold);
  lines.add(fmt::format("finish   {}  {} thinking tokens, {} prompt tokens, {} of {} bytes shown",
                        finish_name(thinking.finish), thinking.thinking_tokens,
                        thinking.prompt_tokens, thinking.context_bytes, document.text.size()));
  lines.add(fmt::format("engine   {}  seed {}", thinking.engine, thinking.seed));
  lines.add("prompt   " + thinking.prompt_sha256);
  if (!thinking.request_sha256.empty()) lines.add("request  " + thinking.request_sha256);
  lines.add(fmt::format("from     {} row {}{}", row.file, row.number,
                        document.source.empty() ? "" : ", source " + document.source));
  lines.add_heading("document");
  lines.add_beginning(document.text, options.document_lines);
  lines.add_heading("thinking");
  lines.add(thinking.text);
  return lines.take();
}

Json row_json(const InspectedRow& row) {
  const Document& document = row.row.document;
  const Trajectory& thinking = row.row.trajectory;
  return {{"file", row.file},
          {"row", row.number},
          {"kept", !row.rejected},
          {"reason", row.reason},
          {"detail", row.detail},
          {"id", document.id},
          {"chunk", row.row.chunk},
          {"chunks", row.row.chunks},
          {"rollout", thinking.rollout},
          {"finish_reason", finish_name(thinking.finish)},
          {"prompt_tokens", thinking.prompt_tokens},
          {"thinking_tokens", thinking.thinking_tokens},
          {"context_bytes", thinking.context_bytes},
          {"seed", thinking.seed},
          {"engine", thinking.engine},
          {"prompt_sha256", thinking.prompt_sha256},
          {"request_sha256", thinking.request_sha256},
          {"source", document.source},
          {"text", document.text},
          {"thinking", thinking.text}};
}

}  // namespace tpt::app
