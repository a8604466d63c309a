// One step of the flow as a folder: what it read, with which options, what it wrote. A finished
// step is not done again; one that was started with other options or inputs is refused.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "base/progress.h"
#include "storage/manifest.h"

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::app {

// What every step needs from the program around it.
struct Run {
  Progress& progress;
  std::stop_token stop;
};

struct Stage {
  std::string step;  // "augment"
  std::filesystem::path folder;
  std::filesystem::path place;  // where its files go in the end, if that is elsewhere
  Json recipe;                  // the resolved options, as Fields::to_json gives them
  std::vector<std::filesystem::path> inputs;
  // What `work` replaces or removes in the folder, as patterns of names.
  std::vector<std::string> writes;
  storage::Update update = storage::Update::impossible;
};

// Runs `work` in the stage's folder and writes the manifest with the counts it returns; gives the
// recorded counts where the step had finished before, unless some of its rows failed and an update
// is wanted. Error(user) where the folder belongs to other options or inputs, or holds files of
// these names that no step has written.
Json run_stage(const Stage& stage, const std::function<Json()>& work);

// The options of a component as they stand now.
template <typename Config>
Json recorded(const std::string& section, Config config) {
  Fields fields(section);
  describe(fields, config);
  return fields.to_json();
}

// The same without options that only say how a step is watched or how fast it goes: a step goes on
// under others of these.
template <typename Config>
Json recorded_without(const std::string& section, const Config& config,
                      std::initializer_list<const char*> left_out) {
  Json record = recorded(section, config);
  for (const char* name : left_out) record.erase(name);
  return record;
}

}  // namespace tpt::app
