#include "filter/filter.h"

#include "filter/repetition.h"

#include <algorithm>
#include <utility>

namespace tpt::filter {

namespace {

// Runs of this many words; shorter ones repeat in any text about one thing.
constexpr std::size_t kNgram = 8;

std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string reason_for(const Config& config, const Trajectory& thinking) {
  const std::string& text = thinking.text;
  const std::int64_t tokens = thinking.thinking_tokens;
  const std::int64_t length = characters(text);
  if (thinking.finish == Finish::error) return "engine_error";
  if (is_blank(text)) return "empty";
  if (tokens < config.min_tokens || length < config.min_characters) return "too_short";
  if (config.max_tokens > 0 && tokens > config.max_tokens) return "too_long";
  if (config.max_characters > 0 && length > config.max_characters) return "too_long";
  if (repeated_tail_share(text) > config.max_tail_share) return "loop";
  if (repeated_line_share(text) > config.max_repeated_lines) return "repeated_lines";
  if (repeated_ngram_share(words_of(text), kNgram) > config.max_repeated_ngrams) {
    return "repeated_ngrams";
  }
  if (config.require_end && thinking.finish == Finish::length) return "no_end";
  return "";
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.integer("min_tokens", config.min_tokens, "too_short below this many thinking tokens", 0);
  fields.integer("max_tokens", config.max_tokens,
                 "too_long above this many thinking tokens; 0: no limit", 0);
  fields.integer("min_characters", config.min_characters, "too_short below this many characters",
                 0);
  fields.integer("max_characters", config.max_characters,
                 "too_long above this many characters; 0: no limit", 0);
  fields.flag("require_end", config.require_end,
              "no_end: drop thinking that was cut off by the cap on tokens");
  fields.number("max_tail_share", config.max_tail_share,
                "loop: the end says one piece over and over for more than this share of the text",
                0, 1);
  fields.number("max_repeated_lines", config.max_repeated_lines,
                "repeated_lines: more than this share stands in lines seen before", 0, 1);
  fields.number("max_repeated_ngrams", config.max_repeated_ngrams,
                "repeated_ngrams: more than this share stands in runs of 8 words seen before", 0,
                1);
}

Verdict Filter::judge(const AugmentedDocument& row) const {
  std::string reason = reason_for(config_, row.trajectory);
  return {reason.empty(), std::move(reason)};
}

Json to_json(const Counts& counts) {
  Json reasons = Json::object();
  for (const auto& [reason, count] : counts.reasons) {
    reasons[reason] = count;
  }
  return {{"kept", counts.kept}, {"rejected", counts.rejected}, {"reasons", reasons}};
}

Counts apply(const Config& config, Source<AugmentedDocument>& rows, Sink<AugmentedDocument>& kept,
             const std::function<void(AugmentedDocument, std::string)>& reject) {
  const Filter filter(config);
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
    reject(std::move(row), std::move(verdict.reason));
  }
  kept.finish();
  return counts;
}

}  // namespace tpt::filter
