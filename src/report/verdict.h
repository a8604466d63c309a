// What the comparison says, in sentences: that the thinking bought something, nothing, or cost.
#pragma once

#include "report/page.h"
#include "report/statistics.h"

#include <optional>
#include <string>
#include <vector>

namespace tpt::report {

enum class Outcome { gain, loss, no_difference, not_compared };

struct Verdict {
  Outcome outcome = Outcome::not_compared;
  std::string headline;              // one sentence
  std::vector<std::string> details;  // the control, the data efficiency, how the error was made
  // The largest budget that both arms were examined at.
  std::optional<CurvePoint> vanilla, tpt, shuffled;
};

// TPT against vanilla at the largest budget both have. A difference counts where it exceeds two
// standard errors, the root sum of squares of both arms'; the arms share questions and seeds, which
// makes that error, if anything, too large.
Verdict judge(const ExperimentPart& experiment);

// "vanilla" for "", label or name of an arm otherwise.
std::string arm_label(const ExperimentPart* experiment, const std::string& name);

}  // namespace tpt::report
