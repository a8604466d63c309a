#include "train/trainer.h"

#include "base/error.h"
#include "base/log.h"
#include "train/checkpoint.h"
#include "train/spike_record.h"
#include "train/starting_point.h"
#include "train/weight_check.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace tpt::train {
namespace {

// A run whose steps are left out this many times in a row will not come back.
constexpr std::int64_t kMaxSkipped = 10;

Config with_length(Config config) {
  check(config);
  if (config.train_tokens == 0 && config.epochs == 0) {
    config.epochs = 1;
  }
  return config;
}

// The moving average among a state's tensors, under the names of the weights.
model::NamedTensors average_in(const StateTensors& tensors) {
  constexpr std::string_view kPrefix = "average.";
  model::NamedTensors average;
  for (const auto& [name, tensor] : tensors.optimizer) {
    if (name.starts_with(kPrefix)) {
      average.emplace_back(name.substr(kPrefix.size()), tensor);
    }
  }
  return average;
}

}  // namespace

Trainer::Trainer(const Config& config, const model::Config& model_config,
                 const std::filesystem::path& shards, const std::filesystem::path& folder,
                 Progress& progress, Ranks& ranks)
    : config_(with_length(config)),
      folder_(folder),
      progress_(progress),
      ranks_(ranks),
      shards_(shards),
      learner_(config_, starting_network(config_, model_config, shards_), shards_, ranks),
      held_out_(open_held_out(config_, learner_.network(), shards_)) {
  shards_.limit_ids(learner_.network().config().vocab_size);
  if (ranks_.is_first()) {
    std::error_code problem;
    std::filesystem::create_directories(folder_, problem);
    if (problem) {
      io_error("{}: cannot be created: {}", folder_.string(), problem.message());
    }
  }
  restore_newest();
  find_budgets();
  if (ranks_.is_first()) {
    source_ = kept_source(config_.init_from, folder_);
    records_ = std::make_unique<RunRecords>(folder_, config_, state());
  }
  check_same_weights(ranks_, learner_.network().parameters(), state().steps);
}

void Trainer::restore_newest() {
  const auto newest = ranks_.is_first() ? newest_state(folder_) : std::nullopt;
  const std::string path = ranks_.broadcast(newest ? newest->string() : "");
  if (!path.empty()) {
    learner_.restore(path);
    saved_steps_ = state().steps;
  }
}

void Trainer::find_budgets() {
  budgets_ = config_.checkpoint_tokens;
  budgets_.push_back(learner_.end_tokens());
  std::sort(budgets_.begin(), budgets_.end());
  budgets_.erase(std::unique(budgets_.begin(), budgets_.end()), budgets_.end());
  if (budgets_.back() > learner_.end_tokens()) {
    user_error("train.checkpoint_tokens: got {}, but {} epochs hold {} target tokens",
               budgets_.back(), config_.epochs, learner_.end_tokens());
  }
}

Result Trainer::run(std::stop_token stop) {
  start_ = saved_ = Clock::now();
  tokens_before_ = state().tokens;
  // The first state too: a step can be run again from the start, and a disk that cannot hold states
  // shows at once.
  save_state();
  // One process that is asked to stop stops all; the first one's clock says when to save.
  constexpr std::size_t kStop = 0, kSave = 1;
  const auto wishes = [&] {
    return ranks_.largest(
        {stop.stop_requested() ? 1.0 : 0.0, ranks_.is_first() && is_state_due() ? 1.0 : 0.0});
  };
  std::vector<double> agreed = wishes();
  while (!state().finished) {
    if (agreed[kStop] > 0.0) {
      interrupt();
    }
    learner_.step();
    compare_weights();
    const bool at_end = learner_.at_end();
    const bool is_line_due = at_end || state().steps % config_.log_every_steps == 0;
    const auto last = is_line_due ? learner_.last_open() : std::nullopt;
    // What is to be done about a step is done one step later, so that the host need not wait; where
    // it only skips, when a line is due.
    if (at_end || is_place_to_go_back_to()) {
      act_on_steps(0);
    } else if (config_.on_spike != OnSpike::skip) {
      act_on_steps(1);
    }
    if (is_line_due) {
      log_step(last ? last->gradient_norm : 0.0);
    }
    take_held_out_losses();
    state().finished = at_end;
    agreed = wishes();
    if (note_reached_checkpoints() || at_end || agreed[kSave] > 0.0) {
      save_state();
    }
  }
  writer_.wait();
  ranks_.largest({0.0});  // nobody is done before the first one's files stand
  report();
  return result();
}

