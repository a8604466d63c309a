#include "augment/price.h"

namespace tpt::augment {

void describe(Fields& fields, Price& price) {
  fields.number("gpus", price.gpus, "GPUs behind one endpoint; 0 where it is paid by the token", 0,
                1e6);
  fields.number("price_per_gpu_hour", price.per_gpu_hour, "in any currency; 0: not known", 0);
  fields.number("price_per_million_prompt_tokens", price.per_million_prompt_tokens,
                "of what is sent, every attempt; 0: not known", 0);
  fields.number("price_per_million_generated_tokens", price.per_million_generated_tokens,
                "of what is written, every attempt; 0: not known", 0);
}

double gpu_seconds(const Price& price, double busy_seconds) { return price.gpus * busy_seconds; }

double cost(const Price& price, double busy_seconds, std::int64_t prompt_tokens,
            std::int64_t generated_tokens) {
  return gpu_seconds(price, busy_seconds) / 3600 * price.per_gpu_hour +
         static_cast<double>(prompt_tokens) / 1e6 * price.per_million_prompt_tokens +
         static_cast<double>(generated_tokens) / 1e6 * price.per_million_generated_tokens;
}

}  // namespace tpt::augment
