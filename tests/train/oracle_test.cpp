// The trainer against transformers' LlamaForCausalLM and torch.optim.AdamW, from the same weights
// on the same rows.
#include "train/oracle.h"

#include "train/batches.h"
#include "train/objective.h"
#include "train/schedule.h"
#include "train/small_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace tpt::train {
namespace {

Json ids_of(const std::vector<Row>& rows) {
  Json ids = Json::array();
  for (const Row& row : rows) {
    ids.push_back(row.ids);
  }
  return ids;
}

// What our run does over `steps` steps, for the oracle to do the same.
Json job_of(const Config& config, const std::filesystem::path& shards, std::int64_t steps) {
  const pack::ShardReader reader(shards);
  RowStream rows(reader, config, {});
  Json job = {{"weight_decay", config.weight_decay},
              {"beta1", config.beta1},
              {"beta2", config.beta2},
              {"epsilon", config.epsilon},
              {"clip", config.clip}};
  for (std::int64_t step = 0; step < steps; ++step) {
    job["steps"].push_back(ids_of(rows.next_step()));
    job["rates"].push_back(
        learning_rate(config, static_cast<double>(step), static_cast<double>(steps)));
  }
  return job;
}

// The largest relative difference of a tensor between two checkpoints, as norm over norm.
double largest_difference(const std::filesystem::path& ours, const std::filesystem::path& theirs) {
  const auto one = model::load_transformer(ours);
  const auto other = model::load_transformer(theirs);
  double largest = 0;
  for (std::size_t i = 0; i < one.parameters().size(); ++i) {
    const at::Tensor& expected = other.parameters()[i].second;
    const at::Tensor difference = one.parameters()[i].second - expected;
    largest = std::max(largest, (difference.norm() / expected.norm()).item<double>());
  }
  return largest;
}

void expect_same_training(std::int64_t steps, bool tied, double tolerance) {
  const TemporaryFolder folder;
  const auto shards = folder.path() / "shards";
  write_sum_shards(shards, 200);
  model::Config shape = small_model();
  shape.tie_embeddings = tied;
  const auto initial = folder.path() / "initial";
  std::filesystem::create_directories(initial);
  model::save_transformer(model::Transformer(model::resolved(shape, 260), 5), initial);
  Config config = small_config();
  config.init_from = initial.string();
  config.train_tokens = steps * config.batch_rows * config.seq_length;
  config.learning_rate = 3e-3;
  config.clip = 0.5;
  const Result ours = run_quietly(config, shards, folder.path() / "run");
  ASSERT_EQ(ours.steps, steps);
  const auto out = folder.path() / "theirs";
  const Json theirs = ask_oracle(fmt::format("train {} {}", initial.string(), out.string()),
                                 job_of(config, shards, steps), folder.path());
  ASSERT_FALSE(theirs.is_null());
  EXPECT_NEAR(ours.final_loss, theirs["losses"].back().get<double>(), 1e-4);
  EXPECT_LE(largest_difference(ours.checkpoints.back().folder, out), tolerance);
}

TEST(TrainOracle, OneStepIsThatOfTransformers) {
  TPT_NEEDS_ORACLE();
  expect_same_training(1, true, 1e-5);
}

TEST(TrainOracle, OneStepWithAHeadOfItsOwn) {
  TPT_NEEDS_ORACLE();
  expect_same_training(1, false, 1e-5);
}

TEST(TrainOracle, TwentyStepsAreThoseOfTransformers) {
  TPT_NEEDS_ORACLE();
  expect_same_training(20, true, 1e-4);
}

TEST(TrainOracle, AnswerLossIsThatOfIgnoredLabels) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  const auto shards = folder.path() / "examples";
  write_example_shards(shards, 8);
  Config config = small_config();
  config.rows = pack::RowPolicy::pad;
  config.objective = Objective::answers;
  config.batch_rows = 8;
  config.epochs = 1;
  const pack::ShardReader reader(shards);
  const std::vector<Row> rows = RowStream(reader, config, {}).next_step();
  ASSERT_EQ(rows.size(), 8U);
  Json job = {{"ids", ids_of(rows)}};
  for (const Row& row : rows) {
    Json labels = Json::array();
    for (std::size_t i = 0; i < row.ids.size(); ++i) {
      labels.push_back(row.kinds[i] == Kind::answer ? row.ids[i] : -100);
    }
    job["labels"].push_back(labels);
  }
  const auto network = model::Transformer(model::resolved(small_model(), 260), 5);
  std::filesystem::create_directories(folder.path() / "model");
  model::save_transformer(network, folder.path() / "model");
  const at::NoGradGuard no_gradients;
  const Batch batch = make_batch(rows, config);
  const Tally tally = tally_of(target_losses(network, batch, {}), batch);
  const Json theirs = ask_oracle("loss " + (folder.path() / "model").string(), job, folder.path());
  EXPECT_NEAR(tally.mean(), theirs["loss"].get<double>(), 1e-5);
  EXPECT_GT(tally.count(Kind::answer), 0);
}

TEST(TrainOracle, TransformersLoadsACheckpoint) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  write_sum_shards(folder.path() / "shards", 100);
  Config config = small_config();
  config.train_tokens = 256;
  const Result result = run_quietly(config, folder.path() / "shards", folder.path() / "run");
  const std::string text = "3+4=7.";
  const Json theirs =
      ask_oracle(fmt::format("load {} {}", result.checkpoints.back().folder.string(), text), {},
                 folder.path());
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  const pack::ShardReader shards(folder.path() / "shards");
  EXPECT_EQ(theirs["ids"].get<std::vector<TokenId>>(), tokenizer->encode(text));
  EXPECT_EQ(theirs["generation_eos"], shards.end_of_text().value());
  EXPECT_EQ(theirs["eos"], "<|endoftext|>");
  EXPECT_EQ(theirs["parameters"], model::num_parameters(model::resolved(small_model(), 260)));
}

}  // namespace
}  // namespace tpt::train
