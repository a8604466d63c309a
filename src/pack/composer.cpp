#include "pack/composer.h"

#include "base/error.h"
#include "base/white_space.h"
#include "pack/segments.h"

#include <algorithm>

namespace tpt::pack {
namespace {

TokenId need_special(const tokenize::Tokenizer& tokenizer, std::string_view name,
                     const char* option) {
  const auto id = tokenizer.special(name);
  if (!id) {
    user_error("pack.{}: the tokenizer has no special token \"{}\"", option, name);
  }
  return *id;
}

void append_span(Kind kind, std::size_t tokens, TokenSequence& sequence) {
  if (tokens == 0) {
    return;
  }
  if (sequence.spans.empty() || sequence.spans.back().kind != kind) {
    sequence.spans.push_back({kind, 0});
  }
  sequence.spans.back().tokens += static_cast<std::int32_t>(tokens);
}

}  // namespace

DropReason why_unusable(const ComposerConfig& config, const AugmentedDocument& row) {
  if (config.format == Format::vanilla) return "";
  if (is_blank(row.trajectory.text)) {
    return config.missing_thinking == MissingThinking::drop ? "no thinking" : "";
  }
  const bool at_cap = row.trajectory.finish == Finish::length;
  return at_cap && config.at_cap == AtCap::drop ? "thinking hit the cap" : "";
}

Composer::Composer(ComposerConfig config, const tokenize::Tokenizer& tokenizer)
    : config_(std::move(config)), tokenizer_(tokenizer) {
  const bool has_tags = tokenizer.special(kThinkStart) && tokenizer.special(kThinkEnd);
  if (config_.tags == Tags::special && !has_tags) {
    user_error(
        "pack.tags: got special, but the tokenizer has no <think> and </think>; allowed: "
        "automatic, text");
  }
  tags_are_special_ = has_tags && config_.tags != Tags::text;
  if (!config_.end_of_text.empty()) {
    end_of_text_ = need_special(tokenizer, config_.end_of_text, "end_of_text");
  } else if (const auto id = tokenizer.end_of_text()) {
    end_of_text_ = *id;
  } else {
    user_error("pack.end_of_text: the tokenizer names none; name one of its special tokens");
  }
  if (!config_.begin_of_text.empty()) {
    begin_of_text_ = need_special(tokenizer, config_.begin_of_text, "begin_of_text");
  }
  special_ids_ = {end_of_text_, begin_of_text_};
  if (tags_are_special_) {
    special_ids_.push_back(*tokenizer.special(kThinkStart));
    special_ids_.push_back(*tokenizer.special(kThinkEnd));
  }
  if (config_.chat != Chat::plain) {
    const ChatLayout& layout = chat_layout(config_.chat);
    for (const std::string_view name :
         {layout.begin_token, layout.turn_token, layout.role_token, layout.end_token}) {
      if (!name.empty()) special_ids_.push_back(need_special(tokenizer, name, "chat"));
    }
  }
}

void Composer::append_tag(std::string_view tag, Sample& sample) const {
  sample.segments.push_back({Kind::special, std::string(tag), tags_are_special_});
}

void Composer::append_thinking(const std::string& thinking, Sample& sample) const {
  append_tag(kThinkStart, sample);
  append_text(Kind::special, config_.inner_separator, sample);
  append_text(Kind::thinking, thinking, sample);
  append_text(Kind::special, config_.inner_separator, sample);
  append_tag(kThinkEnd, sample);
}

std::optional<Sample> Composer::compose(const AugmentedDocument& row, DropReason& reason) const {
  const std::string& document = row.document.text;
  const std::string& thinking = row.trajectory.text;
  reason = is_blank(document) ? "empty document" : why_unusable(config_, row);
  if (!reason.empty()) return std::nullopt;
  const bool with_thinking = config_.format != Format::vanilla && !is_blank(thinking);
  Sample sample;
  sample.id = row.document.id;
  if (with_thinking && config_.format == Format::thinking_first) {
    append_thinking(thinking, sample);
    append_text(Kind::special, config_.separator, sample);
  }
  append_text(Kind::document, document, sample);
  if (with_thinking && config_.format == Format::tpt) {
    append_text(Kind::special, config_.separator, sample);
    append_thinking(thinking, sample);
  }
  if (with_thinking && config_.format == Format::rephrase) {
    append_text(Kind::special, config_.separator, sample);
    append_text(Kind::thinking, thinking, sample);
  }
  return sample;
}

std::optional<Sample> Composer::compose(const std::vector<AugmentedDocument>& rows,
                                        DropReason& reason) const {
  TPT_CHECK(!rows.empty());
  reason = "empty document";
  for (const AugmentedDocument& row : rows) {
    if (!is_blank(row.document.text)) reason = why_unusable(config_, rows.front());
  }
  if (!reason.empty()) return std::nullopt;
  Sample sample;
  sample.id = rows.front().document.id;
  for (const AugmentedDocument& row : rows) {
    append_text(Kind::document, row.document.text, sample);
    if (is_blank(row.trajectory.text)) continue;
    append_text(Kind::special, config_.separator, sample);
    append_thinking(row.trajectory.text, sample);
  }
  return sample;
}

void Composer::append_segment(const Segment& segment, TokenSequence& sequence) const {
  if (segment.is_token) {
    const auto id = tokenizer_.special(segment.text);
    TPT_CHECK(id, "{} is no special token", segment.text);
    sequence.ids.push_back(*id);
    append_span(segment.kind, 1, sequence);
    return;
  }
  const std::size_t before = sequence.ids.size();
  tokenizer_.encode(segment.text, sequence.ids);
  for (std::size_t i = before; i < sequence.ids.size(); ++i) {
    if (std::find(special_ids_.begin(), special_ids_.end(), sequence.ids[i]) !=
        special_ids_.end()) {
      data_error("{}: text gave the special token {} (\"{}\")", sequence.id, sequence.ids[i],
                 tokenizer_.decode(std::span(&sequence.ids[i], 1)));
    }
  }
  append_span(segment.kind, sequence.ids.size() - before, sequence);
}

TokenSequence Composer::tokenize(const Sample& sample) const {
  TokenSequence sequence;
  sequence.id = sample.id;
  if (!config_.begin_of_text.empty()) {
    sequence.ids.push_back(begin_of_text_);
    append_span(Kind::special, 1, sequence);
  }
  bool is_example = false;
  for (const Segment& segment : sample.segments) {
    append_segment(segment, sequence);
    is_example = is_example || segment.kind == Kind::answer;
  }
  // A completion teaches where it ends, too; in a conversation the token behind each turn does.
  const bool is_taught = is_example && config_.chat == Chat::plain;
  sequence.ids.push_back(end_of_text_);
  append_span(is_taught ? Kind::answer : Kind::special, 1, sequence);
  return sequence;
}

}  // namespace tpt::pack
