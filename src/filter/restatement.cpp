#include "filter/restatement.h"

#include "filter/doubt.h"
#include "filter/equations.h"
#include "filter/hash_set.h"
#include "filter/quoted_value.h"
#include "filter/terms.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tpt::filter {

namespace {

using Terms = std::vector<Term>;

// What stands around a number, and where in the document.
struct Key {
  std::uint64_t hash = 0;
  std::size_t place = 0;  // of the number among the document's terms
};

std::uint64_t joined(std::uint64_t hash, std::uint64_t next) {
  return (hash ^ next) * 0x9E3779B97F4A7C15U + (hash >> 29U);
}

// Which neighbours make a key: so many terms before, so many behind.
struct Shape {
  std::size_t before = 0;
  std::size_t behind = 0;
};
constexpr std::array<Shape, 4> kShapes = {{{4, 0}, {3, 1}, {2, 2}, {1, 3}}};

// 0 where the text is too short there.
std::uint64_t key_hash(const Terms& terms, std::size_t at, const Shape& shape) {
  if (at < shape.before || at + shape.behind >= terms.size()) return 0;
  std::uint64_t hash = shape.before + 1;
  for (std::size_t i = at - shape.before; i <= at + shape.behind; ++i) {
    if (i != at) hash = joined(hash, terms[i].hash);
  }
  return hash;
}

bool is_year(const Term& term) {
  return term.is_number && term.end - term.begin == 4 && term.number.decimals == 0 &&
         term.number.value >= 1000 && term.number.value < 2100;
}

// "the Treaty of Ghent was signed in 1814": a key of the last capitalised word, the verb and the
// preposition; 0 where there is no such thing.
std::uint64_t named_year_hash(const Reading& reading, const Terms& terms, std::size_t at) {
  constexpr std::size_t kFar = 12;
  static const std::array<std::uint64_t, 3> kPrepositions = {word_hash("in"), word_hash("since"),
                                                             word_hash("until")};
  if (!is_year(terms[at]) || at < 3) return 0;
  const bool dated = std::find(kPrepositions.begin(), kPrepositions.end(), terms[at - 1].hash) !=
                     kPrepositions.end();
  if (!dated || !is_content(terms[at - 2])) return 0;
  const std::size_t sentence = sentence_around(reading.text, terms[at].begin).begin;
  for (std::size_t i = at - 2; i > 0 && at - i < kFar && terms[i - 1].begin >= sentence; --i) {
    const char first = reading.text[terms[i - 1].begin];
    if (first < 'A' || first > 'Z' || !is_content(terms[i - 1])) continue;
    return joined(joined(joined(7, terms[i - 1].hash), terms[at - 2].hash), terms[at - 1].hash);
  }
  return 0;
}

// Those of the shapes, in their order, then that of a named year.
std::array<std::uint64_t, kShapes.size() + 1> keys_of(const Reading& reading, const Terms& terms,
                                                      std::size_t at) {
  std::array<std::uint64_t, kShapes.size() + 1> keys{};
  for (std::size_t i = 0; i < kShapes.size(); ++i) keys[i] = key_hash(terms, at, kShapes[i]);
  keys.back() = named_year_hash(reading, terms, at);
  return keys;
}

// Words that number things, as "step 3": another number is another thing.
bool is_label(const Reading& reading, const Terms& terms, std::size_t at) {
  static const std::vector<std::string_view> kLabels = {
      "step",   "figure",  "fig",       "chapter",  "section", "equation", "table",   "case",
      "part",   "example", "page",      "item",     "point",   "question", "problem", "line",
      "option", "theorem", "lemma",     "exercise", "number",  "no",       "level",   "version",
      "volume", "article", "rule",      "class",    "day",     "week",     "note",    "row",
      "column", "index",   "paragraph", "title",    "act",     "scene",    "round",   "try"};
  if (at == 0) return true;
  const Term& before = terms[at - 1];
  return std::find(
             kLabels.begin(), kLabels.end(),
             std::string_view(reading.lower).substr(before.begin, before.end - before.begin)) !=
         kLabels.end();
}

// Results, other cases, further examples: numbers of their own.
bool reasons_on(std::string_view lower, std::string_view told) {
  constexpr std::array<std::string_view, 27> kWords = {
      "so",      "thus",      "therefore", "hence", "then",    "now",     "new",
      "becomes", "become",    "total",     "twice", "double",  "doubled", "half",
      "triple",  "similarly", "likewise",  "next",  "example", "e.g",     "again",
      "earlier", "later",     "previous",  "today", "also",    "too"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return has_any_word(lower, {word}) && !has_any_word(told, {word});
  });
}

