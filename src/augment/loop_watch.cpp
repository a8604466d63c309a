#include "augment/loop_watch.h"

#include <algorithm>
#include <cstring>

namespace tpt::augment {

namespace {

constexpr std::size_t kWord = 8;             // bytes of a sample
constexpr std::size_t kShortPeriod = 256;    // periods up to this are tried one by one
constexpr std::size_t kLongPeriod = 16'384;  // the longest that is looked for
constexpr std::size_t kCheckEvery = 256;     // bytes between looks for short periods
constexpr unsigned kSlotBits = 10;
constexpr unsigned kSampleBits = 2;  // one place of four is sampled, by what stands there
constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;

std::uint64_t word_before(std::string_view text, std::size_t end) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + end - kWord, kWord);
  return word;
}

// Bytes at the end of `text` that are those `period` bytes before them.
std::size_t run_length(std::string_view text, std::size_t period, std::size_t enough) {
  std::size_t run = 0;
  const std::size_t most = std::min(enough, text.size() - period);
  while (run + kWord <= most &&
         word_before(text, text.size() - run) == word_before(text, text.size() - run - period)) {
    run += kWord;
  }
  while (run < most && text[text.size() - 1 - run] == text[text.size() - 1 - run - period]) ++run;
  return run;
}

bool is_loop(std::string_view text, std::size_t period) {
  const bool is_fill = run_length(text, 1, kWord * kWord) >= kWord * kWord ||
                       run_length(text, 2, kWord * kWord) >= kWord * kWord;
  const std::size_t least = is_fill ? LoopWatch::kLeastFillBytes : LoopWatch::kLeastBytes;
  const std::size_t enough = std::max(least, LoopWatch::kRepeats * period);
  return text.size() >= enough + period && run_length(text, period, enough) >= enough;
}

}  // namespace

bool LoopWatch::loops(std::string_view text) {
  if (text.size() < seen_) *this = {};
  if (found_ || text.size() < kLeastBytes) return found_;
  if (last_.empty()) last_.assign(std::size_t{1} << kSlotBits, 0);
  if (text.size() >= checked_ + kCheckEvery) {
    checked_ = text.size();
    found_ = short_period(text);
  }
  for (std::size_t end = std::max(seen_ + 1, kWord); end <= text.size() && !found_; ++end) {
    found_ = long_period(text, end);
  }
  seen_ = text.size();
  return found_;
}

bool LoopWatch::short_period(std::string_view text) const {
  const std::uint64_t last = word_before(text, text.size());
  for (std::size_t period = 1; period <= kShortPeriod; ++period) {
    if (word_before(text, text.size() - period) == last && is_loop(text, period)) return true;
  }
  return false;
}

// Eight bytes that stood before, some way back: the way back may be the period. What is sampled
// depends on the bytes alone, so that every turn of a loop is sampled at the same places.
bool LoopWatch::long_period(std::string_view text, std::size_t end) {
  const std::uint64_t mixed = word_before(text, end) * kFactor;
  if ((mixed >> (64 - kSampleBits)) != 0) return false;
  const std::size_t slot = (mixed >> (64 - kSampleBits - kSlotBits)) & ((1U << kSlotBits) - 1);
  const auto place = static_cast<std::uint16_t>(end);
  const std::size_t period = static_cast<std::uint16_t>(place - last_[slot]);
  last_[slot] = place;
  return period > kShortPeriod && period <= kLongPeriod && is_loop(text.substr(0, end), period);
}

}  // namespace tpt::augment
