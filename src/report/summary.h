// summary.json: the figures of the report for a machine.
#pragma once

#include "base/json.h"
#include "report/page.h"

namespace tpt::report {

// {"vanilla": [{"tokens", "accuracy", "stderr", ...}], "tpt": [...], "shuffled": [...],
//  "data_efficiency": number | "> 8, not reached" | "not measurable" | null,
//  "length_steps_spearman": number | null,
//  "augment": {"documents", "tokens", "seconds", "engine"}, ...}
//
// Arms, efficiency and correlation are of the first flow that has them, `augment` of the first flow
// whose engine is a language model (else the first that augmented). What was not measured is null.
// Keys after these say more: "data_efficiency_detail", "flows" (every flow's counts), "commit",
// "machine", "seconds".
Json summary(const Page& page);

}  // namespace tpt::report
