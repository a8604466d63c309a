#include "train/trainer.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "train/checkpoint.h"
#include "train/objective.h"
#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace tpt::train {
namespace {

// A run whose loss is not a number this many times in a row will not come back.
constexpr std::int64_t kMaxSkipped = 10;

Config with_length(Config config) {
  check(config);
  if (config.train_tokens == 0 && config.epochs == 0) {
    config.epochs = 1;
  }
  return config;
}

model::Transformer make_network(const Config& config, const model::Config& shape,
                                const pack::ShardReader& shards) {
  if (!config.init_from.empty()) {
    return model::load_transformer(config.init_from);
  }
  if (shape.vocab_size == 0 && shards.vocab_size() == 0) {
    user_error("model.vocab_size: the shards have no shard.json that says it; set it");
  }
  const std::uint64_t seed =
      derive_seed(static_cast<std::uint64_t>(config.seed), "weights", "initial");
  return model::Transformer(model::resolved(shape, shards.vocab_size()), seed);
}

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
    for (const auto& [key, value] : now.items()) {
      const Json old = before.contains(key) ? before[key] : Json();
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

model::NamedTensors copies_of(model::NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.detach().clone();
  }
  return tensors;
}

}  // namespace

Trainer::Trainer(const Config& config, const model::Config& model_config,
                 const std::filesystem::path& shards, const std::filesystem::path& folder,
                 Progress& progress)
    : config_(with_length(config)),
      folder_(folder),
      progress_(progress),
      shards_(shards),
      network_(make_network(config_, model_config, shards_)),
      optimizer_(network_.parameters(), config_) {
  const std::int64_t vocabulary = network_.config().vocab_size;
  if (shards_.vocab_size() > vocabulary) {
    user_error(
        "{}: ids below {}, but the model's vocabulary has {}: pack with the model's own "
        "tokenizer",
        shards.string(), shards_.vocab_size(), vocabulary);
  }
  std::error_code problem;
  std::filesystem::create_directories(folder_, problem);
  if (problem) {
    io_error("{}: cannot be created: {}", folder_.string(), problem.message());
  }
  state_.recipe = identity(config_, network_, shards_);
  restore();
  rows_ = std::make_unique<RowStream>(shards_, config_, state_.place);
  metrics_ = std::make_unique<MetricsFile>(folder_ / "metrics.jsonl", state_.metrics_bytes);
  plan();
}

void Trainer::restore() {
  const auto newest = newest_state(folder_);
  if (!newest) {
    return;
  }
  RunState saved = read_state(*newest);
  if (saved.recipe != state_.recipe) {
    user_error("{}: holds a run with other settings ({}); choose another folder or remove it",
               folder_.string(), first_difference(saved.recipe, state_.recipe, ""));
  }
  read_tensors(*newest, {optimizer_.weights(), optimizer_.tensors()});
  state_ = std::move(saved);
  saved_steps_ = state_.steps;
}

// How long the run is, in tokens for its budgets and in steps for its schedule.
void Trainer::plan() {
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
  std::int64_t end = config_.train_tokens;
  if (config_.epochs > 0) {
    end = targets * config_.epochs;
    total_steps_ = static_cast<double>((rows * config_.epochs + rows_a_step - 1) / rows_a_step);
  } else {
    total_steps_ = std::ceil(static_cast<double>(end) / targets_a_step_);
  }
  budgets_ = config_.checkpoint_tokens;
  budgets_.push_back(end);
  std::sort(budgets_.begin(), budgets_.end());
  budgets_.erase(std::unique(budgets_.begin(), budgets_.end()), budgets_.end());
  if (budgets_.back() > end) {
    user_error("train.checkpoint_tokens: got {}, but {} epochs hold {} target tokens",
               budgets_.back(), config_.epochs, end);
  }
}

Result Trainer::run(std::stop_token stop) {
  start_ = line_start_ = saved_ = Clock::now();
  seconds_before_ = state_.seconds;
  tokens_before_ = line_tokens_ = state_.tokens;
  while (!state_.finished) {
    if (stop.stop_requested()) {
      save_state();
      writer_.wait();
      throw Interrupted(
          fmt::format("training stopped at step {} ({} tokens); the same command "
                      "goes on from there",
                      state_.steps, state_.tokens));
    }
    step();
    log_step();
    const std::size_t before = state_.checkpoints.size();
    save_reached_checkpoints();
    state_.finished = at_end();
    if (state_.finished || state_.checkpoints.size() > before || is_state_due()) {
      save_state();
    }
  }
  writer_.wait();
  report();
  return result();
}

// In steps. Where tokens say when to stop, they are the clock: rows with padding hold fewer targets
// than seq_length, and the schedule must still end with the run.
double Trainer::position_in_schedule() const {
  if (config_.epochs > 0) {
    return static_cast<double>(state_.steps);
  }
  return static_cast<double>(state_.tokens) / targets_a_step_;
}

bool Trainer::at_end() const {
  return config_.epochs > 0 ? static_cast<double>(state_.steps) >= total_steps_
                            : state_.tokens >= config_.train_tokens;
}

