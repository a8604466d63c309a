#include "pack/row_runs.h"

#include <utility>

namespace tpt::pack {

bool RowRuns::next(RowRun& run) {
  run.clear();
  while (true) {
    if (!ahead_ && !at_end_) {
      ahead_.emplace();
      at_end_ = !rows_.next(*ahead_);
      if (at_end_) ahead_.reset();
    }
    if (!ahead_) return !run.empty();
    const AugmentedDocument& row = *ahead_;
    const bool fits =
        run.empty() || (row.document.id == run.back().document.id &&
                        row.trajectory.rollout == run.back().trajectory.rollout &&
                        row.chunk == run.back().chunk + 1 && why_unusable(config_, row).empty());
    if (!fits) return true;
    run.push_back(std::move(*ahead_));
    ahead_.reset();
    if (!why_unusable(config_, run.back()).empty()) return true;
  }
}

}  // namespace tpt::pack
