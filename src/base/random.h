// Every random choice comes from (run seed, key, purpose): no shared generator, so threads change
// no byte.
//
//   Random random(derive_seed(config.seed, document.id, "focus"));
//   const std::size_t position = random.below(text.size());
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <utility>

namespace tpt {

// A 64-bit seed for one purpose on one item: the first 8 bytes of SHA-256(run seed, key, purpose).
std::uint64_t derive_seed(std::uint64_t run_seed, std::string_view key, std::string_view purpose);

// mt19937_64 with distributions of our own, because those of the standard library differ between
// machines.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  // Uniform in [0, bound) without bias; bound must be above 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1) with 53 random bits.
  double uniform() { return static_cast<double>(engine_() >> 11U) * 0x1.0p-53; }
  // Fisher-Yates from the back.
  template <typename T>
  void shuffle(std::span<T> items) {
    for (std::size_t left = items.size(); left > 1; --left) {
      std::swap(items[left - 1], items[below(left)]);
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tpt
