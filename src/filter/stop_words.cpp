#include "filter/stop_words.h"

#include "base/error.h"
#include "filter/words.h"

#include <bitset>
#include <vector>

namespace tpt::filter {

namespace {

// Open addressing; made at the first use, read only from then on.
class Table {
 public:
  Table() : words_(kSlots + 1) {
    std::uint16_t numbered = 0;
    for (std::size_t language = 0; language < kLanguages; ++language) {
      for (const Word& word : find_words(language_profiles()[language].words)) {
        StopWord& entry = words_[place(word.hash)];
        if (entry.number == 0) entry = {.hash = word.hash, .number = ++numbered};
        if (entry.languages.of(language) == 0) entry.languages.add_one(language);
        marks_[word.hash >> 48U] = true;
      }
    }
    TPT_CHECK(numbered < kMostStopWords, "{} stop words", numbered);
  }

  const StopWord& find(std::uint64_t hash) const {
    return words_[marks_[hash >> 48U] ? place(hash) : kSlots];
  }

 private:
  static constexpr std::size_t kSlots = 2 * kMostStopWords;

  std::size_t place(std::uint64_t hash) const {
    std::size_t at = hash & (kSlots - 1);
    while (words_[at].number != 0 && words_[at].hash != hash) at = (at + 1) & (kSlots - 1);
    return at;
  }

  std::bitset<(1U << 16U)> marks_;  // by the first bits of the hash: most words are none of these
  std::vector<StopWord> words_;     // the one behind the slots is no word
};

}  // namespace

std::string_view language_name(std::size_t language) { return language_profiles()[language].name; }

const StopWord& stop_word(std::uint64_t hash) {
  static const Table kTable;
  return kTable.find(hash);
}

}  // namespace tpt::filter
