#include "base/random.h"

#include "base/digest.h"
#include "base/error.h"

#include <string>

namespace tpt {

std::uint64_t derive_seed(std::uint64_t run_seed, std::string_view key, std::string_view purpose) {
  // The key's length is hashed too, so that ("ab", "c") and ("a", "bc") are different.
  Sha256 hash;
  hash.update(fmt::format("{}:{}:", run_seed, key.size()));
  hash.update(key);
  hash.update(purpose);
  return std::stoull(hash.hex().substr(0, 16), nullptr, 16);
}

std::uint64_t Random::below(std::uint64_t bound) {
  TPT_CHECK(bound > 0);
  const std::uint64_t rejected = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = engine_();
    if (value >= rejected) {
      return value % bound;
    }
  }
}

}  // namespace tpt
