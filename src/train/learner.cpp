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

// Options by which processes wait for each other at the same places, beside the recipe.
Json options_of(const Config& config) {
  Config copy = config;
  Fields fields("train");
  describe(fields, copy);
  Json options = fields.to_json();
  options.erase("threads");
  return options;
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

// Whether any target of the shards has a weight; most often one of the first step has.
bool teaches(const pack::ShardReader& shards, Config config) {
  config.epochs = 1;
  RowStream rows(shards, config, Place());
  for (auto some = rows.next_step(); !some.empty(); some = rows.next_step()) {
    if (count_batch(some, config, {}).weight_sum > 0.0) {
      return true;
    }
  }
  return false;
}

// The rows [from, to) in passes of at most `size`.
std::vector<std::vector<Row>> passes_of(const std::vector<Row>& rows, std::int64_t from,
                                        std::int64_t to, std::int64_t size) {
  std::vector<std::vector<Row>> passes;
  for (; from < to; from += size) {
    passes.emplace_back(rows.begin() + from, rows.begin() + std::min(from + size, to));
  }
  return passes;
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

Learner::Learner(const Config& config, model::Transformer network, const pack::ShardReader& shards,
                 Ranks& ranks)
    : config_(config),
      shards_(shards),
      ranks_(ranks),
      network_(std::move(network)),
      optimizer_(network_.parameters(), config_, ranks),
      gradient_sum_(network_.parameters(), optimizer_.layout(), optimizer_.gradients(), ranks),
      lanes_(network_, optimizer_.layout(), optimizer_.gradients()),
      guard_(config_, optimizer_.gradients()),
      rows_(std::in_place, shards, config_, Place()),
      token_bytes_(token_bytes(shards)) {
  if (!ranks_.are_many() && network_.device().is_cpu()) {
    optimizer_.divide_by(
        [this](std::int64_t pieces, const std::function<void(std::int64_t)>& piece) {
          lanes_.run(pieces, piece);
        });
  }
  const auto options = optimizer_.gradients().options().dtype(at::kDouble);
  tally_ = at::zeros({3, kKinds}, options);
  state_.recipe = identity(config_, network_, shards_);
  state_.threads = at::get_num_threads();
  state_.processes = ranks.size();
  state_.is_sharded = optimizer_.layout().is_sharded();
  check_processes();
  plan();
}

// Others would not wait for each other at the same places.
void Learner::check_processes() {
  if (!ranks_.are_many()) {
    return;
  }
  const std::int64_t rows_a_step = config_.batch_rows * config_.accumulation;
  if (rows_a_step % ranks_.size() != 0) {
    user_error(
        "train.batch_rows, accumulation: a step has {} x {} = {} rows, which {} processes do not "
        "share evenly: choose a multiple of {}",
        config_.batch_rows, config_.accumulation, rows_a_step, ranks_.size(), ranks_.size());
  }
  const Json given = {{"recipe", state_.recipe}, {"options", options_of(config_)}};
  const Json first = parse_json(ranks_.broadcast(dump_json(given)), "what process 0 was given");
  if (first != given) {
    user_error("process {} was given other options or files than process 0: {}", ranks_.rank(),
               first_difference(first, given, ""));
  }
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
  if (!teaches(shards_, config_)) {
    user_error(
        "train.document_weight, thinking_weight, special_weight: got {}, {}, {}: no target of the "
        "shards has a weight above 0, so nothing would be learned",
        config_.document_weight, config_.thinking_weight, config_.special_weight);
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
  RunState saved = read_on_first(state_folder);
  if (saved.recipe != state_.recipe) {
    user_error("{}: holds a run with other settings ({}); choose another folder or remove it",
               state_folder.parent_path().string(),
               first_difference(saved.recipe, state_.recipe, ""));
  }
  restore_tensors(state_folder);
  saved.threads = state_.threads;
  saved.processes = state_.processes;
  saved.is_sharded = state_.is_sharded;
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
  read_on_first(state_folder);
  restore_tensors(state_folder);
}

// What state.json says, read by process 0 alone: the others need not see the folder.
RunState Learner::read_on_first(const std::filesystem::path& state_folder) const {
  if (!ranks_.are_many()) {
    return read_state(state_folder);
  }
  const std::string text =
      ranks_.broadcast(ranks_.is_first() ? dump_json(to_json(read_state(state_folder))) : "");
  return state_from_json(parse_json(text, "the state of process 0"), state_folder.parent_path());
}

void Learner::restore_tensors(const std::filesystem::path& state_folder) {
  const Optimizer::Moments moments = optimizer_.room();
  if (ranks_.is_first()) {
    read_tensors(state_folder, named(moments));
  }
  optimizer_.spread(moments);
  if (ranks_.are_many()) {
    ranks_.broadcast(optimizer_.flat_weights());
    for (const auto& [name, tensor] : guard_.tensors()) {
      ranks_.broadcast(tensor);
    }
  }
}

StateTensors Learner::named(const Optimizer::Moments& moments) const {
  StateTensors tensors{optimizer_.weights(), optimizer_.named(moments)};
  for (const auto& [name, tensor] : guard_.tensors()) {
    tensors.optimizer.emplace_back(name, tensor);
  }
  return tensors;
}

StateTensors Learner::copies() const {
  const Optimizer::Moments moments = optimizer_.gather();
  if (!ranks_.is_first()) {
    return {};
  }
  StateTensors tensors = named(moments);
  // On the host: a device has no room for a second state.
  for (auto* list : {&tensors.weights, &tensors.optimizer}) {
    for (auto& [name, tensor] : *list) {
      tensor = tensor.detach().to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
    }
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

// Of the rows of a step each process has an equal share that stands together, in passes of at most
// batch_rows. All know the counts of all.
Learner::StepBatches Learner::next_batches(OpenStep& open) {
  open.step = {
      .number = state_.steps + 1, .place = rows_->place(), .learning_rate = learning_rate_};
  const std::vector<Row> rows = rows_->next_step();
  const auto count = static_cast<std::int64_t>(rows.size());
  open.step.rows = count;
  StepBatches batches;
  for (std::int64_t rank = 0; rank < ranks_.size(); ++rank) {
    const std::int64_t from = count * rank / ranks_.size(), to = count * (rank + 1) / ranks_.size();
    for (const std::vector<Row>& pass : passes_of(rows, from, to, config_.batch_rows)) {
      if (rank == ranks_.rank()) {
        batches.own.push_back(shares_of(pass));
        batches.all.insert(batches.all.end(), batches.own.back().begin(), batches.own.back().end());
      } else {
        batches.all.push_back(count_batch(pass, config_, token_bytes_));
      }
    }
  }
  for (const BatchCounts& batch : batches.all) {
    batches.weight_sum += batch.weight_sum;
  }
  return batches;
}

// One batch a lane.
std::vector<Batch> Learner::shares_of(const std::vector<Row>& pass) const {
  const auto rows = static_cast<std::int64_t>(pass.size());
  // Processes add their gradients up while one backward pass goes on, and devices need no lanes.
  const std::int64_t lanes = ranks_.are_many() || !network_.device().is_cpu()
                                 ? 1
                                 : count_lanes(rows, state_.threads, optimizer_.layout().total());
  std::vector<Batch> shares;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    const std::vector<Row> share(pass.begin() + rows * lane / lanes,
                                 pass.begin() + rows * (lane + 1) / lanes);
    shares.push_back(moved_to(make_batch(share, config_, token_bytes_), network_.device()));
  }
  return shares;
}

// The gradients of the step's mean weighted loss, and the sums of losses by kind, over all
// processes.
at::Tensor Learner::backward(const StepBatches& batches) {
  const Pass pass{
      .precision = config_.precision,
      .activations =
          config_.recompute_layers ? model::Activations::recomputed : model::Activations::kept,
      .repeats = model::sampled_repeats(network_.config().recurrence,
                                        static_cast<std::uint64_t>(config_.seed), state_.steps)};
  // Layers that are run again add to their gradients once a repeat: only the end of the pass is
  // then known to be the last time.
  const bool is_once = !config_.recompute_layers || network_.config().recurrence.num_layers == 0;
  at::Tensor nats = at::zeros({kKinds}, tally_.options());
  optimizer_.zero_gradients();
  for (const std::vector<Batch>& shares : batches.own) {
    if (is_once && &shares == &batches.own.back()) {
      gradient_sum_.expect_last_pass();
    }
    nats.add_(lanes_.accumulate(shares, batches.weight_sum, pass));
  }
  lanes_.add_up();
  // After the buckets: a process without rows begins them no sooner than here.
  gradient_sum_.begin_rest();
  ranks_.start_sum(nats);
  ranks_.wait();
  const model::Config shape = model::unrolled(network_.config(), pass.repeats);
  for (const BatchCounts& batch : batches.all) {
    state_.flops += batch.targets() > 0 ? flops_of(shape, batch) : 0.0;
  }
  return nats;
}

void Learner::step() {
  learning_rate_ = train::learning_rate(config_, position_in_schedule(), total_steps_);
  OpenStep open;
  const StepBatches batches = next_batches(open);
  if (batches.weight_sum > 0.0) {
    const at::Tensor nats = backward(batches);
    const at::Tensor norm = optimizer_.gradient_norm();
    const at::Tensor skip = judge(batches, nats, norm, open);
    optimizer_.step(learning_rate_, norm, skip);
    open_.push_back(std::move(open));
  }
  ++state_.steps;
  for (const BatchCounts& batch : batches.all) {
    state_.tokens += batch.targets();
  }
  state_.place = rows_->place();
}

at::Tensor Learner::judge(const StepBatches& batches, const at::Tensor& nats,
                          const at::Tensor& norm, OpenStep& open) {
  const at::NoGradGuard no_gradients;
  Tally counts;
  for (const BatchCounts& batch : batches.all) {
    counts.add(batch.counts);
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
