#include "train/learner.h"

#include "base/digest.h"
#include "base/error.h"
#include "train/schedule.h"
#include "train/throughput.h"
#include "train/token_bytes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace tpt::train {
namespace {

constexpr std::int64_t kKinds = Tally::kKinds;

Json identity(const Config& config, const model::Transformer& network,
              const pack::ShardReader& shards) {
  return {{"train", recipe_of(config)},
          {"model", parse_json(model::to_hf_config(network.config(), "float32"), "config.json")},
          {"shards",
           {{"sequences", shards.sequences()},
            {"tokens", shards.tokens()},
            {"info_sha256", sha256_hex(dump_json(shards.info()))}}}};
}

// The first key in which two recipes differ, with both values.
std::string first_difference(const Json& before, const Json& now, const std::string& path) {
  if (before.is_object() && now.is_object()) {
    Json all = now;
    all.update(before);
    for (const auto& [key, unused] : all.items()) {
      const Json old = before.value(key, Json());
      const Json value = now.value(key, Json());
      if (old != value) {
        return first_difference(old, value, path.empty() ? key : path + "." + key);
      }
    }
  }
  return fmt::format("{} was {}, now {}", path, dump_json(before), dump_json(now));
}

std::vector<std::vector<Row>> split(std::vector<Row> rows, std::int64_t size) {
  std::vector<std::vector<Row>> parts;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % static_cast<std::size_t>(size) == 0) {
      parts.emplace_back();
    }
    parts.back().push_back(std::move(rows[i]));
  }
  return parts;
}

// Counts of a step as a tensor beside its losses: [3, kinds].
at::Tensor tally_tensor(const at::Tensor& nats, const Tally& counts) {
  at::Tensor rest = at::empty({2, kKinds}, at::kDouble);
  auto* values = rest.mutable_data_ptr<double>();
  for (std::size_t i = 0; i < Tally::kKinds; ++i) {
    values[i] = static_cast<double>(counts.targets[i]);
    values[Tally::kKinds + i] = static_cast<double>(counts.bytes[i]);
  }
  return at::cat({nats.unsqueeze(0), rest.to(nats.device())});
}

DoneStep with_figures(DoneStep step, const at::Tensor& figures) {
  const at::Tensor on_host = figures.to(at::kCPU);
  const auto* values = on_host.const_data_ptr<double>();
  step.loss = values[0];
  step.gradient_norm = values[1];
  step.skipped = values[2] != 0.0;
  return step;
}

Tally from_tensor(const at::Tensor& tensor) {
  const at::Tensor on_host = tensor.to(at::kCPU).contiguous();
  const auto* values = on_host.const_data_ptr<double>();
  Tally tally;
  for (std::size_t i = 0; i < Tally::kKinds; ++i) {
    tally.nats[i] = values[i];
    tally.targets[i] = static_cast<std::int64_t>(values[Tally::kKinds + i]);
    tally.bytes[i] = static_cast<std::int64_t>(values[2 * Tally::kKinds + i]);
  }
  return tally;
}

}  // namespace

Learner::Learner(const Config& config, model::Transformer network, const pack::ShardReader& shards)
    : config_(config),
      shards_(shards),
      network_(std::move(network)),
      optimizer_(network_.parameters(), config_),
      guard_(config_, optimizer_.gradients()),
      rows_(std::in_place, shards, config_, Place()),
      token_bytes_(token_bytes(shards)) {
  const auto options = optimizer_.gradients().options().dtype(at::kDouble);
  tally_ = at::zeros({3, kKinds}, options);
  state_.recipe = identity(config_, network_, shards_);
  state_.threads = at::get_num_threads();
  plan();
}

// How long the run is, in tokens and in steps of its schedule.
void Learner::plan() {
  const std::int64_t rows_a_step = config_.batch_rows * config_.accumulation;
  const std::int64_t targets = rows_->targets_of_epoch();
  if (targets == 0) {
    user_error(
        "train.objective: the shards hold no target it asks for: \"answers\" needs "
        "fine-tuning examples, packed from prompts and completions");
  }
  const std::int64_t rows = rows_->rows_of_epoch();
  targets_a_step_ =
      static_cast<double>(targets) / static_cast<double>(rows) * static_cast<double>(rows_a_step);
  end_tokens_ = config_.train_tokens;
  if (config_.epochs > 0) {
    end_tokens_ = targets * config_.epochs;
    total_steps_ = static_cast<double>((rows * config_.epochs + rows_a_step - 1) / rows_a_step);
  } else {
    total_steps_ = std::ceil(static_cast<double>(end_tokens_) / targets_a_step_);
  }
}

