#include "filter/stop_words.h"

#include "filter/language_profiles.h"
#include "filter/words.h"

#include <bitset>
#include <vector>

namespace tpt::filter {

namespace {

struct Entry {
  std::uint64_t word = 0;
  std::uint32_t languages = 0;
};

// Open addressing; made at the first use, read only from then on.
class Table {
 public:
  Table() : entries_(4096) {
    for (std::size_t language = 0; language < kLanguages; ++language) {
      for (const Word& word : find_words(language_profiles()[language].words)) {
        Entry& entry = entries_[place(word.hash)];
        entry.word = word.hash;
        entry.languages |= 1U << language;
        marks_[word.hash >> 48U] = true;
      }
    }
  }
  std::uint32_t find(std::uint64_t word) const {
    return marks_[word >> 48U] ? entries_[place(word)].languages : 0;
  }

 private:
  std::size_t place(std::uint64_t word) const {
    std::size_t at = word & (entries_.size() - 1);
    while (entries_[at].languages != 0 && entries_[at].word != word) {
      at = (at + 1) & (entries_.size() - 1);
    }
    return at;
  }

  std::bitset<(1U << 16U)> marks_;  // by the first bits of the hash: most words are none of these
  std::vector<Entry> entries_;
};

}  // namespace

std::string_view language_name(std::size_t language) { return language_profiles()[language].name; }

std::uint32_t languages_with(std::uint64_t word) {
  static const Table kTable;
  return kTable.find(word);
}

}  // namespace tpt::filter
