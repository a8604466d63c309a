#include "app/train_plan.h"

#include "base/error.h"
#include "train/devices.h"
#include "train/work.h"

#include <algorithm>

namespace tpt::app {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

// Of a token of full rows; where a block is repeated, the mean of the run's first steps.
double flops_a_token(const model::Config& model, const train::Config& config,
                     std::int64_t document_tokens) {
  const auto row = static_cast<double>(config.seq_length);
  const bool isolated = !config.cross_document_attention && document_tokens > 0;
  const double document = isolated ? std::min(static_cast<double>(document_tokens), row) : row;
  const train::Work work{.positions = 1, .targets = 1, .attended = (document + 1) / 2};
  constexpr std::int64_t kSteps = 1000;
  const std::int64_t steps = model.recurrence.num_layers > 0 ? kSteps : 1;
  double flops = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    const std::int64_t repeats =
        model::sampled_repeats(model.recurrence, static_cast<std::uint64_t>(config.seed), step);
    flops += train::flops_of(model::unrolled(model, repeats), work);
  }
  return flops / static_cast<double>(steps);
}

}  // namespace

void describe(Fields& fields, TrainPlanConfig& config) {
  fields.number("memory_gib", config.memory_gib, "memory of one device; 0: as it is known", 0, 1e6);
  fields.integer("ranks", config.ranks, "processes, one a device", 1, 1 << 20);
  fields.flag("shard_moments", config.shard_moments,
              "each rank holds its part of the optimizer's moments and of the average (ZeRO-1)");
  fields.number("mfu", config.mfu, "share of the device's peak that training reaches", 0.001, 1.0);
  fields.integer("document_tokens", config.document_tokens,
                 "mean length of a document, where documents are kept apart; 0: a row each", 0,
                 1LL << 40);
}

TrainPlan make_train_plan(const model::Config& model, const train::Config& config,
                          const TrainPlanConfig& plan, const std::string& device) {
  const bool on_cpu = device == "cpu";
  const auto known = train::known_device(device);
  if (!on_cpu && !known && plan.memory_gib == 0) {
    user_error("--device: {} is not known: give --memory-gib; known: cpu, {}", device,
               train::known_device_names());
  }
  if (config.seq_length > model.max_positions && config.rope_base_factor == 1.0) {
    user_error("train.seq_length: got {}, but the model is made for {} positions",
               config.seq_length, model.max_positions);
  }
  // The rows of a step are shared evenly; a pass has no more than are there.
  train::Config own = config;
  const std::int64_t rows_a_rank = config.batch_rows * config.accumulation / plan.ranks;
  own.batch_rows = std::clamp<std::int64_t>(rows_a_rank, 1, config.batch_rows);
  const train::Sharing sharing{
      .ranks = plan.ranks, .optimizer = plan.shard_moments, .on_gpu = !on_cpu};
  TrainPlan result{.device = known ? std::string(known->part_of_name) : device,
                   .parameters = static_cast<double>(model::num_parameters(model)),
                   .rows_a_pass = own.batch_rows,
                   .memory = train::plan_memory(model, own, sharing)};
  result.device_bytes = kGib * (plan.memory_gib > 0 ? plan.memory_gib
                                : known             ? known->memory_gib
                                                    : 0);
  if (result.device_bytes > 0) {
    // On a CPU the copy of the state stands in the same memory.
    const double other = on_cpu ? result.memory.state_copy : 0;
    result.most_rows = train::most_rows(model, config, sharing, result.device_bytes - other);
  }
  result.tokens_a_step =
      static_cast<double>(config.seq_length * config.batch_rows * config.accumulation);
  result.flops_a_token = flops_a_token(model, config, plan.document_tokens);
  result.tokens = static_cast<double>(config.train_tokens);
  result.peak_flops = train::peak_flops(device, config.precision).value_or(0);
  if (result.peak_flops > 0) {
    constexpr double kDay = 24 * 3600;
    result.tokens_a_second =
        result.peak_flops * plan.mfu * static_cast<double>(plan.ranks) / result.flops_a_token;
    result.days = result.tokens / result.tokens_a_second / kDay;
  }
  return result;
}

Json to_json(const TrainPlan& plan) {
  const train::MemoryPlan& memory = plan.memory;
  Json json = {{"device", plan.device},
               {"parameters", plan.parameters},
               {"bytes",
                {{"weights", memory.weights},
                 {"gradients", memory.gradients},
                 {"moments", memory.moments},
                 {"average", memory.average},
                 {"activations", memory.activations},
                 {"weight_casts", memory.weight_casts},
                 {"layer", memory.layer},
                 {"head", memory.head},
                 {"reserve", memory.reserve},
                 {"peak", memory.peak},
                 {"state_copy_on_host", memory.state_copy}}},
               {"tokens_a_step", plan.tokens_a_step},
               {"flops_a_token", plan.flops_a_token}};
  if (plan.device_bytes > 0) {
    json["device_bytes"] = plan.device_bytes;
    json["fits"] = plan.fits();
    json["most_rows"] = plan.most_rows;
  }
  if (plan.tokens > 0) json["tokens"] = plan.tokens;
  json["peak_flops"] = plan.peak_flops > 0 ? Json(plan.peak_flops) : Json("unknown");
  if (plan.tokens_a_second > 0) json["tokens_a_second"] = plan.tokens_a_second;
  if (plan.days > 0) json["days"] = plan.days;
  return json;
}

}  // namespace tpt::app