// No verdict is open in a state that the run may go back to: else a step behind it would bring back
// weights that were given up for a step before it.
bool Trainer::is_place_to_go_back_to() const {
  return config_.on_spike == OnSpike::rollback && state().steps % config_.state_every_steps == 0;
}

void Trainer::interrupt() {
  save_state();
  writer_.wait();
  ranks_.largest({0.0});
  throw Interrupted(
      fmt::format("training stopped at step {} ({} tokens); the same command goes on from there",
                  state().steps, state().tokens));
}

void Trainer::compare_weights() {
  const std::int64_t every = config_.compare_weights_every_steps;
  if (every > 0 && state().steps % every == 0) {
    check_same_weights(ranks_, learner_.network().parameters(), state().steps);
  }
}

void Trainer::act_on_steps(std::size_t leave_open) {
  for (const DoneStep& step : learner_.take_done(leave_open)) {
    act_on(step);
  }
}

void Trainer::act_on(const DoneStep& step) {
  if (!step.skipped) {
    state().skipped_in_a_row = 0;
    state().last_loss = step.loss;
    return;
  }
  ++state().skipped_since_line;
  if (ranks_.is_first()) {
    writer_.wait();  // so that the state before the step stands on disk
    keep_spike(folder_, step, describe_rows(step, learner_.rows(), shards_));
  }
  const std::string what = fmt::format(
      "step {}: loss {} or gradient norm {} is not finite or stands out; its batch is in {}",
      step.number, step.loss, step.gradient_norm,
      (folder_ / "spikes" / fmt::format("step-{}", step.number)).string());
  if (++state().skipped_in_a_row == kMaxSkipped) {
    user_error(
        "training: {} steps in a row were left out, the last at {}: lower train.learning_rate (now "
        "{}), raise train.warmup_steps, or set train.clip",
        kMaxSkipped, what, config_.learning_rate);
  }
  switch (config_.on_spike) {
    case OnSpike::skip:
      log_warning("training: {}; step skipped", what);
      return;
    case OnSpike::rollback:
      log_warning("training: {}", what);
      go_back(step);
      return;
    case OnSpike::stop:
      user_error("training: {}; `tpt replay-step` runs it again, --on-spike skip goes on", what);
  }
  TPT_CHECK(false, "on_spike {}", static_cast<int>(config_.on_spike));
}

// To the newest state at a multiple of state_every_steps before the step: which one it is does not
// depend on when the clock had others saved. The data goes on behind the step.
void Trainer::go_back(const DoneStep& step) {
  std::filesystem::path saved;
  for (const std::filesystem::path& state :
       ranks_.is_first() ? states_of(folder_) : std::vector<std::filesystem::path>()) {
    const std::int64_t steps = step_of_state(state);
    if (saved.empty() && steps < step.number && steps % config_.state_every_steps == 0) {
      saved = state;
    }
  }
  saved = ranks_.broadcast(saved.string());
  if (saved.empty()) {
    log_warning("training: no state to go back to yet; step skipped");
    return;
  }
  learner_.restore_weights(saved);
  log_warning("training: back to the weights of step {}; the data goes on", step_of_state(saved));
}

void Trainer::log_step(double gradient_norm) {
  if (config_.on_spike == OnSpike::skip) {
    act_on_steps(0);
  }
  // The line counts its last step too, whose verdict may not have been acted on.
  const auto open = learner_.last_open();
  const std::int64_t counted_early = open && open->skipped ? 1 : 0;
  state().skipped_since_line += counted_early;
  const Tally tally = learner_.take_tally();
  if (records_) {
    records_->append(state(), tally, learner_.learning_rate(), gradient_norm);
  }
  state().skipped_since_line = -counted_early;
  state().line_tokens = state().tokens;
  state().line_flops = state().flops;
  report();
}

