// When a run will be done, with its tail: at the end fewer and fewer answers are being written, and
// the last one is a long one.
#pragma once

#include "augment/status.h"
#include "augment/token_histogram.h"

#include <cstdint>
#include <deque>

namespace tpt::augment {

// What is left, as answers whose lengths are distributed as those seen so far.
struct WorkLeft {
  double waiting = 0;            // answers not begun
  double running = 0;            // answers being written, begun at times that are not known
  double slots = 1;              // answers that may be written at once
  double tokens_per_second = 1;  // of one slot
  double drained_seconds = 0;    // how long nothing has waited any more: what still runs is long
};

// Seconds until the last answer is whole: answers go to whichever slot is free first. The speed of
// a slot is taken to stay as it is; servers get faster as they empty, so the tail is rather
// shorter. 0 where nothing is left; -1 where `lengths` is empty.
double seconds_to_finish(const TokenHistogram& lengths, const WorkLeft& work);

// How many rows there will be: documents that were not read yet are taken to give as many as the
// others. 0 where it is not known.
double rows_expected(const JobStatus& status);

// Follows a run by its status.
class TimeLeft {
 public:
  // Seconds left as of `status` (its `seconds`, `generated_tokens`, rows and lengths); -1 while not
  // known: the corpus' size is not, or nothing has been answered yet. Call it every second or so.
  double update(const JobStatus& status);

 private:
  struct Moment {
    double seconds = 0;
    std::int64_t tokens = 0;
    std::int64_t in_flight = 0;
    TokenHistogram answers;
  };
  void remember(const JobStatus& status);
  // Slots, their speed and the lengths of answers, from what came in the window of moments.
  void learn(const JobStatus& status);

  std::deque<Moment> moments_;
  TokenHistogram lengths_;
  double drained_since_ = -1;
  double slots_ = 0;
  double speed_ = 0;  // tokens/s of a slot, of the last time when all were in use
};

}  // namespace tpt::augment
