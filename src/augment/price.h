// What an endpoint costs: by the GPU-hour, by the token, or both.
#pragma once

#include "base/config.h"

#include <cstdint>

namespace tpt::augment {

// In any one currency. A GPU costs while its endpoint has work to do.
struct Price {
  double gpus = 1;  // behind one endpoint; 0 for a hosted one that is paid by the token
  double per_gpu_hour = 0;
  double per_million_prompt_tokens = 0;
  double per_million_generated_tokens = 0;

  bool operator==(const Price&) const = default;
};

// gpus, price_per_gpu_hour, price_per_million_prompt_tokens, price_per_million_generated_tokens.
void describe(Fields& fields, Price& price);

double gpu_seconds(const Price& price, double busy_seconds);
// Tokens of all attempts, used or not: those of a lost hedge are paid too.
double cost(const Price& price, double busy_seconds, std::int64_t prompt_tokens,
            std::int64_t generated_tokens);

}  // namespace tpt::augment
