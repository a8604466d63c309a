#include "lab/split.h"

#include "base/random.h"

namespace tpt::lab {

Split split_of(std::string_view text) {
  // Not a run's seed: a text is on the same side in every run.
  const std::uint64_t place = derive_seed(0, text, "lab split") % 100;
  if (place < 85) {
    return Split::training;
  }
  if (place < 90) {
    return Split::held_out;
  }
  return place < 95 ? Split::examples : Split::questions;
}

}  // namespace tpt::lab
