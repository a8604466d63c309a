// Pages for the tests. Their figures are invented; only their shape is that of a real run.
#pragma once

#include "report/page.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::report {

RunPoint run_point(std::string arm, std::int64_t seed, std::int64_t tokens, std::int64_t correct,
                   std::int64_t questions = 300);

// Three arms, two seeds, budgets of 0.25 to 2 M tokens; TPT gains, shuffled thinking does not.
ExperimentPart example_experiment();

// Two flows as the demo has them: real documents and the lab.
Page example_page();

// Texts that try to run, to break out of where they stand, or to look like something else.
const std::vector<std::string>& hostile_texts();

// example_page() with a hostile text in every place that takes text from outside.
Page hostile_page();

}  // namespace tpt::report