void Trainer::take_held_out_losses() {
  const std::int64_t every = config_.held_out_every_steps;
  const bool is_due = learner_.at_end() || (every > 0 && state().steps % every == 0);
  if (held_out_.empty() || !is_due) {
    return;
  }
  for (const bool of_average : {false, true}) {
    if (of_average && config_.ema_decay == 0.0) {
      continue;
    }
    if (of_average) {
      learner_.optimizer().exchange_average();
    }
    for (const auto& [name, held_out] : held_out_) {
      const Tally tally = held_out.tally(learner_.network(), config_.precision, ranks_);
      if (records_) {
        records_->append(state(), {.name = name, .of_average = of_average, .tally = tally});
      }
    }
    if (of_average) {
      learner_.optimizer().exchange_average();
    }
  }
}

bool Trainer::is_state_due() const {
  const double age = std::chrono::duration<double>(Clock::now() - saved_).count();
  return age >= config_.state_every_seconds ||
         (config_.state_every_steps > 0 && state().steps % config_.state_every_steps == 0);
}

// Which checkpoints this step reaches; save_state() writes them.
bool Trainer::note_reached_checkpoints() {
  bool reached = false;
  for (const std::int64_t budget : budgets_) {
    const auto& saved = state().checkpoints;
    const bool already = std::any_of(saved.begin(), saved.end(),
                                     [&](const Checkpoint& one) { return one.budget == budget; });
    if (already || budget > state().tokens) {
      continue;
    }
    due_checkpoint_ = folder_ / ("checkpoint-" + std::to_string(state().tokens));
    state().checkpoints.push_back({budget, state().tokens, *due_checkpoint_});
    reached = true;
  }
  return reached;
}

// Copies what is to be written; the disk has its time while training goes on. A checkpoint stands
// before the state that names it.
void Trainer::save_state() {
  if (state().steps == saved_steps_) {
    return;
  }
  if (config_.on_spike == OnSpike::skip) {
    act_on_steps(0);
  }
  state().open = learner_.last_open();
  state().tally = learner_.tally();
  StateTensors tensors = learner_.copies();
  if (records_) {
    records_->sync(state());
    writer_.start(
        [this, saved = state(), tensors = std::move(tensors), checkpoint = due_checkpoint_] {
          const model::Config& shape = learner_.network().config();
          if (checkpoint) {
            write_checkpoint({shape, tensors.weights, checkpoint->string()}, shards_, source_,
                             *checkpoint);
            if (const model::NamedTensors average = average_in(tensors); !average.empty()) {
              write_checkpoint({shape, average, checkpoint->string()}, shards_, source_,
                               checkpoint->string() + "-average");
            }
          }
          write_state(folder_, saved, shape, tensors,
                      {.newest = config_.keep_states, .every_steps = config_.state_every_steps});
        });
  }
  due_checkpoint_.reset();
  saved_ = Clock::now();
  saved_steps_ = state().steps;
}

void Trainer::report() const {
  const double part_seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  ProgressState shown{.stage = "train",
                      .done = static_cast<double>(state().tokens),
                      .total = static_cast<double>(budgets_.back()),
                      .unit = "tokens"};
  shown.facts = {{"loss", fmt::format("{:.4f}", state().last_loss)},
                 {"lr", fmt::format("{:.2e}", learner_.learning_rate())}};
  if (part_seconds > 0) {
    const auto tokens = static_cast<double>(state().tokens - tokens_before_);
    shown.facts.emplace_back("tokens/s", fmt::format("{:.0f}", tokens / part_seconds));
  }
  progress_.report(shown);
}

Result Trainer::result() const {
  return {.checkpoints = state().checkpoints,
          .tokens = state().tokens,
          .steps = state().steps,
          .seconds = state().seconds,
          .flops = state().flops,
          .final_loss = state().last_loss};
}

}  // namespace tpt::train
