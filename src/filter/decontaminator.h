// Finds questions of benchmarks in documents and thinking: what a model has read it can answer
// without being able to.
//
//   Decontaminator benchmarks({.words = 13});
//   benchmarks.add("gsm8k/test", "17", "Janet's ducks lay 16 eggs per day. ...");
//   if (auto hit = benchmarks.find(text)) ... hit->benchmark, hit->item, hit->words
#pragma once

#include "filter/words.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tpt::filter {

struct DecontaminationConfig {
  std::size_t words = 13;       // a run of this length is contamination (GPT-3's measure)
  std::size_t short_words = 8;  // questions from here to `words` are found whole; shorter ones only
                                // where they are a whole text
  std::size_t common_items = 10;  // a run that stands in more items than this is a form of words
  std::size_t most_bytes = std::size_t{4} << 30U;  // of memory
};

struct Contamination {
  std::string benchmark;
  std::string item;
  std::string words;  // the run as it stands in the text
};

// Texts are compared as words in lower case without signs, each hit word by word: no accident of
// hashing is a hit. Signs of scripts without spaces count half a word. A run of numbers and single
// letters says nothing. Memory: about 30 bytes for each word of the benchmarks.
class Decontaminator {
 public:
  explicit Decontaminator(DecontaminationConfig config = {});

  // Error(user) where the benchmarks take more than `most_bytes`.
  void add(std::string_view benchmark, std::string_view item, std::string_view question);
  // To be called once behind the last add(); find() is thread-safe from then on.
  void finish();

  std::optional<Contamination> find(std::string_view text) const;
  std::optional<Contamination> find(std::string_view text, const std::vector<Word>& words) const;

  std::int64_t items() const { return static_cast<std::int64_t>(items_.size()); }
  // Items too short to be found inside a longer text.
  std::int64_t short_items() const { return short_items_; }
  std::int64_t bytes() const;

 private:
  struct Item {
    std::string name;
    std::uint32_t benchmark = 0;
    std::uint32_t first = 0;  // of its words among those of all items
    std::uint32_t words = 0;
  };
  // Where a run stands in the items, with some bits of its hash, so that most other runs are told
  // apart without looking there.
  struct Slot {
    std::uint32_t bits = 0;
    std::uint32_t place = kFree;
  };
  struct Run {
    std::uint64_t hash = 0;
    std::uint32_t place = 0;
  };
  // A text with its words, and where a run of it was found.
  struct Text {
    std::string_view bytes;
    const std::vector<Word>& words;
  };
  static constexpr std::uint32_t kFree = 0xFFFFFFFFU;

  std::size_t words_of_runs(const Item& item) const;
  std::vector<Run> runs() const;
  void fill_slots(std::vector<Run> runs);
  const Item& item_at(std::uint32_t place) const;
  std::string_view word(std::uint32_t place) const;
  bool is_same(const Text& text, std::size_t at, std::uint32_t place) const;
  std::optional<Contamination> find_whole(const Text& text) const;
  std::optional<Contamination> find_runs(const Text& text, std::size_t n) const;
  std::optional<Contamination> judged(const Text& text, std::size_t at, std::uint32_t place) const;
  Contamination told(const Text& text, std::size_t first, std::size_t last, const Item& item) const;

  DecontaminationConfig config_;
  std::vector<std::string> benchmarks_;
  std::vector<Item> items_;
  std::string text_;                   // the words of all items, one behind the other
  std::vector<std::uint64_t> hashes_;  // of the words; empty behind finish()
  std::vector<std::uint32_t> begins_;  // of the words in text_, and its end
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, std::uint32_t> whole_;  // questions found as whole texts
  std::int64_t short_items_ = 0;
  bool has_short_runs_ = false;
  bool finished_ = false;
};

}  // namespace tpt::filter
