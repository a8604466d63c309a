#include "app/command_line.h"
#include "app/model_shape.h"
#include "app/train_plan.h"
#include "app/verbs.h"
#include "base/error.h"
#include "model/named_shapes.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// A folder or a config.json, or a name.
model::Config shape_named(const std::string& model) {
  const fs::path path = model;
  const fs::path file = fs::is_directory(path) ? path / "config.json" : path;
  return fs::exists(file) ? model::read_hf_config(file) : model::named_shape(model);
}

// Of init_from, which may not be on this machine yet: then by the name of its folder.
model::Config shape_of_source(const fs::path& init_from) {
  if (fs::exists(init_from)) return shape_named(init_from.string());
  const fs::path folder = init_from.has_filename() ? init_from : init_from.parent_path();
  try {
    return model::named_shape(folder.filename().string());
  } catch (const Error& unknown) {
    user_error("train.init_from: {} is not there to take the shape from: name it as MODEL; {}",
               init_from.string(), unknown.what());
  }
}

// MODEL, else init_from, else [model].
model::Config planned_shape(const std::vector<std::string>& given, const std::string& init_from,
                            const model::Config& described, const std::set<std::string>& options) {
  if (given.empty() && init_from.empty()) return model::resolved(described, 0);
  if (given.empty()) {
    return with_given(shape_of_source(init_from), init_from, described, options);
  }
  // It stands in place of a recipe's [model], but for positions that a recipe asks for.
  model::Config named = shape_named(given.front());
  if (options.contains("max_positions")) {
    named.max_positions = std::max(named.max_positions, described.max_positions);
  }
  return named;
}

void print_row(const std::string& name, const std::string& value) {
  fmt::print("{:<34} {}\n", name, value);
}

void print_bytes(const std::string& name, double bytes) {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  print_row(name, fmt::format("{:9.3f} GiB", bytes / kGib));
}

void print_memory(const TrainPlan& plan) {
  const train::MemoryPlan& memory = plan.memory;
  print_bytes("weights, fp32", memory.weights);
  print_bytes("gradients, fp32", memory.gradients);
  print_bytes("moments", memory.moments);
  if (memory.average > 0) print_bytes("moving average", memory.average);
  print_bytes("activations", memory.activations);
  if (memory.weight_casts > 0) print_bytes("copies of weights in products", memory.weight_casts);
  print_bytes("a layer's backward pass", memory.layer);
  print_bytes("logits, gradient of the head", memory.head);
  if (memory.reserve > 0) print_bytes("driver, libraries, gaps", memory.reserve);
  print_bytes("peak, not all at once", memory.peak);
  print_bytes("a state on its way to disk", memory.state_copy);
  if (plan.device_bytes == 0) return;
  print_bytes("memory of " + plan.device, plan.device_bytes);
  print_row("", plan.fits() ? "fits" : "does not fit");
  print_row("most rows of a pass", fmt::format("{}", plan.most_rows));
}

void print_time(const TrainPlan& plan, const TrainPlanConfig& config) {
  print_row("tokens a step", fmt::format("{:.6g}", plan.tokens_a_step));
  print_row("FLOPs a token", fmt::format("{:.4g}", plan.flops_a_token));
  if (plan.peak_flops == 0) {
    print_row("time", fmt::format("unknown: no peak is known of {}", plan.device));
  } else if (plan.tokens == 0) {
    print_row("tokens/s",
              fmt::format("{:.4g} at {:.0f} % of {:.4g} FLOP/s; --train-tokens gives days",
                          plan.tokens_a_second, 100 * config.mfu, plan.peak_flops));
  } else {
    print_row("time", fmt::format("{:.3g} days for {:.4g} tokens at {:.0f} % of {:.4g} FLOP/s",
                                  plan.days, plan.tokens, 100 * config.mfu, plan.peak_flops));
  }
}

// A row of the table in docs/scale.md.
void print_markdown(const std::string& model, const TrainPlan& plan, const train::Config& config,
                    std::int64_t ranks) {
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  fmt::print("| {} | {} x {} | {} | {} | {:.1f} of {:.1f} | {} | {:.3g} | {:.3g} |\n", model, ranks,
             plan.device, config.seq_length, config.recompute_layers ? "yes" : "no",
             plan.memory.peak / kGib, plan.device_bytes / kGib,
             plan.most_rows > 0 ? std::to_string(plan.most_rows) : "does not fit",
             plan.tokens_a_second / 1000, plan.days);
}

}  // namespace

void plan_train_verb(Arguments arguments, Run /*run*/) {
  std::vector<std::string> given;
  std::string device = "h100";
  bool as_json = false;
  bool as_markdown = false;
  model::Config model;
  train::Config config;
  TrainPlanConfig plan;
  CommandLine line("plan train",
                   "What a training run takes on each of its devices, part by part, whether that "
                   "fits, and how long it goes on.");
  line.inputs("MODEL", given,
              "a folder with a config.json, or the name of a published model such as "
              "llama-3.1-8b; else that of --init-from, else [model]",
              false);
  line.text("device", device, "cpu, or a GPU such as h100, h200, a100, b200, l40s, rtx-4090");
  line.flag("json", as_json, "print one JSON object instead of the table");
  line.flag("markdown", as_markdown,
            "print a row: model, devices, positions a row, layers run again, GiB of one, most rows "
            "of a pass, thousand tokens/s, days");
  line.section("train_plan", plan);
  line.section("model", model);
  line.section("train", config);
  line.example(
      "tpt plan train llama-3.1-8b --device h200 --ranks 8 --seq-length 8192 --batch-rows 1 "
      "--precision bf16 --recompute-layers --train-tokens 100000000000");
  if (!line.parse(arguments)) return;
  if (given.size() > 1) user_error("MODEL: got {} of them, expected one", given.size());
  const std::string name = given.empty() ? config.init_from : given.front();
  model = planned_shape(given, config.init_from, model, line.given("model"));
  const TrainPlan result = make_train_plan(model, config, plan, device);
  if (as_json) {
    fmt::print("{}\n", dump_json(to_json(result)));
    return;
  }
  if (as_markdown) {
    print_markdown(name.empty() ? "model" : name, result, config, plan.ranks);
    return;
  }
  fmt::print("{:.4g} parameters, a pass of {} rows of {}, {} ranks, {}\n", result.parameters,
             result.rows_a_pass, config.seq_length, plan.ranks,
             plan.shard_moments && plan.ranks > 1 ? "moments in parts" : "moments on each");
  print_memory(result);
  print_time(result, plan);
}

}  // namespace tpt::app
