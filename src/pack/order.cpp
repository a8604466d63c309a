#include "pack/order.h"

#include "base/error.h"
#include "base/random.h"

#include <numeric>
#include <utility>

namespace tpt::pack {
namespace {

std::vector<std::uint64_t> counted(std::size_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  return numbers;
}

}  // namespace

std::vector<std::uint64_t> shuffled_order(std::size_t count, std::int64_t seed) {
  std::vector<std::uint64_t> order = counted(count);
  Random random(derive_seed(static_cast<std::uint64_t>(seed), "shard", "order of sequences"));
  random.shuffle(std::span(order));
  return order;
}

std::vector<std::uint64_t> derangement(std::span<const std::uint64_t> items, std::int64_t seed) {
  std::vector<std::uint64_t> donors = counted(items.size());
  Random random(derive_seed(static_cast<std::uint64_t>(seed), "shard", "thinking of another"));
  for (std::size_t left = donors.size(); left > 1; --left) {
    std::swap(donors[left - 1], donors[random.below(left - 1)]);
  }
  const auto is_own = [&](std::size_t place, std::size_t donor_place) {
    return items[place] == items[donors[donor_place]];
  };
  for (std::size_t i = 0; i < donors.size(); ++i) {
    if (!is_own(i, i)) {
      continue;
    }
    std::size_t step = 1;
    std::size_t j = i;
    for (; step < donors.size(); ++step) {
      j = (i + step) % donors.size();
      if (!is_own(i, j) && !is_own(j, i)) {
        break;
      }
    }
    if (step >= donors.size()) {
      user_error(
          "shuffle_thinking: {} samples with thinking cannot all get that of another "
          "document",
          items.size());
    }
    std::swap(donors[i], donors[j]);
  }
  return donors;
}

}  // namespace tpt::pack
