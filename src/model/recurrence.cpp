// Networks whose middle block is run several times.
#include "base/error.h"
#include "base/random.h"
#include "model/config.h"

#include <cmath>
#include <numbers>
#include <string>

namespace tpt::model {
namespace {

constexpr double kSpread = 0.5;

double normal(Random& random) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * random.uniform());
}

// Counts how many steps of an exponential waiting time fit into `rate`.
std::int64_t poisson(double rate, Random& random) {
  std::int64_t count = -1;
  for (double passed = 0; passed <= rate; ++count) passed -= std::log(1.0 - random.uniform());
  return count;
}

}  // namespace

std::vector<std::int64_t> layers_in_order(const Config& config, std::int64_t repeats) {
  const std::int64_t block = config.recurrence.first_layer;
  const std::int64_t block_end = block + config.recurrence.num_layers;
  std::vector<std::int64_t> order;
  const auto pass = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t layer = begin; layer < end; ++layer) order.push_back(layer);
  };
  pass(0, block);
  for (std::int64_t turn = 0; turn < repeats; ++turn) pass(block, block_end);
  pass(block_end, config.num_layers);
  return order;
}

Config unrolled(Config config, std::int64_t repeats) {
  config.num_layers = static_cast<std::int64_t>(layers_in_order(config, repeats).size());
  config.recurrence = {};
  return config;
}

std::int64_t sampled_repeats(const Recurrence& recurrence, std::uint64_t run_seed,
                             std::int64_t step) {
  if (recurrence.num_layers == 0) return 1;
  Random random(derive_seed(run_seed, std::to_string(step), "recurrent depth"));
  const double center = std::log(recurrence.mean_repeats) - kSpread * kSpread / 2;
  return poisson(std::exp(center + kSpread * normal(random)), random) + 1;
}

}  // namespace tpt::model
