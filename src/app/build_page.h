// From what the steps counted to what the page shows: copying of fields, no figure of its own.
#pragma once

#include "app/flow.h"
#include "report/page.h"

#include <string>
#include <vector>

namespace tpt::app {

// One flow of a run.
struct ShownFlow {
  Recipe recipe;
  Workspace work;
  FlowResult result;
};

struct ShownRun {
  std::string title;
  std::vector<std::string> commands;  // to do it again
  double seconds = 0;
  std::vector<ShownFlow> flows;
};

report::Page build_page(const ShownRun& run);

}  // namespace tpt::app
