// How fast a sample went, and how long a larger run takes at that pace.
#pragma once

#include "augment/spend.h"
#include "augment/token_histogram.h"

namespace tpt::app {

// Of the average endpoint, in tokens of rows: what unused attempts cost is in the speed.
struct Pace {
  double slots = 0;              // answers written at once while there was work for all
  double tokens_per_second = 0;  // of one slot
  double endpoints = 1;          // that answered
  double gpus_per_endpoint = 0;
};

// The sample's own end, where slots stand empty, is no part of it. Slots are 0 where the account
// says nothing about time.
Pace pace_of(const augment::SpendRecord& spend, const augment::TokenHistogram& lengths);

struct Fleet {
  double endpoints = 1;
  double in_flight_per_endpoint = 1;
};

// Tokens of rows a second on the fleet with every slot full. More in flight than the sample had is
// taken to bring nothing, fewer to be as fast each.
double full_speed(const Pace& pace, const Fleet& fleet);

// Until the last answer is whole. `rows` of such `lengths`, `tokens` in sum.
struct WallTime {
  double seconds = 0;
  double tail_seconds = 0;  // of these, more than the same work in full slots takes
};
WallTime wall_time(const Pace& pace, const Fleet& fleet, const augment::TokenHistogram& lengths,
                   double rows, double tokens);

}  // namespace tpt::app
