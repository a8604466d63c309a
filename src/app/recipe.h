// A whole experiment in one TOML file: which steps, with which options. A section that stands in
// the file is a step that is done; the flow ends where its sections end.
#pragma once

#include "app/engines.h"
#include "app/experiment_config.h"
#include "app/plan.h"
#include "augment/augment.h"
#include "corpus/reader.h"
#include "eval/examine.h"
#include "filter/filter.h"
#include "lab/config.h"
#include "model/config.h"
#include "pack/pack.h"
#include "train/config.h"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace tpt::app {

struct Recipe {
  std::filesystem::path file;
  std::string title;
  std::string description;                   // one sentence for the report
  std::vector<std::filesystem::path> flows;  // other recipes, run in turn under one report
  std::set<std::string> sections;            // those that stand in the file

  corpus::Config corpus;
  lab::Config lab;
  EngineConfig engine;
  augment::Config augment;
  filter::Config filter;
  pack::Config pack;
  model::Config model;
  std::set<std::string> model_given;  // the options that stand in its section
  train::Config train;
  train::Config finetune;
  TaskConfig task;
  eval::Config eval;
  ExperimentConfig experiment;
  PlanConfig plan;

  bool has(const std::string& section) const { return sections.contains(section); }
  // The rows come from the corpus with their thinking, and not from [augment].
  bool brings_thinking() const { return has("corpus") && !corpus.thinking_column.empty(); }
};

// Reads a recipe; `settings` are "section.option=value" and go over what the file says (those of
// sections that the file does not have are ignored when `flows` decide). Error(user) for anything
// unknown, and for steps whose input no earlier section makes.
Recipe read_recipe(const std::filesystem::path& file, const std::vector<std::string>& settings);

// Title and description, and every section of the recipe with all its values.
Json recorded(const Recipe& recipe);
// The reverse, for a run's recipe.json.
Recipe read_record(const std::filesystem::path& file);

}  // namespace tpt::app
