#include "filter/terms.h"

#include "filter/stop_words.h"

namespace tpt::filter {

std::vector<Term> terms_of(const Reading& reading) {
  std::vector<Term> terms;
  terms.reserve(reading.words.size());
  for (std::size_t i = 0; i < reading.words.size(); ++i) {
    const Word& word = reading.words[i];
    Term term{.hash = word.hash, .begin = word.begin, .end = word.end};
    const char first = reading.text[word.begin];
    if (first >= '0' && first <= '9') {
      if (const auto number = number_at(reading.text, word.begin)) {
        const std::size_t end = word.begin + number->bytes;
        // "3rd" and "5km" stay words.
        if (end >= word.end) {
          while (i + 1 < reading.words.size() && reading.words[i + 1].end <= end) ++i;
          const bool whole = reading.words[i].end == end;
          if (whole) {
            term.hash = word_hash(reading.text.substr(word.begin, end - word.begin));
            term.end = end;
            term.is_number = true;
            term.number = *number;
          }
        }
      }
    }
    terms.push_back(term);
  }
  return terms;
}

bool is_content(const Term& term) {
  return !term.is_number && term.end - term.begin >= 3 && stop_word(term.hash).number == 0;
}

}  // namespace tpt::filter
