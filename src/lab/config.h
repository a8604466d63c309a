// The lab: a corpus whose effect on two cores is real and can fail. Documents state the result of a
// chain of operations modulo 10 ("7-3*4+8=4."), mixed with plain sentences that need no thinking; a
// rule, the expert, writes the steps.
#pragma once

#include "base/config.h"

#include <cstdint>

namespace tpt::lab {

struct Config {
  std::int64_t documents = 60000;          // for training
  std::int64_t held_out_documents = 1000;  // for the loss on unseen text
  std::int64_t questions = 300;            // asked at the end
  std::int64_t examples = 400;             // for fine-tuning
  std::int64_t min_steps = 2;
  std::int64_t max_steps = 6;
  double plain_share = 0.15;  // of the documents
  std::int64_t seed = 1;
};

void describe(Fields& fields, Config& config);

// Error(user) where the options contradict each other, or ask for more different chains than there
// are.
void check(const Config& config);

}  // namespace tpt::lab
