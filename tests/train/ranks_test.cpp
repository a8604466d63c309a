// Several processes that train together lose what one loses that trains alone.
#include "train/ranks_run.h"
#include "train/weight_check.h"

#include <ATen/ATen.h>

namespace tpt::train {
namespace {

// The layer in the middle repeated so often on average.
model::Config model_of(double repeats) {
  model::Config model = small_model();
  if (repeats > 0.0) {
    model.num_layers = 3;
    model.recurrence = {.first_layer = 1, .num_layers = 1, .mean_repeats = repeats};
  }
  return model;
}

void train_as_told(const Json& task, Ranks& ranks) {
  Config config;
  Fields fields("train");
  describe(fields, config);
  fields.apply(task.at("options"));
  if (ranks.rank() == task.value("other_options_on", -1)) {
    config.learning_rate *= 2;
  }
  std::stop_source stop;
  const bool stops = task.contains("stop_at") && ranks.rank() == task.value("stop_on", 0);
  StopAt progress(stop, stops ? task.at("stop_at").get<double>() : 1e18);
  const auto folder = task.at("folder").get<std::string>();
  run(config, model_of(task.value("repeats", 0.0)), task.at("shards").get<std::string>(), folder,
      progress, stop.get_token(), ranks);
}

// A tensor that differs in its last bit on one process.
void compare_as_told(const Json& task, Ranks& ranks) {
  const at::Tensor same = at::arange(3'000'000, at::kFloat);
  const at::Tensor other = at::ones({5, 7}, at::kFloat);
  if (ranks.rank() == task.at("other_on")) {
    auto* bits = static_cast<std::uint32_t*>(other.mutable_data_ptr());
    bits[17] ^= 1U;
    bits[18] ^= task.value("second_bit", 0U);
  }
  check_same_weights(ranks, {{"same", same}, {"other", other}}, 300);
}

// Writes to where nobody reads any more.
void write_in_vain() {
  int ends[2];
  TPT_CHECK(::pipe(ends) == 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  ::close(ends[1]);
}

// What a child does, and its exit status.
int do_task(const Json& task) {
  std::unique_ptr<Ranks> ranks;
  try {
    ranks = std::make_unique<Ranks>(
        launch_from(process_environment()),
        RanksConfig{.timeout_seconds = task.value("timeout_seconds", 60.0)});
    if (task.at("do") == "train") {
      train_as_told(task, *ranks);
    } else if (task.at("do") == "write_in_vain") {
      write_in_vain();
    } else {
      compare_as_told(task, *ranks);
    }
    return 0;
  } catch (const Interrupted&) {
    return 130;
  } catch (const Error& error) {
    if (ranks) {
      ranks->leave_last_words(error.what());
    }
    std::fprintf(stderr, "ended: %s\n", error.what());
    return error.kind() == ErrorKind::user ? 2 : 1;
  }
}

// The child of the tests below.
TEST(RanksChild, Run) {
  const char* file = std::getenv("TPT_RANKS_TASK");
  if (file == nullptr) {
    GTEST_SKIP() << "only the children of RanksSlow run this";
  }
  const int status = do_task(parse_json(storage::read_file(file), file));
  std::exit(status);
}

TEST_F(RanksSlow, TwoAndFourHaveTheLossesOfOne) {
  Config config = many_config();
  config.held_out = {held_out_.string()};
  config.held_out_every_steps = 10;
  config.checkpoint_tokens = {1000};
  run_alone(config, "one");
  run_by(2, config, "two");
  run_by(4, config, "four");
  config.shard_optimizer = true;
  run_by(4, config, "sharded");
  for (const char* name : {"two", "four", "sharded"}) {
    SCOPED_TRACE(name);
    expect_same_lines(place("one"), place(name));
    EXPECT_TRUE(std::filesystem::exists(place(name) / "checkpoint-1024" / "model.safetensors"));
  }
}

TEST_F(RanksSlow, AccumulationThatDoesNotFallOnProcesses) {
  Config config = many_config();
  config.batch_rows = 4;
  config.accumulation = 3;  // of six rows a process reads four and two
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.shard_optimizer = true;
  run_by(3, config, "three");
  expect_same_lines(place("one"), place("three"));
}

// Rows with padding, documents apart, kinds of other weights: processes have other counts.
TEST_F(RanksSlow, UnevenDocumentsAndWeights) {
  Config config = many_config();
  config.rows = pack::RowPolicy::best_fit;
  config.cross_document_attention = false;
  config.thinking_weight = 0.3;
  config.special_weight = 0.0;
  config.batch_rows = 2;
  config.accumulation = 2;
  config.seq_length = 24;
  run_alone(config, "one");
  for (const bool is_sharded : {false, true}) {
    config.shard_optimizer = is_sharded;
    const std::string name = is_sharded ? "sharded" : "four";
    run_by(4, config, name);
    expect_same_lines(place("one"), place(name));
  }
}

// The last step of the last epoch has fewer rows than processes; answers alone carry loss.
TEST_F(RanksSlow, AnEpochThatEndsShort) {
  Config config = many_config();
  config.train_tokens = 0;
  config.epochs = 2;
  config.objective = Objective::answers;
  config.rows = pack::RowPolicy::pad;
  config.batch_rows = 14;
  config.accumulation = 1;
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.batch_rows = 119;
  config.accumulation = 1;
  config.shard_optimizer = true;
  run_alone(config, "one-row");
  run_by(7, config, "seven");  // one row for seven processes at the end
  expect_same_lines(place("one-row"), place("seven"));
}

TEST_F(RanksSlow, MuonAndTheAverage) {
  Config config = many_config();
  config.optimizer = OptimizerKind::muon;
  config.ema_decay = 0.9;
  config.held_out = {held_out_.string()};
  config.held_out_every_steps = 5;
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.shard_optimizer = true;
  run_by(4, config, "four");
  expect_same_lines(place("one"), place("four"));
  const std::string average =
      std::filesystem::path("checkpoint-6400-average") / "model.safetensors";
  EXPECT_TRUE(std::filesystem::exists(place("four") / average));
}

// A layer that is run several times, and again in the backward pass, reaches its gradients several
// times: no bucket may leave before the last.
TEST_F(RanksSlow, ARepeatedBlock) {
  for (const bool recomputes : {false, true}) {
    Config config = many_config();
    config.recompute_layers = recomputes;
    const std::string one = recomputes ? "one-recomputed" : "one";
    NoProgress quiet;
    run(config, model_of(3.0), shards_, place(one), quiet, {});
    Json task = task_of(config, one + "-two");
    task["repeats"] = 3.0;
    Processes processes(place(one + "-processes"), 2, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{0, 0})) << processes.words(0);
    expect_same_lines(place(one), place(one + "-two"));
  }
}

TEST_F(RanksSlow, SpikesAreTheSameForAll) {
  Config config = many_config();
  config.spike_sigmas = 2.0;
  config.spike_window = 8;
  config.on_spike = OnSpike::rollback;
  config.state_every_steps = 5;
  config.recompute_layers = true;
  run_alone(config, "one");
  EXPECT_TRUE(std::filesystem::exists(place("one") / "spikes")) << "nothing was left out";
  for (const bool is_sharded : {false, true}) {
    config.shard_optimizer = is_sharded;
    const std::string name = is_sharded ? "sharded" : "two";
    run_by(2, config, name);
    expect_same_lines(place("one"), place(name));
  }
}

}  // namespace
}  // namespace tpt::train
