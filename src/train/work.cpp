#include "train/work.h"

namespace tpt::train {

double flops_of(const model::Config& config, const Work& work) {
  const auto head = static_cast<double>(config.vocab_size * config.hidden_size);
  const auto weights = static_cast<double>(model::num_matmul_parameters(config)) - head;
  const auto width = static_cast<double>(config.num_layers * config.num_heads * config.head_dim);
  return 6.0 * weights * work.positions + 6.0 * head * work.targets + 12.0 * width * work.attended;
}

}  // namespace tpt::train
