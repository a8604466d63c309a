#include "filter/copying.h"

#include "filter/hash_set.h"

#include <algorithm>

namespace tpt::filter {

double copied_share(std::span<const Word> thinking, std::span<const Word> document, std::size_t n) {
  const auto document_runs = ngram_hashes(document, n);
  const auto thinking_runs = ngram_hashes(thinking, n);
  if (document_runs.empty() || thinking_runs.empty()) return 0;
  HashSet known(document_runs.size());
  for (const std::uint64_t run : document_runs) known.insert(run);
  std::size_t covered_to = 0;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < thinking_runs.size(); ++i) {
    if (!known.contains(thinking_runs[i])) continue;
    copied += i + n - std::max(covered_to, i);
    covered_to = i + n;
  }
  return static_cast<double>(copied) / static_cast<double>(thinking.size());
}

}  // namespace tpt::filter
