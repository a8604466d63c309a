// The rows of one document and rollout whose chunks follow one another, for samples of several
// rows.
#pragma once

#include "base/source.h"
#include "pack/composer.h"
#include "records/trajectory.h"

#include <optional>
#include <vector>

namespace tpt::pack {

using RowRun = std::vector<AugmentedDocument>;

// A run ends where the next row is of another document or rollout, or not the next chunk: nothing
// is joined over a gap. A row that gives no sample (no thinking, or at its cap, as configured) is a
// run of its own, and so a gap.
class RowRuns : public Source<RowRun> {
 public:
  RowRuns(const ComposerConfig& config, Source<AugmentedDocument>& rows)
      : config_(config), rows_(rows) {}
  bool next(RowRun& run) override;

 private:
  const ComposerConfig& config_;
  Source<AugmentedDocument>& rows_;
  std::optional<AugmentedDocument> ahead_;
  bool at_end_ = false;
};

}  // namespace tpt::pack
