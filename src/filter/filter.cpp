#include "filter/filter.h"

#include "base/white_space.h"
#include "filter/arithmetic.h"
#include "filter/byte_lanes.h"
#include "filter/copying.h"
#include "filter/language.h"
#include "filter/quoted_value.h"
#include "filter/refusal.h"
#include "filter/repetition.h"
#include "filter/restatement.h"
#include "filter/special_tokens.h"

#include <fmt/core.h>

#include <optional>
#include <span>
#include <utility>

namespace tpt::filter {

namespace {

// Runs of this many words; shorter ones repeat in any text about one thing.
constexpr std::size_t kNgram = 8;

std::int64_t characters(std::string_view text) {
  std::int64_t count = std::ssize(text);
  for (std::size_t at = 0; at < text.size(); at += 8) count -= continuing_lanes(lanes_at(text, at));
  return count;
}

Verdict rejected(std::string reason, std::string detail = "") {
  return {false, std::move(reason), std::move(detail)};
}

Verdict rejected_share(std::string reason, double share) {
  return rejected(std::move(reason), fmt::format("{:.0f} %", 100 * share));
}

// What its length alone says.
Verdict judge_length(const Config& config, const Trajectory& thinking) {
  const std::int64_t tokens = thinking.thinking_tokens;
  const std::int64_t length = characters(thinking.text);
  if (tokens < config.min_tokens || length < config.min_characters) return rejected("too_short");
  if (config.max_tokens > 0 && tokens > config.max_tokens) return rejected("too_long");
  if (config.max_characters > 0 && length > config.max_characters) return rejected("too_long");
  return {};
}

Verdict judge_repetition(const Config& config, const Reading& thinking,
                         std::span<const std::uint64_t> runs, Finish finish) {
  if (finish == Finish::loop) return rejected("loop", "stopped while it was written");
  if (has_repeated_tail(thinking.text, config.max_tail_share)) {
    return rejected_share("loop", repeated_tail_share(thinking.text));
  }
  if (const double share = repeated_line_share(thinking.text); share > config.max_repeated_lines) {
    return rejected_share("repeated_lines", share);
  }
  if (const double share = repeated_ngram_share(runs, kNgram); share > config.max_repeated_ngrams) {
    return rejected_share("repeated_ngrams", share);
  }
  if (config.require_end && finish == Finish::length) return rejected("no_end");
  return {};
}

Verdict judge_numbers(const Reading& thinking, const Reading& document) {
  std::string detail = false_arithmetic(thinking, document);
  if (detail.empty()) detail = misquoted_value(thinking, document);
  if (detail.empty()) detail = contradicted_number(thinking, document);
  return detail.empty() ? Verdict{} : rejected("numbers", std::move(detail));
}

Verdict judge_content(const Config& config, const PromptPieces& prompt_pieces,
                      const Reading& thinking, std::span<const std::uint64_t> runs,
                      const Reading& document) {
  if (config.special_tokens) {
    std::string token = leaked_special_token(thinking.text, document.text);
    if (!token.empty()) return rejected("special_tokens", std::move(token));
  }
  if (config.leaked_words > 0) {
    std::string piece = prompt_pieces.find(thinking, document);
    if (!piece.empty()) return rejected("leaked_prompt", std::move(piece));
  }
  if (config.max_foreign < 1) {
    Drift drift = language_drift(thinking, document);
    if (drift.share > config.max_foreign) return rejected("language", std::move(drift.detail));
  }
  if (config.max_copied < 1) {
    const double share = copied_share(runs, ngram_hashes(document.words, kNgram), kNgram);
    if (share > config.max_copied) return rejected_share("copy", share);
  }
  return config.numbers ? judge_numbers(thinking, document) : Verdict{};
}

Verdict judge_contamination(const Decontaminator& benchmarks, const Reading& thinking,
                            const Reading& document) {
  for (const Reading* reading : {&document, &thinking}) {
    if (const auto hit = benchmarks.find(reading->text, reading->words)) {
      return rejected("contaminated", hit->benchmark + ":" + hit->item);
    }
  }
  return {};
}

}  // namespace

Filter::Filter(Config config, Materials materials)
    : config_(std::move(config)),
      prompt_pieces_(materials.prompts, static_cast<std::size_t>(config_.leaked_words)),
      benchmarks_(std::move(materials.benchmarks)) {}

Verdict Filter::judge(const AugmentedDocument& row) const {
  const Trajectory& trajectory = row.trajectory;
  if (trajectory.finish == Finish::error) return rejected("engine_error");
  if (is_blank(trajectory.text)) return rejected("empty");
  const Reading thinking = read_text(trajectory.text);
  const Reading document = read_text(row.document.text);
  if (config_.refusals) {
    std::string sentence = refusal_in(thinking, document);
    if (!sentence.empty()) return rejected("refusal", std::move(sentence));
  }
  Verdict verdict = judge_length(config_, trajectory);
  if (!verdict.keep) return verdict;
  const auto runs = ngram_hashes(thinking.words, kNgram);
  verdict = judge_repetition(config_, thinking, runs, trajectory.finish);
  if (verdict.keep) verdict = judge_content(config_, prompt_pieces_, thinking, runs, document);
  if (verdict.keep && benchmarks_ != nullptr) {
    verdict = judge_contamination(*benchmarks_, thinking, document);
  }
  return verdict;
}

Json to_json(const Counts& counts) {
  Json reasons = Json::object();
  for (const auto& [reason, count] : counts.reasons) reasons[reason] = count;
  Json json = {{"kept", counts.kept}, {"rejected", counts.rejected}, {"reasons", reasons}};
  if (!counts.benchmarks.empty()) {
    Json benchmarks = Json::object();
    for (const auto& [name, count] : counts.benchmarks) benchmarks[name] = count;
    json["benchmarks"] = benchmarks;
  }
  return json;
}

Counts apply(const Filter& filter, Source<AugmentedDocument>& rows, Sink<AugmentedDocument>& kept,
             const std::function<void(AugmentedDocument, Verdict)>& reject) {
  Counts counts;
  for (AugmentedDocument row; rows.next(row);) {
    Verdict verdict = filter.judge(row);
    if (verdict.keep) {
      ++counts.kept;
      kept.put(std::move(row));
      continue;
    }
    ++counts.rejected;
    ++counts.reasons[verdict.reason];
    if (verdict.reason == "contaminated") {
      ++counts.benchmarks[verdict.detail.substr(0, verdict.detail.rfind(':'))];
    }
    reject(std::move(row), std::move(verdict));
  }
  kept.finish();
  return counts;
}

}  // namespace tpt::filter
