// How far a total of a whole corpus may lie from what a sample of its documents says.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tpt::app {

// 90 %: 5 in a hundred samples give a `high` below the truth, 5 a `low` above it.
struct Interval {
  double low = 0;
  double middle = 0;
  double high = 0;
};

Interval scaled(const Interval& interval, double factor);

// One document of the sample: how long it is, and how much of something it came to.
struct Measured {
  double bytes = 0;
  double value = 0;
};

// The whole that is foreseen.
struct Whole {
  double documents = 0;
  double bytes = 0;
};

// The sum of `value` over the whole. Its mean is corrected along a line for the difference in
// length between sample and whole. Documents are drawn again and again from the sample, and each
// draw is judged by its own spread (a bootstrap-t of the logarithm): lengths of thinking have long
// tails, of which a small sample has seen too little. What is left to the chance of the whole
// itself counts too. Draws come from `seed`. At least two documents.
Interval foresee(std::span<const Measured> sample, const Whole& whole, std::uint64_t seed);

}  // namespace tpt::app