// How far the thinking's number may be off as a rounding of the document's, or the other way
// round; years are not rounded.
double tolerance(const Term& mine, const Term& theirs) {
  if (is_year(mine) && is_year(theirs)) return 0;
  const double own = rounding_of(mine.number);
  const double given = rounding_of(theirs.number);
  return own > given ? own : std::min(given, 0.05 * theirs.number.value);
}

// "3-1", "2.1.4", "7/8", "12:30" and the number of a list item are names of things.
bool is_part_of_name(std::string_view text, const Term& term) {
  static constexpr auto kJoins = table_of("-_/.:#^{$\\(");
  static constexpr auto kBehind = table_of("-_/:^})");
  const auto has = [&text](const std::array<bool, 256>& table, std::size_t at) {
    return table[static_cast<unsigned char>(text[at])];
  };
  const bool before = term.begin > 0 && has(kJoins, term.begin - 1);
  const bool behind = term.end < text.size() && has(kBehind, term.end);
  const bool starts_line = term.begin == 0 || text[term.begin - 1] == '\n';
  // "$5" is money.
  const bool money = before && text[term.begin - 1] == '$' && !behind;
  return (before && !money) || behind || starts_line;
}

// What can be worked out from the document's numbers in one step.
bool follows_from(const Terms& given, double value, double theirs) {
  return std::any_of(given.begin(), given.end(), [&](const Term& term) {
    if (!term.is_number || term.number.value == 0) return false;
    const double other = term.number.value;
    return value == theirs * other || value == theirs / other || value == theirs + other ||
           value == theirs - other || value == other / theirs || value == other - theirs;
  });
}

// One number of the thinking held against one of the document.
class Comparison {
 public:
  Comparison(const Reading& thinking, const Reading& document, const Terms& said,
             const Terms& given)
      : thinking_(thinking), document_(document), said_(said), given_(given) {}

  bool contradicts(std::size_t at, std::size_t place, bool named) const {
    const WrittenNumber& mine = said_[at].number;
    const WrittenNumber& theirs = given_[place].number;
    const double off = std::abs(mine.value - theirs.value);
    if (off <= tolerance(said_[at], given_[place])) return false;
    const Extent sentence = sentence_around(thinking_.text, said_[at].begin);
    const std::string_view lower =
        std::string_view(thinking_.lower).substr(sentence.begin, sentence.end - sentence.begin);
    const Extent their_sentence = sentence_around(document_.text, given_[place].begin);
    const std::string_view told =
        std::string_view(document_.lower)
            .substr(their_sentence.begin, their_sentence.end - their_sentence.begin);
    const bool quotes = says_it_quotes(lower);
    if (!named && !same_words(at, place, quotes)) return false;
    const bool derived = follows_from(given_, mine.value, theirs.value);
    if (!quotes && !named && (derived || reasons_on(lower, told))) return false;
    return !has_numbers_of_its_own(at, place, sentence) &&
           !is_doubted(thinking_, said_[at].begin, said_[at].end, told);
  }

 private:
  // Terms that are equal around the two numbers, outwards until one differs.
  bool same_words(std::size_t at, std::size_t place, bool quotes) const {
    constexpr std::size_t kFar = 12;
    std::size_t all = 0;
    std::size_t content = 0;
    const auto count = [&](const Term& term) {
      ++all;
      content += is_content(term) ? 1 : 0;
    };
    for (std::size_t i = 1; i <= kFar && i <= at && i <= place; ++i) {
      if (said_[at - i].hash != given_[place - i].hash) break;
      if (breaks_line(document_, given_, place - i)) break;
      count(said_[at - i]);
    }
    for (std::size_t i = 1; i <= kFar && at + i < said_.size() && place + i < given_.size(); ++i) {
      if (said_[at + i].hash != given_[place + i].hash) break;
      if (breaks_line(document_, given_, place + i - 1)) break;
      count(said_[at + i]);
    }
    return quotes ? all >= 4 && content >= 2 : all >= 6 && content >= 3;
  }

  // Headings and rows of tables are no sentence with what follows them.
  static bool breaks_line(const Reading& reading, const Terms& terms, std::size_t at) {
    const std::size_t end = terms[at].end;
    return reading.text.substr(end, terms[at + 1].begin - end).find("\n\n") !=
           std::string_view::npos;
  }

