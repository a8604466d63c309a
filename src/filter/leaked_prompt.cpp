#include "filter/leaked_prompt.h"

#include <algorithm>
#include <string_view>

namespace tpt::filter {

namespace {

// "{{CONTEXT}}", "<<<READING HERE>>>": calls `visit` for each in the line.
template <typename Visit>
void for_each_marker(std::string_view line, Visit&& visit) {
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"{{", "}}"},
                                    std::pair<std::string_view, std::string_view>{"<<<", ">>>"}}) {
    for (std::size_t at = line.find(open); at != std::string_view::npos;) {
      const std::size_t end = line.find(close, at);
      if (end == std::string_view::npos) break;
      visit(line.substr(at, end + close.size() - at));
      at = line.find(open, end);
    }
  }
}

}  // namespace

PromptPieces::PromptPieces(const std::vector<std::string>& templates, std::size_t words)
    : words_(words), known_runs_(0) {
  for (const std::string& text : templates) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      add_line(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  known_runs_ = HashSet(runs_.size());
  for (const auto& [hash, written] : runs_) known_runs_.insert(hash);
}

void PromptPieces::add_line(std::string_view line) {
  for_each_marker(line, [&](std::string_view marker) { literals_.emplace_back(marker); });
  const Reading reading = read_text(line);
  const auto hashes = ngram_hashes(reading.words, words_);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::size_t begin = reading.words[i].begin;
    runs_.emplace(hashes[i], line.substr(begin, reading.words[i + words_ - 1].end - begin));
  }
  // A heading: too short for a run of words, but nobody else writes it so.
  if (hashes.empty() && line.starts_with("#") && reading.words.size() >= 3) {
    literals_.emplace_back(line);
  }
}

std::string PromptPieces::find(const Reading& thinking, const Reading& document) const {
  for (const std::string& literal : literals_) {
    if (thinking.text.find(literal) != std::string_view::npos &&
        document.text.find(literal) == std::string_view::npos) {
      return literal;
    }
  }
  return find_run(thinking, document);
}

std::string PromptPieces::find_run(const Reading& thinking, const Reading& document) const {
  if (runs_.empty()) return "";
  for (const std::uint64_t run : ngram_hashes(thinking.words, words_)) {
    if (!known_runs_.contains(run)) continue;
    const auto of_document = ngram_hashes(document.words, words_);
    if (std::find(of_document.begin(), of_document.end(), run) == of_document.end()) {
      return runs_.at(run);
    }
  }
  return "";
}

}  // namespace tpt::filter
