// Which endpoint gets the next request: the one with the lowest score, found in constant time and
// kept up to date in log(endpoints).
#pragma once

#include "base/random.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tpt::augment {

// A tournament tree over places: each inner node names the better of its two children.
class Router {
 public:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  static constexpr double kUnavailable = std::numeric_limits<double>::infinity();

  // Of equal scores the one that was used longest ago is best; at first a draw from `seed` decides.
  explicit Router(std::uint64_t seed) : random_(seed) {}

  // A new place, not available yet.
  std::size_t add_place();
  // kUnavailable takes the place out until it is given another score.
  void set_score(std::size_t place, double score);
  void used(std::size_t place) { entries_[place].used = ++uses_; }
  // The place with the lowest score, or kNone.
  std::size_t best() const;
  // The same without `place`.
  std::size_t best_without(std::size_t place);

 private:
  struct Entry {
    double score = kUnavailable;
    std::uint64_t used = 0;
  };

  void grow();
  void play_up(std::size_t place);
  std::size_t winner(std::size_t left, std::size_t right) const;

  Random random_;
  std::uint64_t uses_ = std::uint64_t{1} << 63U;  // above all draws
  std::vector<Entry> entries_;
  std::size_t leaves_ = 0;            // a power of two
  std::vector<std::size_t> winners_;  // [1] is the root; a leaf's node is leaves_ + place
};

}  // namespace tpt::augment
