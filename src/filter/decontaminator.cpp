#include "filter/decontaminator.h"

#include "base/error.h"
#include "filter/script.h"

#include <algorithm>
#include <bit>

namespace tpt::filter {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

double weight_of(std::string_view word) {
  const Script script = script_of(word);
  return script == Script::han || script == Script::kana || script == Script::hangul ? 0.5 : 1;
}

// A word that says something: numbers, variables and short words are the same in every formula.
bool says_something(std::string_view word) {
  return script_of(word) != Script::none && (word.size() >= 3 || weight_of(word) < 1);
}

// Runs of another length have other hashes.
std::uint64_t of_length(std::uint64_t hash, std::size_t n) {
  return (hash + n) * 0x9E3779B97F4A7C15U;
}

}  // namespace

Decontaminator::Decontaminator(DecontaminationConfig config) : config_(config), begins_{0} {
  TPT_CHECK(config_.words > 0 && config_.short_words <= config_.words);
}

void Decontaminator::add(std::string_view benchmark, std::string_view item,
                         std::string_view question) {
  TPT_CHECK(!finished_, "add() behind finish()");
  if (benchmarks_.empty() || benchmarks_.back() != benchmark) benchmarks_.emplace_back(benchmark);
  const std::vector<Word> words = find_words(question);
  if (words.empty()) return;
  Item added{.name = std::string(item),
             .benchmark = static_cast<std::uint32_t>(benchmarks_.size() - 1),
             .first = static_cast<std::uint32_t>(hashes_.size()),
             .words = static_cast<std::uint32_t>(words.size())};
  for (const Word& word : words) {
    for (std::size_t i = word.begin; i < word.end; ++i) text_ += lower(question[i]);
    begins_.push_back(static_cast<std::uint32_t>(text_.size()));
    hashes_.push_back(word.hash);
  }
  items_.push_back(std::move(added));
  // While the runs are sorted each takes twice what it takes afterwards.
  constexpr std::size_t kBytesForWord = 44;
  if (hashes_.size() * kBytesForWord + text_.size() > config_.most_bytes || text_.size() >= kFree) {
    user_error(
        "decontaminate: the benchmarks take more than {} MiB of memory at {} of {}: leave "
        "some out or raise the limit",
        config_.most_bytes >> 20U, item, benchmark);
  }
}

std::size_t Decontaminator::words_of_runs(const Item& item) const {
  if (item.words >= config_.words) return config_.words;
  return item.words >= config_.short_words ? config_.short_words : 0;
}

std::vector<Decontaminator::Run> Decontaminator::runs() const {
  std::vector<Run> runs;
  runs.reserve(hashes_.size());
  std::vector<Word> words;
  for (const Item& item : items_) {
    const std::size_t n = words_of_runs(item);
    if (n == 0) continue;
    words.clear();
    for (std::uint32_t i = 0; i < item.words; ++i) words.push_back({hashes_[item.first + i], 0, 0});
    // A short question is found by its beginning, and then compared to its end.
    if (n < config_.words) words.resize(n);
    const auto hashes = ngram_hashes(words, n);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      runs.push_back({of_length(hashes[i], n), item.first + static_cast<std::uint32_t>(i)});
    }
  }
  return runs;
}

void Decontaminator::fill_slots(std::vector<Run> runs) {
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.place < b.place;
  });
  slots_.assign(std::bit_ceil(runs.size() + runs.size() / 2 + 2), {});
  for (std::size_t i = 0; i < runs.size();) {
    std::size_t end = i;
    std::size_t in_items = 0;
    const Item* last = nullptr;
    for (; end < runs.size() && runs[end].hash == runs[i].hash; ++end) {
      const Item& item = item_at(runs[end].place);
      in_items += &item != last ? 1 : 0;
      last = &item;
    }
    // Short questions that differ in their ends share a beginning: each keeps its place.
    const bool is_short = words_of_runs(item_at(runs[i].place)) < config_.words;
    const std::size_t kept = is_short ? end - i : in_items <= config_.common_items ? 1 : 0;
    for (std::size_t k = 0; k < kept; ++k) {
      std::size_t at = runs[i].hash & (slots_.size() - 1);
      while (slots_[at].place != kFree) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {static_cast<std::uint32_t>(runs[i].hash >> 32U), runs[i + k].place};
    }
    i = end;
  }
}

void Decontaminator::finish() {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::size_t n = words_of_runs(items_[i]);
    has_short_runs_ |= n > 0 && n < config_.words;
    if (n > 0) continue;
    ++short_items_;
    std::vector<Word> words;
    for (std::uint32_t k = 0; k < items_[i].words; ++k) {
      words.push_back({hashes_[items_[i].first + k], 0, 0});
    }
    whole_.emplace(ngram_hashes(words, words.size()).front(), static_cast<std::uint32_t>(i));
  }
  fill_slots(runs());
  hashes_.clear();
  hashes_.shrink_to_fit();
  finished_ = true;
}

