#include "filter/refusal.h"

#include "filter/refusal_forms.h"
#include "tokenize/unicode.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::filter {

namespace {

constexpr std::string_view kApostrophe = "\xE2\x80\x99";

// The beginning of a sentence as the forms are written: with straight apostrophes.
std::string plain_beginning(std::string_view lower, std::size_t at) {
  constexpr std::size_t kBytes = 240;
  const std::string_view rest = lower.substr(
      at, tokenize::code_point_floor(lower.substr(at), std::min(kBytes, lower.size() - at)));
  std::string plain;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool is_apostrophe = rest.substr(i, kApostrophe.size()) == kApostrophe;
    plain += is_apostrophe ? '\'' : rest[i];
    if (is_apostrophe) i += kApostrophe.size() - 1;
  }
  return plain;
}

bool opens(std::string_view text, std::string_view opening) {
  for (const char c : opening) {
    if (c == '\'' && text.starts_with(kApostrophe)) {
      text.remove_prefix(kApostrophe.size());
    } else if (!text.empty() && text.front() == c) {
      text.remove_prefix(1);
    } else {
      return false;
    }
  }
  return true;
}

struct Opening {
  std::string_view words;
  const RefusalForm* form = nullptr;
};

// The openings by their first byte: most sentences start with none of them.
const std::array<std::vector<Opening>, 256>& openings() {
  static const auto kOpenings = [] {
    std::array<std::vector<Opening>, 256> table;
    for (const RefusalForm& form : refusal_forms()) {
      for (const std::string_view words : form.openings) {
        table[static_cast<unsigned char>(words.front())].push_back({words, &form});
      }
    }
    return table;
  }();
  return kOpenings;
}

bool says_any(std::string_view sentence, const std::vector<std::string_view>& words) {
  return words.empty() || std::any_of(words.begin(), words.end(), [&](std::string_view word) {
           return sentence.find(word) != std::string_view::npos;
         });
}

// Where the sentence ends in `plain`, its mark included; a first "I'm sorry." is no sentence yet.
std::size_t sentence_end(std::string_view plain) {
  for (std::size_t at = 16; at < plain.size(); ++at) {
    const char c = plain[at];
    if (c == '\n') return at;
    if (c == '!' || c == '?') return at + 1;
    if (c == '.' && (at + 1 == plain.size() || plain[at + 1] == ' ' || plain[at + 1] == '\n')) {
      return at + 1;
    }
    if (plain.substr(at, 3) == "\xE3\x80\x82") return at + 3;
  }
  return plain.size();
}

// The refusal that starts at `at`, or "".
std::string refusal_at(std::string_view lower, std::size_t at) {
  for (const Opening& opening : openings()[static_cast<unsigned char>(lower[at])]) {
    if (!opens(lower.substr(at), opening.words)) continue;
    const std::string plain = plain_beginning(lower, at);
    const std::string sentence = plain.substr(0, sentence_end(plain));
    const RefusalForm& form = *opening.form;
    const std::string_view behind = std::string_view(sentence).substr(
        std::min(sentence.size(), form.inabilities.empty() ? 0 : opening.words.size() / 2));
    if (says_any(behind, form.inabilities) && says_any(sentence, form.actions)) return sentence;
  }
  return "";
}

// Calls visit(at) where a sentence begins, until it gives true: the first letter of the text,
// behind
// ". ", behind a line end.
template <typename Visit>
void for_each_sentence(std::string_view lower, Visit&& visit) {
  static constexpr auto kMarks = table_of(".!?\n\xE3");
  static constexpr auto kBlanks = table_of(" \t\r\n*");
  const auto is = [&lower](const std::array<bool, 256>& table, std::size_t at) {
    return table[static_cast<unsigned char>(lower[at])];
  };
  for (std::size_t at = 0; at < lower.size();) {
    while (at < lower.size() && is(kBlanks, at)) ++at;
    if (at == lower.size() || visit(at)) return;
    for (bool ended = false; !ended; ++at) {
      at = find_any(lower, kMarks, at);
      if (at >= lower.size()) return;
      const bool wide = lower[at] == '\xE3';
      ended = wide ? lower.substr(at, 3) == "\xE3\x80\x82"
                   : lower[at] == '\n' || at + 1 == lower.size() || is(kBlanks, at + 1);
      if (wide && ended) at += 2;
    }
  }
}

// Documents whose subject is that models decline.
bool is_about_refusals(std::string_view lower) {
  return has_any_word(lower, {"refusal", "refusals", "refuse", "refuses", "refused", "jailbreak",
                              "guardrails", "safety training", "declines", "chatbot", "chatbots",
                              "language model", "language models", "ai assistant", "alignment"});
}

}  // namespace

std::string refusal_in(const Reading& thinking, const Reading& document) {
  constexpr std::size_t kOpening = 100;  // bytes before which it is the answer itself
  std::string refusal;
  for_each_sentence(thinking.lower, [&](std::size_t at) {
    std::string sentence = refusal_at(thinking.lower, at);
    if (sentence.empty()) return false;
    const std::string_view key = std::string_view(thinking.lower).substr(at, 24);
    const bool in_document = document.lower.find(key) != std::string::npos;
    if (in_document || (at >= kOpening && is_about_refusals(document.lower))) return false;
    refusal = std::move(sentence);
    return true;
  });
  return refusal;
}

}  // namespace tpt::filter
