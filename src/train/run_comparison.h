// Whether two runs are the same to the bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tpt::train {

struct RunComparison {
  std::int64_t lines = 0;          // of metrics.jsonl that were compared
  std::int64_t next_batches = 0;   // that were compared behind the end
  bool same_losses = false;        // all numbers of all lines but those of time
  bool same_weights = false;       // of the last state
  bool same_optimizer = false;     // of the last state
  bool same_next_batches = false;  // ids and documents, from where the last state stands
  std::string first_difference;    // "" where there is none

  bool same() const { return same_losses && same_weights && same_optimizer && same_next_batches; }
};

// Of two folders that the same options and shards filled. Error(data) for a damaged state,
// Error(user) for a folder without one.
RunComparison compare_runs(const std::filesystem::path& one, const std::filesystem::path& other,
                           const std::filesystem::path& shards);

}  // namespace tpt::train
