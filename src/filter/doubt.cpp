#include "filter/doubt.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tpt::filter {

bool is_doubted(const Reading& thinking, std::size_t begin, std::size_t end) {
  static const std::vector<std::string_view> kInside = {"if",
                                                        "suppose",
                                                        "supposing",
                                                        "imagine",
                                                        "assume",
                                                        "assuming",
                                                        "say",
                                                        "pretend",
                                                        "what if",
                                                        "instead",
                                                        "not",
                                                        "isn't",
                                                        "doesn't",
                                                        "wasn't",
                                                        "aren't",
                                                        "can't be",
                                                        "cannot be",
                                                        "wrong",
                                                        "incorrect",
                                                        "incorrectly",
                                                        "mistake",
                                                        "mistaken",
                                                        "mistakenly",
                                                        "error",
                                                        "false",
                                                        "misread",
                                                        "typo",
                                                        "hmm",
                                                        "oops",
                                                        "rather than",
                                                        "as opposed to",
                                                        "would be",
                                                        "would have",
                                                        "could be",
                                                        "might be",
                                                        "may be",
                                                        "guess",
                                                        "claim",
                                                        "claims",
                                                        "claimed",
                                                        "claiming",
                                                        "student",
                                                        "students",
                                                        "students'",
                                                        "thinks",
                                                        "thought",
                                                        "unless",
                                                        "whereas",
                                                        "another",
                                                        "different",
                                                        "other than",
                                                        "compare",
                                                        "compared",
                                                        "trick",
                                                        "nonsense",
                                                        "absurd",
                                                        "contradiction",
                                                        "contradicts",
                                                        "impossible",
                                                        "approximately",
                                                        "about",
                                                        "around",
                                                        "roughly",
                                                        "nearly",
                                                        "almost",
                                                        "estimate",
                                                        "estimated",
                                                        "estimates",
                                                        "rounded",
                                                        "rounding",
                                                        "round",
                                                        "approximate",
                                                        "approximates",
                                                        "wait",
                                                        "no,",
                                                        "mod",
                                                        "modulo",
                                                        "typically",
                                                        "maybe",
                                                        "perhaps"};
  static const std::vector<std::string_view> kBehind = {
      "wait",        "no,",          "hmm",         "oops",         "hold on",       "that's not",
      "that is not", "that isn't",   "isn't right", "not right",    "not correct",   "incorrect",
      "wrong",       "mistake",      "let me re",   "let me check", "let me double", "correction",
      "actually",    "scratch that", "sorry",       "i mean",       "should be",     "does not",
      "doesn't",     "is false",     "nonsense",    "absurd",       "contradiction", "impossible",
      "not equal"};
  constexpr std::size_t kBehindBytes = 160;
  const Extent sentence = sentence_around(thinking.text, begin);
  const std::string_view lower = thinking.lower;
  const std::size_t last = std::max(sentence.end, end);
  if (has_any_word(lower.substr(sentence.begin, last - sentence.begin), kInside)) return true;
  if (last > sentence.begin && lower[last - 1] == '?') return true;
  return has_any_word(lower.substr(last, kBehindBytes), kBehind);
}

}  // namespace tpt::filter
