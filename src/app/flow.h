// The whole way of one recipe: corpus to scores.
#pragma once

#include "app/experiment.h"
#include "app/recipe.h"
#include "app/stage.h"
#include "app/steps.h"
#include "app/workspace.h"

namespace tpt::app {

// What the steps of a flow counted; null or empty for steps the recipe does not have.
struct FlowResult {
  Json lab;
  Json augment;
  Json filter;
  std::vector<std::pair<std::string, Json>> packed;  // by arm; one without a name where no arms are
  std::vector<ExperimentPoint> points;               // by arm, seed, tokens
};

Json to_json(const FlowResult& result);
FlowResult flow_result_from_json(const Json& json);

// Does what is not done yet, and leaves recipe.json and result.json in the workspace. `watch`: how
// the thinking is shown, served and described; its card is called as the recipe where it has no
// title.
FlowResult run_flow(const Recipe& recipe, const Workspace& work, Run run, AugmentOptions watch);

}  // namespace tpt::app
