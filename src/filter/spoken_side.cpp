#include "filter/spoken_side.h"

#include "filter/equation_context.h"
#include "filter/number_text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tpt::filter {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

struct Operator {
  char sign = 0;
  bool is_word = false;
};

// Words that count: what is behind them is one number with them.
bool is_number_word(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"one",     "two",      "three",    "four",    "five",    "six",     "seven",
       "eight",   "nine",     "ten",      "eleven",  "twelve",  "fifteen", "twenty",
       "thirty",  "forty",    "fifty",    "sixty",   "seventy", "eighty",  "ninety",
       "hundred", "hundreds", "thousand", "million", "billion", "dozen",   "couple",
       "pair",    "third",    "quarter",  "first",   "second",  "every"});
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

class Reader {
 public:
  Reader(std::string_view lower, std::size_t end) : lower_(lower), at_(end) {}

  std::optional<SpokenSide> read() {
    if (!chain(0)) return std::nullopt;
    side_.begin = operand_begin_;
    for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) side_.signs += *piece;
    const std::string_view before = word_before(skipped(side_.begin));
    if (is_number_word(before) || !starts_freely(lower_, side_.begin)) return std::nullopt;
    return std::move(side_);
  }

 private:
  static constexpr int kMostOperands = 12;
  static constexpr int kMostDepth = 4;

  std::size_t skipped(std::size_t at) const {
    while (at > 0 && lower_[at - 1] == ' ') --at;
    return at;
  }

  // With the hyphens inside: "self-made".
  std::string_view word_before(std::size_t end) const {
    std::size_t begin = end;
    while (begin > 0 &&
           (is_letter(lower_[begin - 1]) || (lower_[begin - 1] == '-' && begin < end && begin > 1 &&
                                             is_letter(lower_[begin - 2])))) {
      --begin;
    }
    return lower_.substr(begin, end - begin);
  }

  bool take_word(std::string_view word) {
    const std::size_t end = skipped(at_);
    if (word_before(end) != word) return false;
    at_ = end - word.size();
    return true;
  }

  bool chain(int depth) {
    if (depth > kMostDepth || !operand(depth)) return false;
    for (int operands = 1; operands < kMostOperands; ++operands) {
      const std::size_t before = at_;
      if (take_word("twice") || take_word("double")) {
        pieces_.insert(pieces_.end(), {"*", "2"});
        side_.has_share = true;
        side_.multiplies = true;
        ++side_.operations;
        operand_begin_ = at_;
        return true;
      }
      if (take_word("of")) return share_of();
      const Operator found = take_operator();
      if (found.sign == 0) {
        at_ = before;
        return true;
      }
      pieces_.emplace_back(1, found.sign);
      ++side_.operations;
      side_.in_words |= found.is_word;
      (found.sign == '+' || found.sign == '-' ? side_.adds : side_.multiplies) = true;
      if (!operand(depth)) return false;
    }
    return false;
  }

  // "half of", "a third of", "20 % of" before what was read.
  bool share_of() {
    side_.has_share = true;
    side_.multiplies = true;
    ++side_.operations;
    pieces_.emplace_back("*");
    constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kShares = {
        {{"half", "(1/2)"},
         {"third", "(1/3)"},
         {"quarter", "(1/4)"},
         {"fourth", "(1/4)"},
         {"fifth", "(1/5)"},
         {"sixth", "(1/6)"},
         {"eighth", "(1/8)"},
         {"tenth", "(1/10)"}}};
    for (const auto& [word, value] : kShares) {
      if (!take_word(word)) continue;
      pieces_.emplace_back(value);
      if (word != "half" && !take_word("a") && !take_word("one")) return false;
      if (word == "half" && !take_word("a")) take_word("one");
      operand_begin_ = at_;
      return true;
    }
    const std::size_t before = pieces_.size();
    return operand(0) && pieces_.size() == before + 1 && pieces_.back().ends_with('%');
  }

  Operator take_operator() {
    at_ = skipped(at_);
    if (at_ == 0) return {};
    for (const auto& [word, sign] :
         {std::pair<std::string_view, char>{"times", '*'}, {"plus", '+'}, {"minus", '-'}}) {
      if (take_word(word)) return {sign, true};
    }
    // "3 x 4", but not "0.9x(0.02)".
    if (lower_.substr(0, at_).ends_with(" x") && lower_.substr(at_, 1) == " ") {
      --at_;
      return {'*', false};
    }
    if (take_word("by")) {
      if (take_word("multiplied")) return {'*', true};
      return take_word("divided") ? Operator{'/', true} : Operator{};
    }
    constexpr std::array<std::pair<std::string_view, char>, 9> kSigns = {{{"+", '+'},
                                                                          {"*", '*'},
                                                                          {"/", '/'},
                                                                          {"-", '-'},
                                                                          {"\xC3\x97", '*'},
                                                                          {"\xC3\xB7", '/'},
                                                                          {"\xC2\xB7", '*'},
                                                                          {"\xE2\x88\x92", '-'},
                                                                          {"\xE2\x80\x93", '-'}}};
    for (const auto& [spelled, sign] : kSigns) {
      if (!lower_.substr(0, at_).ends_with(spelled)) continue;
      const std::size_t begin = at_ - spelled.size();
      const bool spaced = begin > 0 && lower_[begin - 1] == ' ' && lower_.substr(at_, 1) == " ";
      const std::size_t before = skipped(begin);
      // The mark of a list item.
      if (before == 0 || lower_[before - 1] == '\n') return {};
      // "covid-19", "3–5".
      const bool joins = sign == '-' && !spaced;
      if (joins && (spelled != "-" || !(is_digit(lower_[begin - 1]) || lower_[begin - 1] == ')'))) {
        return {};
      }
      at_ = begin;
      return {sign, false};
    }
    return {};
  }

  bool operand(int depth) {
    bool percent = false;
    if (!units(percent) || at_ == 0) return false;
    if (lower_[at_ - 1] == ')') {
      --at_;
      pieces_.emplace_back(")");
      if (percent || !chain(depth + 1)) return false;
      at_ = skipped(at_);
      if (at_ == 0 || lower_[at_ - 1] != '(') return false;
      operand_begin_ = --at_;
      pieces_.emplace_back("(");
      return true;
    }
    if (lower_[at_ - 1] == '%') {
      percent = true;
      --at_;
    }
    return number(percent);
  }

  // The words behind a number, from the last one on.
  bool units(bool& percent) {
    constexpr int kMostWords = 5;
    for (int words = 0;; ++words) {
      at_ = skipped(at_);
      const std::string_view word = word_before(at_);
      if (word.empty()) return true;
      at_ -= word.size();
      percent = word == "percent";
      if (words == kMostWords || (!percent && is_no_unit(word))) return false;
      note(percent ? MeasureUnit{} : measure_unit(word));
      if (percent) return at_ > 0;
      if (at_ > 0 && lower_[at_ - 1] == '/') {
        --at_;
      } else if (at_ > 0 && is_digit(lower_[at_ - 1])) {
        return false;  // "4ac", "30th"
      }
    }
  }

  bool number(bool percent) {
    at_ = skipped(at_);
    const std::size_t end = at_;
    if (end == 0 || !is_digit(lower_[end - 1])) return false;
    std::size_t begin = end;
    while (begin > 0 &&
           (is_digit(lower_[begin - 1]) || lower_[begin - 1] == '.' || lower_[begin - 1] == ',')) {
      --begin;
    }
    while (begin < end && !is_digit(lower_[begin]) && lower_[begin] != '.') ++begin;
    const auto written = number_at(lower_, begin);
    if (!written || begin + written->bytes != end) return false;
    if (begin > 0 && lower_[begin - 1] == '$') {
      --begin;
      note(measure_unit("$"));
    }
    constexpr std::string_view kPartOfName = "_:#^\\{&~.'\"<>|@";
    if (begin > 0) {
      const char c = lower_[begin - 1];
      if (is_letter(c) || is_digit(c) || kPartOfName.find(c) != std::string_view::npos) {
        return false;
      }
    }
    pieces_.emplace_back(lower_.substr(end - written->bytes, written->bytes));
    if (percent) pieces_.back() += '%';
    side_.has_percent |= percent;
    at_ = operand_begin_ = begin;
    return true;
  }

  void note(MeasureUnit unit) {
    if (unit.dimension != Dimension::none) side_.units.push_back(unit);
  }

  std::string_view lower_;
  std::size_t at_;
  std::size_t operand_begin_ = 0;
  std::vector<std::string> pieces_;  // from the last one on
  SpokenSide side_;
};

}  // namespace

bool is_no_unit(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"and",     "or",      "plus",   "minus",   "times",    "is",         "are",      "was",
       "were",    "has",     "have",   "had",     "if",       "then",       "so",       "than",
       "more",    "less",    "fewer",  "million", "billion",  "trillion",   "thousand", "hundred",
       "dozen",   "half",    "halves", "thirds",  "quarters", "mod",        "modulo",   "remainder",
       "with",    "without", "over",   "base",    "divided",  "multiplied", "squared",  "cubed",
       "already", "up",      "down",   "percent", "but",      "because",    "since",    "which",
       "that",    "when",    "where",  "while",   "to",       "from",       "at",       "not",
       "equals",  "equal",   "gives",  "makes",   "leaves",   "got",        "gets",     "by",
       "out",     "between", "until",  "about",   "around",   "only",       "left",     "the",
       "off",     "st",      "nd",     "rd",      "th",       "pm"});
  return word.size() == 1 || std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::optional<SpokenSide> spoken_side_before(std::string_view lower, std::size_t end) {
  return Reader(lower, end).read();
}

}  // namespace tpt::filter
