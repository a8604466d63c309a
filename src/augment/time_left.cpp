#include "augment/time_left.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace tpt::augment {
namespace {

constexpr double kMostSlots = 512;
constexpr double kMostAnswers = 16384;
constexpr double kShortestWindowSeconds = 20;
constexpr double kLongestWindowSeconds = 900;
constexpr double kMoments = 64;  // kept in a window
constexpr std::int64_t kEnoughAnswers = 200;

// The i-th of a sequence that fills [0, 1) evenly however many are taken.
double even(std::int64_t i) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double place = (static_cast<double>(i) + 0.5) * kGoldenRatio;
  return place - std::floor(place);
}

// What is left of an answer that is being written at a time of its own: long answers are met more
// often, each at an even share of its length. Quantiles of that.
class Residuals {
 public:
  explicit Residuals(const TokenHistogram& lengths) {
    for (const auto& [length, count] : lengths.buckets()) {
      total_ += length * static_cast<double>(count);
      longer_.push_back({length, static_cast<double>(count)});
    }
  }

  // Share of the running answers with more than `tokens` left.
  double above(double tokens) const {
    if (total_ <= 0) return 0;
    double left = 0;
    for (const auto& [length, count] : longer_) left += count * std::max(0.0, length - tokens);
    return left / total_;
  }
  // The tokens that `share` of the running answers have more of left.
  double at(double share) const {
    double low = 0;
    double high = longer_.empty() ? 0 : longer_.back().first;
    for (int step = 0; step < 40; ++step) {
      const double middle = (low + high) / 2;
      (above(middle) > share ? low : high) = middle;
    }
    return high;
  }

 private:
  std::vector<std::pair<double, double>> longer_;
  double total_ = 0;
};

// Everything runs: the longest of what is left, given that it has lasted since nothing waited.
double tail_tokens(const Residuals& residuals, double running, double drained_tokens) {
  const double lasting = residuals.above(drained_tokens);
  if (lasting <= 0) return 0;
  return residuals.at(lasting / (running + 1)) - drained_tokens;
}

std::int64_t rows_begun(const JobStatus& status) {
  return status.rows_begun > 0 ? status.rows_begun : status.rows_in + status.in_flight;
}

}  // namespace

double seconds_to_finish(const TokenHistogram& lengths, const WorkLeft& work) {
  if (work.waiting + work.running <= 0) return 0;
  if (lengths.count() == 0 || work.tokens_per_second <= 0 || work.slots <= 0) return -1;
  const Residuals residuals(lengths);
  if (work.waiting <= 0) {
    const double drained = work.drained_seconds * work.tokens_per_second;
    return tail_tokens(residuals, work.running, drained) / work.tokens_per_second;
  }
  // A large fleet behaves as a small one with as many answers for each slot.
  const double slots = std::max(1.0, std::min(work.slots, kMostSlots));
  const double scale = slots / std::max(work.slots, 1.0);
  const double running = std::min(work.running * scale, slots);
  double waiting = std::ceil(work.waiting * scale);
  double tokens = 0;
  if (waiting > kMostAnswers) {
    tokens = (waiting - kMostAnswers) * lengths.mean() / slots;
    waiting = kMostAnswers;
  }
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (double slot = 0; slot < slots; ++slot) {
    const bool busy = slot < running;
    free_at.push(busy ? residuals.at((slot + 0.5) / running) : 0);
  }
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(waiting); ++i) {
    const double begin = free_at.top();
    free_at.pop();
    free_at.push(begin + lengths.quantile(even(i)));
  }
  while (free_at.size() > 1) free_at.pop();
  return (tokens + free_at.top()) / work.tokens_per_second;
}

void TimeLeft::remember(const JobStatus& status) {
  // Twice the longest answer: what comes in a shorter time is short, and tells of the short ones.
  const double longest = speed_ > 0 ? static_cast<double>(status.answer_tokens.max()) / speed_ : 0;
  const double window = std::clamp(2 * longest, kShortestWindowSeconds, kLongestWindowSeconds);
  const double step = window / kMoments;
  if (!moments_.empty() && status.seconds < moments_.back().seconds + step) return;
  moments_.push_back(
      {status.seconds, status.generated_tokens, status.in_flight, status.answer_tokens});
  while (moments_.size() > 2 && moments_[1].seconds < status.seconds - window) {
    moments_.pop_front();
  }
}

void TimeLeft::learn(const JobStatus& status) {
  const Moment& first = moments_.front();
  double in_flight = 0;
  for (const Moment& moment : moments_) in_flight += static_cast<double>(moment.in_flight);
  slots_ = std::max(1.0, in_flight / static_cast<double>(moments_.size()));
  const double seconds = status.seconds - first.seconds;
  const auto tokens = static_cast<double>(status.generated_tokens - first.tokens);
  if (seconds > 0 && tokens > 0) speed_ = tokens / seconds / slots_;
  // Those of the window: among all that are whole since the start the long ones are still missing.
  TokenHistogram recent = status.answer_tokens.since(first.answers);
  lengths_ = recent.count() >= kEnoughAnswers ? std::move(recent) : status.answer_tokens;
}

double rows_expected(const JobStatus& status) {
  if (status.documents_total <= 0 || status.documents_read <= 0) return 0;
  const auto documents =
      static_cast<double>(std::max(status.documents_total, status.documents_read));
  if (status.rows_of_document > 0) {
    return static_cast<double>(status.rows_of_document) * documents;
  }
  return static_cast<double>(rows_begun(status)) / static_cast<double>(status.documents_read) *
         documents;
}

double TimeLeft::update(const JobStatus& status) {
  if (status.documents_total <= 0 || status.documents_read <= 0) return -1;
  const auto running = static_cast<double>(status.in_flight);
  const double begun = static_cast<double>(rows_begun(status));
  const bool read_all = status.documents_read >= status.documents_total;
  const double waiting = read_all ? 0 : std::max(0.0, rows_expected(status) - begun);
  if (waiting > 0 || speed_ == 0) {
    drained_since_ = waiting > 0 ? -1 : drained_since_;
    remember(status);
    learn(status);
  }
  if (waiting <= 0 && drained_since_ < 0) drained_since_ = status.seconds;
  if (waiting <= 0 && running <= 0) return 0;
  if (speed_ <= 0) return -1;
  return seconds_to_finish(
      lengths_, {.waiting = waiting,
                 .running = running,
                 .slots = slots_,
                 .tokens_per_second = speed_,
                 .drained_seconds = drained_since_ < 0 ? 0 : status.seconds - drained_since_});
}

}  // namespace tpt::augment
