#include "filter/copying.h"

#include "filter/hash_set.h"

#include <algorithm>

namespace tpt::filter {

double copied_share(std::span<const std::uint64_t> thinking,
                    std::span<const std::uint64_t> document, std::size_t n) {
  if (document.empty() || thinking.empty()) return 0;
  HashSet known(document.size());
  for (const std::uint64_t run : document) known.insert(run);
  std::size_t covered_to = 0;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < thinking.size(); ++i) {
    if (!known.contains(thinking[i])) continue;
    copied += i + n - std::max(covered_to, i);
    covered_to = i + n;
  }
  return static_cast<double>(copied) / static_cast<double>(thinking.size() + n - 1);
}

}  // namespace tpt::filter