  bool has_numbers_of_its_own(std::size_t at, std::size_t place, const Extent& sentence) const {
    const Extent theirs = sentence_around(document_.text, given_[place].begin);
    const auto in_theirs = [&](const Term& number) {
      return std::any_of(given_.begin(), given_.end(), [&](const Term& other) {
        return other.is_number && other.begin >= theirs.begin && other.begin < theirs.end &&
               other.number.value == number.number.value;
      });
    };
    for (std::size_t i = 0; i < said_.size(); ++i) {
      const Term& other = said_[i];
      const bool counts =
          other.is_number && i != at && other.begin >= sentence.begin && other.begin < sentence.end;
      if (!counts) continue;
      if (other.number.value == given_[place].number.value || !in_theirs(other)) return true;
    }
    return false;
  }

  const Reading& thinking_;
  const Reading& document_;
  const Terms& said_;
  const Terms& given_;
};

// The document's keys in the order of their hashes, those with two different numbers left out.
std::vector<Key> document_keys(const Reading& document, const Terms& given) {
  std::vector<Key> keys;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].is_number || is_part_of_name(document.text, given[i])) continue;
    for (const std::uint64_t hash : keys_of(document, given, i)) {
      if (hash != 0) keys.push_back({hash, i});
    }
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return a.hash < b.hash; });
  std::vector<Key> unique;
  for (std::size_t i = 0; i < keys.size();) {
    std::size_t end = i + 1;
    bool one_value = true;
    for (; end < keys.size() && keys[end].hash == keys[i].hash; ++end) {
      one_value &= given[keys[end].place].number.value == given[keys[i].place].number.value;
    }
    if (one_value) unique.push_back(keys[i]);
    i = end;
  }
  return unique;
}

bool has_value(const Terms& terms, double value) {
  return std::any_of(terms.begin(), terms.end(), [value](const Term& term) {
    return term.is_number && term.number.value == value;
  });
}

bool is_result(const std::vector<Equation>& equations, double value) {
  return std::any_of(equations.begin(), equations.end(),
                     [value](const Equation& equation) { return equation.right_value == value; });
}

std::string told(const Reading& thinking, const Term& mine, const Reading& document,
                 const Term& theirs) {
  constexpr std::size_t kAround = 40;
  std::size_t begin = theirs.begin > kAround ? theirs.begin - kAround : 0;
  while (begin < theirs.begin &&
         (static_cast<unsigned char>(document.text[begin]) & 0xC0U) == 0x80U) {
    ++begin;
  }
  return fmt::format("{}, document: {}", thinking.text.substr(mine.begin, mine.end - mine.begin),
                     document.text.substr(begin, theirs.end - begin));
}

}  // namespace

std::string contradicted_number(const Reading& thinking, const Reading& document) {
  static constexpr auto kDigits = table_of("0123456789");
  const auto has_numbers = [](const Reading& reading) {
    return find_any(reading.text, kDigits, 0) < reading.text.size();
  };
  if (!has_numbers(document) || !has_numbers(thinking)) return "";
  const Terms given = terms_of(document);
  const std::vector<Key> keys = document_keys(document, given);
  if (keys.empty()) return "";
  HashSet known(keys.size());
  for (const Key& key : keys) known.insert(key.hash);
  const Terms said = terms_of(thinking);
  const Comparison comparison(thinking, document, said, given);
  for (std::size_t i = 0; i < said.size(); ++i) {
    if (!said[i].is_number || is_part_of_name(thinking.text, said[i])) continue;
    const auto mine = keys_of(thinking, said, i);
    for (std::size_t k = 0; k < mine.size(); ++k) {
      if (mine[k] == 0 || !known.contains(mine[k])) continue;
      const auto found =
          std::lower_bound(keys.begin(), keys.end(), mine[k],
                           [](const Key& key, std::uint64_t hash) { return key.hash < hash; });
      const Term& theirs = given[found->place];
      const bool another = theirs.number.value != said[i].number.value &&
                           !has_value(given, said[i].number.value) && !is_label(thinking, said, i);
      if (another && !stands_in(code_and_formula_extents(thinking.text), said[i].begin) &&
          !stands_in(code_and_formula_extents(document.text), theirs.begin) &&
          comparison.contradicts(i, found->place, k == kShapes.size()) &&
          !is_result(find_equations(thinking), said[i].number.value)) {
        return told(thinking, said[i], document, theirs);
      }
    }
  }
  return "";
}

}  // namespace tpt::filter
