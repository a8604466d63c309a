#include "app/build_page.h"

#include "app/engines.h"
#include "app/machine.h"
#include "model/config.h"
#include "storage/augmented_file.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace tpt::app {
namespace {

void add_rows(report::AugmentPart& part, const std::filesystem::path& folder, bool kept) {
  if (!std::filesystem::exists(folder)) return;
  storage::AugmentedReader rows(folder);
  for (AugmentedDocument row; rows.next(row);) {
    report::add_document(part, row, kept, rows.reason());
  }
}

report::AugmentPart augment_part(const ShownFlow& flow) {
  report::AugmentPart part;
  const Json& counts = flow.result.augment;
  part.engine = counts.at("engine").get<std::string>();
  part.engine_is_rule = is_rule(part.engine);
  part.documents = counts.at("documents").get<std::int64_t>();
  part.failed = counts.at("failed").get<std::int64_t>();
  part.prompt_tokens = counts.at("prompt_tokens").get<std::int64_t>();
  part.thinking_tokens = counts.at("thinking_tokens").get<std::int64_t>();
  if (counts.at("seconds").is_number()) part.seconds = counts.at("seconds").get<double>();
  if (flow.recipe.has("filter")) {
    add_rows(part, flow.work.kept(), true);
    add_rows(part, flow.work.rejected(), false);
  } else {
    add_rows(part, flow.work.augmented(), true);
  }
  return part;
}

report::FilterPart filter_part(const Json& counts) {
  report::FilterPart part;
  part.kept = counts.at("kept").get<std::int64_t>();
  part.rejected = counts.at("rejected").get<std::int64_t>();
  for (const auto& [reason, count] : counts.at("reasons").items()) {
    part.reasons[reason] = count.get<std::int64_t>();
  }
  return part;
}

report::PackPart pack_part(const ShownFlow& flow) {
  report::PackPart part;
  part.tokenizer = flow.recipe.pack.tokenizer;
  for (const auto& [arm, counts] : flow.result.packed) {
    report::PackedArm packed;
    packed.arm = arm;
    packed.samples = counts.at("samples").get<std::int64_t>();
    packed.dropped = counts.at("rows").get<std::int64_t>() - packed.samples;
    for (const auto& [kind, tokens] : counts.at("tokens").items()) {
      packed.tokens[kind] = tokens.get<std::int64_t>();
    }
    part.arms.push_back(std::move(packed));
  }
  return part;
}

std::string model_text(const Recipe& recipe, std::int64_t vocab_size) {
  const model::Config shape = model::resolved(recipe.model, vocab_size);
  return fmt::format("{} layers, width {}, {:.2f} M parameters, from random weights",
                     shape.num_layers, shape.hidden_size,
                     static_cast<double>(model::num_parameters(shape)) / 1e6);
}

report::RunPoint run_point(const ExperimentPoint& point) {
  report::RunPoint run;
  run.arm = point.arm;
  run.seed = point.seed;
  run.train_tokens = point.train_tokens;
  run.correct = point.scores.correct;
  run.questions = point.scores.questions * point.scores.samples;
  run.samples = point.scores.samples;
  run.document_loss = point.document_loss;
  run.train_seconds = point.train_seconds;
  run.train_flops = point.train_flops;
  run.eval_tokens = point.scores.generated_tokens;
  return run;
}

report::ExperimentPart experiment_part(const ShownFlow& flow) {
  const Recipe& recipe = flow.recipe;
  report::ExperimentPart part;
  if (recipe.has("lab")) {
    part.task = fmt::format("chains of {} to {} steps modulo 10, none of them seen in training",
                            recipe.lab.min_steps, recipe.lab.max_steps);
    part.chance = 0.1;
    part.sft_examples = recipe.lab.examples;
  } else {
    part.task = recipe.task.questions;
    part.chance = recipe.task.chance;
  }
  if (recipe.train.init_from.empty()) {
    const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(recipe.pack.tokenizer));
    part.model = model_text(recipe, tokenizer->vocab_size());
  } else {
    part.model = recipe.train.init_from;
  }
  for (const ExperimentPoint& point : flow.result.points) {
    if (part.arms.empty() || part.arms.back().name != point.arm) {
      part.arms.push_back({.name = point.arm});
    }
    if (recipe.has("eval")) part.runs.push_back(run_point(point));
  }
  const Json& counts = flow.result.augment;
  if (counts.at("seconds").is_number()) part.thinking_seconds = counts.at("seconds").get<double>();
  part.thinking_tokens = counts.at("thinking_tokens").get<std::int64_t>();
  if (is_rule(counts.at("engine").get<std::string>())) part.thinking_flops = 0;
  return part;
}

report::Flow build_flow(const ShownFlow& shown) {
  report::Flow flow;
  flow.title = shown.recipe.title;
  flow.description = shown.recipe.description;
  if (!shown.result.augment.is_null()) flow.augment = augment_part(shown);
  if (!shown.result.filter.is_null()) flow.filter = filter_part(shown.result.filter);
  if (!shown.result.packed.empty()) flow.pack = pack_part(shown);
  if (!shown.result.points.empty()) flow.experiment = experiment_part(shown);
  const Json options = recorded(shown.recipe);
  for (const auto& [section, values] : options.items()) {
    if (values.is_object()) flow.settings.push_back({.title = section, .values = values});
  }
  return flow;
}

// The seeds of a flow, by what they decide.
report::Settings seeds_of(const Recipe& recipe) {
  Json values = Json::object();
  if (recipe.has("lab")) values["documents and questions"] = recipe.lab.seed;
  if (recipe.has("augment")) values["sampling of the thinking"] = recipe.augment.seed;
  if (recipe.has("pack")) values["order of the samples"] = recipe.pack.seed;
  if (recipe.has("experiment"))
    values["initial weights and order of the rows"] = recipe.experiment.seeds;
  if (recipe.has("eval")) values["answers"] = recipe.eval.seed;
  return {.title = recipe.title, .values = values};
}

}  // namespace

report::Page build_page(const ShownRun& run) {
  report::Page page;
  if (!run.title.empty()) page.title = run.title;
  page.generated = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  page.commit = build_commit();
  page.machine = machine_text();
  page.seconds = run.seconds;
  page.commands = run.commands;
  for (const ShownFlow& flow : run.flows) {
    page.seeds.push_back(seeds_of(flow.recipe));
    page.flows.push_back(build_flow(flow));
  }
  return page;
}

}  // namespace tpt::app