void Learner::restore(const std::filesystem::path& state_folder) {
  RunState saved = read_state(state_folder);
  if (saved.recipe != state_.recipe) {
    user_error("{}: holds a run with other settings ({}); choose another folder or remove it",
               state_folder.parent_path().string(),
               first_difference(saved.recipe, state_.recipe, ""));
  }
  read_tensors(state_folder, tensors());
  saved.threads = state_.threads;
  state_ = std::move(saved);
  rows_.emplace(shards_, config_, state_.place);
  const Tally& tally = state_.tally;
  tally_.copy_(tally_tensor(at::tensor(at::ArrayRef<double>(tally.nats)), tally));
  open_.clear();
  if (state_.open) {
    const std::vector<double> figures = {state_.open->loss, state_.open->gradient_norm,
                                         state_.open->skipped ? 1.0 : 0.0};
    open_.push_back({*state_.open, at::tensor(figures, tally_.options())});
  }
}

void Learner::restore_weights(const std::filesystem::path& state_folder) {
  read_state(state_folder);
  read_tensors(state_folder, tensors());
}

StateTensors Learner::tensors() const {
  StateTensors tensors{optimizer_.weights(), optimizer_.tensors()};
  for (const auto& [name, tensor] : guard_.tensors()) {
    tensors.optimizer.emplace_back(name, tensor);
  }
  return tensors;
}

// In steps. Where tokens say when to stop, they are the clock: rows with padding hold fewer targets
// than seq_length, and the schedule must still end with the run.
double Learner::position_in_schedule() const {
  if (config_.epochs > 0) {
    return static_cast<double>(state_.steps);
  }
  return static_cast<double>(state_.tokens) / targets_a_step_;
}

bool Learner::at_end() const {
  return config_.epochs > 0 ? static_cast<double>(state_.steps) >= total_steps_
                            : state_.tokens >= config_.train_tokens;
}

std::vector<Batch> Learner::next_batches(OpenStep& open) {
  open.step = {
      .number = state_.steps + 1, .place = rows_->place(), .learning_rate = learning_rate_};
  std::vector<Batch> batches;
  for (const std::vector<Row>& rows : split(rows_->next_step(), config_.batch_rows)) {
    open.step.rows += static_cast<std::int64_t>(rows.size());
    batches.push_back(moved_to(make_batch(rows, config_, token_bytes_), network_.device()));
  }
  return batches;
}

// The gradients of the step's mean weighted loss; the sums of losses by kind.
at::Tensor Learner::backward(const std::vector<Batch>& batches, double weight_sum) {
  const Pass pass{
      .precision = config_.precision,
      .activations =
          config_.recompute_layers ? model::Activations::recomputed : model::Activations::kept,
      .repeats = model::sampled_repeats(network_.config().recurrence,
                                        static_cast<std::uint64_t>(config_.seed), state_.steps)};
  at::Tensor nats = at::zeros({kKinds}, tally_.options());
  optimizer_.zero_gradients();
  for (const Batch& batch : batches) {
    if (batch.weight_sum > 0.0) {
      nats.add_(accumulate_gradients(network_, batch, weight_sum, pass));
      state_.flops += flops_of(model::unrolled(network_.config(), pass.repeats), batch);
    }
  }
  return nats;
}

void Learner::step() {
  learning_rate_ = train::learning_rate(config_, position_in_schedule(), total_steps_);
  OpenStep open;
  const std::vector<Batch> batches = next_batches(open);
  double weight_sum = 0;  // over the whole step: every process would know all of its rows
  for (const Batch& batch : batches) {
    weight_sum += batch.weight_sum;
  }
  if (weight_sum > 0.0) {
    const at::Tensor nats = backward(batches, weight_sum);
    // Here processes would add up optimizer_.gradients() and `nats`.
    const at::Tensor norm = optimizer_.gradient_norm();
    const at::Tensor skip = judge(batches, nats, norm, open);
    optimizer_.step(learning_rate_, norm, skip);
    open_.push_back(std::move(open));
  }
  ++state_.steps;
  for (const Batch& batch : batches) {
    state_.tokens += batch.targets();
  }
  state_.place = rows_->place();
}

at::Tensor Learner::judge(const std::vector<Batch>& batches, const at::Tensor& nats,
                          const at::Tensor& norm, OpenStep& open) {
  const at::NoGradGuard no_gradients;
  Tally counts;
  for (const Batch& batch : batches) {
    if (batch.weight_sum > 0.0) {
      counts.add(batch.counts);
    }
  }
  const at::Tensor loss = nats.sum() / static_cast<double>(counts.total_targets());
  const at::Tensor skip = guard_.judge(loss, norm);
  open.figures = at::stack({loss, norm.to(at::kDouble), skip.to(at::kDouble)});
  tally_.add_(tally_tensor(nats, counts).masked_fill(skip.to(at::kBool), 0.0));
  return skip;
}

std::vector<DoneStep> Learner::take_done(std::size_t leave_open) {
  std::vector<DoneStep> done;
  while (open_.size() > leave_open) {
    done.push_back(with_figures(open_.front().step, open_.front().figures));
    open_.erase(open_.begin());
  }
  return done;
}

std::optional<DoneStep> Learner::last_open() const {
  return open_.empty() ? std::nullopt
                       : std::optional(with_figures(open_.back().step, open_.back().figures));
}

Tally Learner::tally() const { return from_tensor(tally_); }

Tally Learner::take_tally() {
  const Tally taken = tally();
  tally_.zero_();
  return taken;
}

}  // namespace tpt::train