const Decontaminator::Item& Decontaminator::item_at(std::uint32_t place) const {
  const auto behind =
      std::upper_bound(items_.begin(), items_.end(), place,
                       [](std::uint32_t at, const Item& item) { return at < item.first; });
  return *std::prev(behind);
}

std::string_view Decontaminator::word(std::uint32_t place) const {
  return std::string_view(text_).substr(begins_[place], begins_[place + 1] - begins_[place]);
}

bool Decontaminator::is_same(const Text& text, std::size_t at, std::uint32_t place) const {
  const Word& mine = text.words[at];
  const std::string_view theirs = word(place);
  return mine.end - mine.begin == theirs.size() &&
         std::equal(theirs.begin(), theirs.end(),
                    text.bytes.begin() + static_cast<std::ptrdiff_t>(mine.begin),
                    [](char a, char b) { return a == lower(b); });
}

std::optional<Contamination> Decontaminator::find(std::string_view text) const {
  return find(text, find_words(text));
}

std::optional<Contamination> Decontaminator::find(std::string_view text,
                                                  const std::vector<Word>& words) const {
  TPT_CHECK(finished_, "find() before finish()");
  const Text whole{text, words};
  if (auto hit = find_whole(whole)) return hit;
  if (auto hit = find_runs(whole, config_.words)) return hit;
  const bool look_for_short = has_short_runs_ && config_.short_words < config_.words;
  return look_for_short ? find_runs(whole, config_.short_words) : std::nullopt;
}

std::optional<Contamination> Decontaminator::find_whole(const Text& text) const {
  if (text.words.empty() || text.words.size() >= config_.short_words) return std::nullopt;
  const auto found = whole_.find(ngram_hashes(text.words, text.words.size()).front());
  if (found == whole_.end()) return std::nullopt;
  const Item& item = items_[found->second];
  if (item.words != text.words.size()) return std::nullopt;
  for (std::uint32_t i = 0; i < item.words; ++i) {
    if (!is_same(text, i, item.first + i)) return std::nullopt;
  }
  return told(text, 0, text.words.size() - 1, item);
}

std::optional<Contamination> Decontaminator::find_runs(const Text& text, std::size_t n) const {
  const auto hashes = ngram_hashes(text.words, n);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const std::uint64_t hash = of_length(hashes[i], n);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].place != kFree; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].bits != static_cast<std::uint32_t>(hash >> 32U)) continue;
      if (auto hit = judged(text, i, slots_[at].place)) return hit;
    }
  }
  return std::nullopt;
}

std::optional<Contamination> Decontaminator::judged(const Text& text, std::size_t at,
                                                    std::uint32_t place) const {
  const Item& item = item_at(place);
  std::size_t first = at;
  std::uint32_t first_place = place;
  while (first > 0 && first_place > item.first && is_same(text, first - 1, first_place - 1)) {
    --first;
    --first_place;
  }
  std::size_t last = first;
  double weight = 0;
  std::size_t speaking = 0;
  const std::uint32_t end_place = item.first + item.words;
  for (std::uint32_t i = first_place; i < end_place && last < text.words.size(); ++i, ++last) {
    if (!is_same(text, last, i)) break;
    weight += weight_of(word(i));
    speaking += says_something(word(i)) ? 1 : 0;
  }
  const bool whole = last - first == item.words;
  constexpr std::size_t kSpeaking = 5;
  constexpr std::size_t kSpeakingOfWhole = 3;
  // A document that is the question and nothing else is it, however little it says.
  const bool nothing_else = whole && text.words.size() == item.words;
  const bool enough = nothing_else ? true
                      : whole
                          ? speaking >= kSpeakingOfWhole
                          : speaking >= kSpeaking && weight >= static_cast<double>(config_.words);
  return enough ? std::optional(told(text, first, last - 1, item)) : std::nullopt;
}

Contamination Decontaminator::told(const Text& text, std::size_t first, std::size_t last,
                                   const Item& item) const {
  const std::size_t begin = text.words[first].begin;
  return {.benchmark = benchmarks_[item.benchmark],
          .item = item.name,
          .words = std::string(text.bytes.substr(begin, text.words[last].end - begin))};
}

std::int64_t Decontaminator::bytes() const {
  std::size_t names = 0;
  for (const Item& item : items_) names += item.name.size();
  return static_cast<std::int64_t>(text_.capacity() + begins_.capacity() * 4 +
                                   slots_.capacity() * sizeof(Slot) +
                                   items_.capacity() * sizeof(Item) + names);
}

}  // namespace tpt::filter