void Trainer::step() {
  learning_rate_ = learning_rate(config_, position_in_schedule(), total_steps_);
  std::vector<Batch> batches;
  double weight_sum = 0;
  for (const std::vector<Row>& rows : split(rows_->next_step(), config_.batch_rows)) {
    batches.push_back(make_batch(rows, config_));
    weight_sum += batches.back().weight_sum;
  }
  Tally tally;
  if (weight_sum > 0.0) {
    optimizer_.zero_gradients();
    for (const Batch& batch : batches) {
      if (batch.weight_sum > 0.0) {
        tally.add(accumulate_gradients(network_, batch, weight_sum, config_.precision));
        state_.flops += flops_of(network_.config(), batch);
      }
    }
    apply_gradients(tally);
  }
  ++state_.steps;
  for (const Batch& batch : batches) {
    state_.tokens += batch.targets();
  }
  state_.place = rows_->place();
}

// Steps the optimizer, unless the loss or a gradient is not finite: then the batch is skipped.
void Trainer::apply_gradients(const Tally& tally) {
  gradient_norm_ = optimizer_.clip_gradients();
  if (std::isfinite(tally.total_nats()) && std::isfinite(gradient_norm_)) {
    optimizer_.step(learning_rate_);
    state_.skipped_in_a_row = 0;
    state_.tally.add(tally);
    state_.last_loss = tally.mean();
    return;
  }
  if (++state_.skipped_in_a_row == kMaxSkipped) {
    user_error(
        "training: loss or gradient was not finite at {} steps in a row, up to step {}: "
        "lower train.learning_rate (now {}), raise train.warmup_steps, or set train.clip",
        kMaxSkipped, state_.steps + 1, config_.learning_rate);
  }
  log_warning("training: step {}: loss {} or gradient norm {} is not finite; step skipped",
              state_.steps + 1, tally.mean(), gradient_norm_);
}

void Trainer::log_step() {
  if (state_.steps % config_.log_every_steps != 0 && !at_end()) {
    return;
  }
  const Clock::time_point now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - line_start_).count();
  const auto targets = static_cast<double>(state_.tokens - line_tokens_);
  metrics_->append(to_json(MetricsLine{.step = state_.steps,
                                       .tokens = state_.tokens,
                                       .tally = state_.tally,
                                       .learning_rate = learning_rate_,
                                       .gradient_norm = gradient_norm_,
                                       .tokens_per_second = elapsed > 0 ? targets / elapsed : 0.0,
                                       .seconds = seconds()}));
  state_.tally = Tally();
  line_start_ = now;
  line_tokens_ = state_.tokens;
  report();
}

bool Trainer::is_state_due() const {
  const double age = std::chrono::duration<double>(Clock::now() - saved_).count();
  return age >= config_.state_every_seconds ||
         (config_.state_every_steps > 0 && state_.steps % config_.state_every_steps == 0);
}

// Notes which checkpoints this step reaches; save_state() writes them.
void Trainer::save_reached_checkpoints() {
  for (const std::int64_t budget : budgets_) {
    const auto& saved = state_.checkpoints;
    const bool already = std::any_of(saved.begin(), saved.end(),
                                     [&](const Checkpoint& one) { return one.budget == budget; });
    if (already || budget > state_.tokens) {
      continue;
    }
    const std::filesystem::path folder = folder_ / ("checkpoint-" + std::to_string(state_.tokens));
    due_checkpoint_ = folder;
    state_.checkpoints.push_back({budget, state_.tokens, folder});
  }
}

// Copies what is to be written; the disk has its time while training goes on. The checkpoint stands
// before the state that names it.
void Trainer::save_state() {
  if (state_.steps == saved_steps_) {
    return;
  }
  state_.seconds = seconds();
  state_.metrics_bytes = metrics_->sync();
  StateTensors tensors{copies_of(optimizer_.weights()), copies_of(optimizer_.tensors())};
  writer_.start([this, state = state_, tensors = std::move(tensors), checkpoint = due_checkpoint_] {
    if (checkpoint) {
      write_checkpoint({network_.config(), tensors.weights, checkpoint->string()}, shards_,
                       *checkpoint);
    }
    write_state(folder_, state, network_.config(), tensors,
                {.newest = config_.keep_states, .every_steps = config_.state_every_steps});
  });
  due_checkpoint_.reset();
  saved_ = Clock::now();
  saved_steps_ = state_.steps;
}

double Trainer::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

void Trainer::report() const {
  const double part_seconds = seconds() - seconds_before_;
  ProgressState shown{.stage = "train",
                      .done = static_cast<double>(state_.tokens),
                      .total = static_cast<double>(budgets_.back()),
                      .unit = "tokens"};
  shown.facts = {{"loss", fmt::format("{:.4f}", state_.last_loss)},
                 {"lr", fmt::format("{:.2e}", learning_rate_)}};
  if (part_seconds > 0) {
    const auto tokens = static_cast<double>(state_.tokens - tokens_before_);
    shown.facts.emplace_back("tokens/s", fmt::format("{:.0f}", tokens / part_seconds));
  }
  progress_.report(shown);
}

Result Trainer::result() const {
  return {.checkpoints = state_.checkpoints,
          .tokens = state_.tokens,
          .steps = state_.steps,
          .seconds = state_.seconds,
          .flops = state_.flops,
          .final_loss = state_.last_loss};
}

}  // namespace tpt::train
