#include "app/flow.h"

#include "base/log.h"
#include "storage/atomic_file.h"

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

corpus::Config lab_corpus(const LabFiles& files) {
  corpus::Config config;
  config.inputs = {files.documents().string()};
  return config;
}

void take(ExperimentResult from, FlowResult& into) {
  into.packed = std::move(from.packed);
  into.points = std::move(from.points);
}

// A single model without a comparison: train, fine-tune, ask.
void train_one(const Recipe& recipe, const ExperimentInputs& inputs, const Workspace& work, Run run,
               FlowResult& result) {
  Recipe single = recipe;
  single.experiment.arms = {"tpt"};
  if (recipe.pack.format == pack::Format::vanilla) single.experiment.arms = {"vanilla"};
  if (recipe.pack.format == pack::Format::thinking_first)
    single.experiment.arms = {"thinking_first"};
  if (recipe.pack.shuffle_thinking) single.experiment.arms = {"shuffled"};
  single.experiment.seeds = {recipe.train.seed};
  take(run_experiment(single, inputs, work, run), result);
}

ExperimentInputs experiment_inputs(const Recipe& recipe, const Workspace& work) {
  ExperimentInputs inputs{.rows = recipe.has("filter") ? work.kept() : work.augmented()};
  if (recipe.has("lab")) {
    const LabFiles files{work.lab()};
    inputs.questions = files.questions();
    inputs.examples = files.examples();
    inputs.held_out = {files.held_out().string()};
  } else {
    inputs.questions = recipe.task.questions;
    inputs.examples = recipe.task.examples;
    inputs.held_out = recipe.task.held_out;
  }
  return inputs;
}

FlowResult run_steps(const Recipe& recipe, const Workspace& work, Run run,
                     const AugmentOptions& watch) {
  FlowResult result;
  corpus::Config documents = recipe.corpus;
  documents.left_out = {{work.root, {"augmented", "filtered", "shards", "runs"}}};
  if (recipe.has("lab")) {
    result.lab = lab_step(recipe.lab, work.lab());
    log_info("lab: {} documents, {} questions", dump_json(result.lab.at("documents")),
             dump_json(result.lab.at("questions")));
    documents = lab_corpus({work.lab()});
  }
  if (recipe.brings_thinking()) {
    result.augment = take_thinking_step(documents, recipe.pack.tokenizer, work.augmented(), run);
  } else if (recipe.has("augment")) {
    result.augment =
        augment_step(documents, recipe.engine, recipe.augment, work.augmented(), run, watch);
  } else {
    return result;
  }
  if (recipe.has("filter")) {
    result.filter = filter_step(recipe.filter, work.augmented(), work.filtered());
    log_info("filter: {} kept, {} rejected {}", dump_json(result.filter.at("kept")),
             dump_json(result.filter.at("rejected")), dump_json(result.filter.at("reasons")));
  }
  if (!recipe.has("pack")) return result;
  const ExperimentInputs inputs = experiment_inputs(recipe, work);
  if (!recipe.has("train")) {
    result.packed.emplace_back("", pack_step(recipe.pack, inputs.rows, work.shards("all"), run));
  } else if (recipe.has("experiment")) {
    take(run_experiment(recipe, inputs, work, run), result);
  } else {
    train_one(recipe, inputs, work, run, result);
  }
  return result;
}

}  // namespace

Json to_json(const FlowResult& result) {
  Json json = Json::object();
  json["lab"] = result.lab;
  json["augment"] = result.augment;
  json["filter"] = result.filter;
  Json& packed = json["packed"] = Json::array();
  for (const auto& [arm, counts] : result.packed) {
    packed.push_back({{"arm", arm}, {"counts", counts}});
  }
  Json& points = json["points"] = Json::array();
  for (const ExperimentPoint& point : result.points) points.push_back(to_json(point));
  return json;
}

FlowResult flow_result_from_json(const Json& json) {
  FlowResult result;
  result.lab = json.at("lab");
  result.augment = json.at("augment");
  result.filter = json.at("filter");
  for (const Json& item : json.at("packed")) {
    result.packed.emplace_back(item.at("arm").get<std::string>(), item.at("counts"));
  }
  for (const Json& item : json.at("points")) result.points.push_back(point_from_json(item));
  return result;
}

FlowResult run_flow(const Recipe& recipe, const Workspace& work, Run run, AugmentOptions watch) {
  if (watch.card.title.empty()) watch.card.title = recipe.title;
  fs::create_directories(work.root);
  storage::write_file_atomically(work.record(), dump_json_pretty(recorded(recipe)));
  log_info("{} -> {}", recipe.title, work.root.string());
  FlowResult result = run_steps(recipe, work, run, watch);
  storage::write_file_atomically(work.result(), dump_json_pretty(to_json(result)));
  return result;
}

}  // namespace tpt::app
