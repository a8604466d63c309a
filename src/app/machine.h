// What a run was made with: for reports and benchmarks.
#pragma once

#include <string>

namespace tpt::app {

// "2 cores, AMD EPYC 9R14, 23 GiB"
std::string machine_text();
// The commit this program was built from, with "+" where the tree had changes; "" outside git.
std::string build_commit();

}  // namespace tpt::app
