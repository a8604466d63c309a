#include "filter/doubt.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace tpt::filter {

namespace {

using Words = std::vector<std::string_view>;

// In the sentence itself: it does not claim what it says.
const Words& doubts() {
  static const Words kWords = {
      "suppose",       "supposing",     "imagine",        "assume",       "assuming",
      "say",           "pretend",       "what if",        "instead",      "not",
      "isn't",         "doesn't",       "wasn't",         "aren't",       "can't be",
      "cannot be",     "wrong",         "incorrect",      "incorrectly",  "mistake",
      "mistaken",      "mistakenly",    "error",          "false",        "misread",
      "typo",          "hmm",           "oops",           "rather than",  "as opposed to",
      "would be",      "would have",    "could be",       "might be",     "may be",
      "guess",         "claim",         "claims",         "claimed",      "claiming",
      "thinks",        "thought",       "unless",         "trick",        "nonsense",
      "absurd",        "contradiction", "contradicts",    "impossible",   "wait,",
      "wait.",         "wait!",         "wait no",        "wait a",       "no,",
      "mod",           "modulo",        "maybe",          "perhaps",      "student says",
      "student said",  "student wrote", "student got",    "student gets", "student answered",
      "student might", "student may",   "students might", "students may", "students often",
      "students say",  "students write"};
  return kWords;
}

// A number that is not meant to the last digit.
const Words& roundings() {
  static const Words kWords = {"approximately", "approximate", "approximates", "roughly",
                               "nearly",        "almost",      "estimate",     "estimated",
                               "estimates",     "rounded",     "rounding",     "round up",
                               "round down",    "round to",    "round it",     "we round",
                               "to round",      "rounds to",   "rounds up"};
  return kWords;
}

// Another thing than the document's is spoken of.
const Words& other_things() {
  static const Words kWords = {"if",      "whereas",  "another",    "different",
                               "compare", "compared", "other than", "typically"};
  return kWords;
}

// In what follows: it is taken back.
const Words& retractions() {
  static const Words kWords = {"wait,",         "wait.",
                               "wait!",         "wait no",
                               "wait a",        "no,",
                               "hmm",           "oops",
                               "hold on",       "that's not",
                               "that is not",   "that isn't",
                               "isn't right",   "not right",
                               "not correct",   "incorrect",
                               "wrong",         "mistake",
                               "let me re",     "let me check",
                               "let me double", "correction",
                               "actually",      "scratch that",
                               "sorry",         "i mean",
                               "should be",     "is false",
                               "nonsense",      "absurd",
                               "contradiction", "impossible",
                               "not equal",     "does not hold",
                               "doesn't hold",  "does not equal",
                               "doesn't equal", "does not match",
                               "doesn't match", "does not work",
                               "doesn't work",  "does not add",
                               "doesn't add",   "does not make",
                               "doesn't make",  "does not seem",
                               "doesn't seem",  "does not look",
                               "doesn't look",  "does not fit",
                               "doesn't fit",   "does not agree",
                               "doesn't agree", "does not follow",
                               "doesn't follow"};
  return kWords;
}

// "about 40", "around a hundred", but not "a story about her".
bool is_about_a_number(std::string_view lower) {
  constexpr std::array<std::string_view, 14> kBegin = {
      "a ",   "one ", "two ",  "three ", "four ",  "five ", "six ",
      "ten ", "half", "twice", "twelve", "twenty", "fifty", "as many"};
  for (const std::string_view word : {std::string_view("about "), std::string_view("around ")}) {
    for (std::size_t at = lower.find(word); at != std::string_view::npos;
         at = lower.find(word, at + 1)) {
      const std::string_view rest = lower.substr(at + word.size());
      const bool digits = !rest.empty() && ((rest[0] >= '0' && rest[0] <= '9') || rest[0] == '$');
      if (digits || std::any_of(kBegin.begin(), kBegin.end(), [rest](std::string_view begin) {
            return rest.starts_with(begin);
          })) {
        return true;
      }
    }
  }
  return false;
}

// The sentence around a claim, and what stands behind it.
struct Surroundings {
  std::string_view sentence;
  std::string_view before;  // the part of it before the claim
  std::string_view behind;
};

Surroundings surroundings(const Reading& thinking, std::size_t begin, std::size_t end) {
  constexpr std::size_t kBehindBytes = 160;
  const std::string_view lower = thinking.lower;
  const Extent extent = sentence_around(thinking.text, begin);
  const std::size_t last = std::max(extent.end, end);
  return {lower.substr(extent.begin, last - extent.begin),
          lower.substr(extent.begin, begin - extent.begin), lower.substr(last, kBehindBytes)};
}

// A word of `words` that `told` does not have.
bool has_own_word(std::string_view sentence, const Words& words, std::string_view told) {
  return has_any_word(sentence, words) &&
         std::any_of(words.begin(), words.end(), [&](std::string_view word) {
           return has_any_word(sentence, {word}) && !has_any_word(told, {word});
         });
}

bool is_no_claim(const Surroundings& around, std::string_view told) {
  return has_own_word(around.sentence, doubts(), told) ||
         has_any_word(around.sentence, roundings()) || is_about_a_number(around.sentence) ||
         around.sentence.ends_with('?') || has_any_word(around.behind, retractions());
}

}  // namespace

bool is_doubted(const Reading& thinking, std::size_t begin, std::size_t end,
                std::string_view told) {
  const Surroundings around = surroundings(thinking, begin, end);
  return is_no_claim(around, told) || has_any_word(around.sentence, other_things());
}

bool is_doubted_arithmetic(const Reading& thinking, std::size_t begin, std::size_t end) {
  const Surroundings around = surroundings(thinking, begin, end);
  // The condition ends at a comma or at "then".
  std::string_view clause = around.before;
  if (const std::size_t comma = clause.rfind(", "); comma != std::string_view::npos) {
    clause.remove_prefix(comma + 2);
  }
  const bool condition = has_any_word(clause, {"if"}) && !has_any_word(clause, {"then"});
  return condition || is_no_claim(around, "");
}

}  // namespace tpt::filter
