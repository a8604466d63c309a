#include "base/error.h"
#include "train/batches.h"
#include "train/objective.h"
#include "train/small_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <thread>

namespace tpt::train {
namespace {

// The message of the Error(user) that the run ends with.
std::string refusal(const Config& config, const std::filesystem::path& shards,
                    const std::filesystem::path& folder) {
  try {
    run_quietly(config, shards, folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "the run was not refused";
  return "";
}

class Trainer : public testing::Test {
 protected:
  void SetUp() override {
    shards_ = folder_.path() / "shards";
    write_sum_shards(shards_, 200);
  }
  std::filesystem::path place(const std::string& name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
  std::filesystem::path shards_;
};

TEST_F(Trainer, LearnsAndKeepsTheRecords) {
  Config config = small_config();
  config.train_tokens = 60 * 4 * 32;
  config.checkpoint_tokens = {1000, 1100, 4096};
  config.learning_rate = 5e-3;
  const Result result = run_quietly(config, shards_, place("run"));
  EXPECT_EQ(result.steps, 60);
  EXPECT_EQ(result.tokens, 60 * 128);
  ASSERT_EQ(result.checkpoints.size(), 4U);
  const std::vector<std::int64_t> budgets = {1000, 1100, 4096, 7680};
  const std::vector<std::int64_t> tokens = {1024, 1152, 4096, 7680};
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const Checkpoint& checkpoint = result.checkpoints[i];
    EXPECT_EQ(checkpoint.budget, budgets[i]);
    EXPECT_EQ(checkpoint.tokens, tokens[i]) << "the first step that reaches the budget";
    EXPECT_EQ(checkpoint.folder.filename(), "checkpoint-" + std::to_string(tokens[i]));
    for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
      EXPECT_TRUE(std::filesystem::exists(checkpoint.folder / file)) << file;
    }
  }
  const std::vector<Json> lines = lines_of(place("run"));
  ASSERT_EQ(lines.size(), 60U);
  const auto first = lines.front().at("loss").get<double>();
  const auto last = lines.back().at("loss").get<double>();
  EXPECT_NEAR(first, std::log(272.0), 0.2) << "random weights know nothing";
  EXPECT_LT(last, 0.65 * first);
  EXPECT_EQ(lines.back().at("tokens"), 7680);
  EXPECT_TRUE(lines.back().contains("loss_thinking"));
  EXPECT_DOUBLE_EQ(result.final_loss, last);
  EXPECT_GT(result.flops, 6.0 * 7680.0 * 20000.0);
}

TEST_F(Trainer, TwoBudgetsReachedByOneStepShareACheckpoint) {
  Config config = small_config();
  config.train_tokens = 256;
  config.checkpoint_tokens = {1, 2, 128};
  const Result result = run_quietly(config, shards_, place("run"));
  ASSERT_EQ(result.checkpoints.size(), 4U);
  EXPECT_EQ(result.checkpoints[0].folder, result.checkpoints[2].folder);
  EXPECT_EQ(result.checkpoints[3].tokens, 256);
}

TEST_F(Trainer, SameSeedGivesTheSameBytesAndAnotherDoesNot) {
  Config config = small_config();
  config.train_tokens = 2000;
  const std::string one = weights_of(run_quietly(config, shards_, place("one")));
  EXPECT_EQ(one, weights_of(run_quietly(config, shards_, place("same"))));
  config.seed = 2;
  EXPECT_NE(one, weights_of(run_quietly(config, shards_, place("other"))));
}

TEST_F(Trainer, TwoRunsAtOnceDoNotDisturbEachOther) {
  Config config = small_config();
  config.train_tokens = 3000;
  Config other = config;
  other.seed = 9;
  const std::string alone = weights_of(run_quietly(config, shards_, place("alone")));
  const std::string other_alone = weights_of(run_quietly(other, shards_, place("other_alone")));
  std::string beside, other_beside;
  {
    const std::jthread first(
        [&] { beside = weights_of(run_quietly(config, shards_, place("beside"))); });
    const std::jthread second(
        [&] { other_beside = weights_of(run_quietly(other, shards_, place("other_beside"))); });
  }
  EXPECT_EQ(alone, beside);
  EXPECT_EQ(other_alone, other_beside);
}

TEST_F(Trainer, AccumulationEqualsTheLargeBatch) {
  Config config = small_config();
  config.train_tokens = 10 * 8 * 32;
  config.batch_rows = 8;
  const auto large = model::load_transformer(
      run_quietly(config, shards_, place("large")).checkpoints.back().folder);
  config.batch_rows = 2;
  config.accumulation = 4;
  const Result result = run_quietly(config, shards_, place("small"));
  EXPECT_EQ(result.steps, 10);
  const auto small = model::load_transformer(result.checkpoints.back().folder);
  for (std::size_t i = 0; i < large.parameters().size(); ++i) {
    const auto& [name, expected] = large.parameters()[i];
    const at::Tensor difference = small.parameters()[i].second - expected;
    EXPECT_LE((difference.norm() / expected.norm()).item<double>(), 2e-5) << name;
  }
}

TEST_F(Trainer, EpochsHaveAllTheirRowsInTheirOwnOrder) {
  Config config = small_config();
  config.epochs = 3;
  const pack::ShardReader shards(shards_);
  RowStream stream(shards, config, {});
  const std::int64_t rows = stream.rows_of_epoch();
  std::vector<Row> seen;
  for (auto some = stream.next_step(); !some.empty(); some = stream.next_step()) {
    seen.insert(seen.end(), some.begin(), some.end());
  }
  ASSERT_EQ(static_cast<std::int64_t>(seen.size()), 3 * rows);
  EXPECT_NE(std::vector<Row>(seen.begin(), seen.begin() + rows),
            std::vector<Row>(seen.begin() + rows, seen.begin() + 2 * rows));
  const Result result = run_quietly(config, shards_, place("run"));
  EXPECT_EQ(result.tokens, 3 * rows * config.seq_length);
  EXPECT_EQ(result.steps, (3 * rows + 3) / 4);
}

TEST_F(Trainer, TheRowStreamGoesOnFromAnyPlace) {
  const Config config = small_config();
  const pack::ShardReader shards(shards_);
  RowStream whole(shards, config, {});
  for (int step = 0; step < 100; ++step) {
    const Place place = whole.place();
    const std::vector<Row> expected = whole.next_step();
    RowStream from_here(shards, config, place);
    ASSERT_EQ(from_here.next_step(), expected) << "step " << step;
  }
}

TEST_F(Trainer, FineTuningCountsOnlyAnswers) {
  write_example_shards(place("examples"), 50);
  Config config = small_config();
  config.rows = pack::RowPolicy::pad;
  config.objective = Objective::answers;
  config.epochs = 2;
  const pack::ShardReader shards(place("examples"));
  std::int64_t answers = 0;
  for (std::int64_t i = 0; i < shards.sequences(); ++i) {
    for (const Span& span : shards.sequence(i).spans) {
      answers += span.kind == Kind::answer ? span.tokens : 0;
    }
  }
  const Result result = run_quietly(config, place("examples"), place("run"));
  EXPECT_EQ(result.tokens, 2 * answers);
  EXPECT_EQ(result.steps, 25);
  const Json line = lines_of(place("run")).back();
  EXPECT_TRUE(line.contains("loss_answer"));
  EXPECT_FALSE(line.contains("loss_prompt"));
}

TEST_F(Trainer, StartsFromAGivenCheckpoint) {
  Config config = small_config();
  config.train_tokens = 256;
  const Result first = run_quietly(config, shards_, place("first"));
  config.init_from = first.checkpoints.back().folder.string();
  config.learning_rate = 0.0;
  const Result second = run_quietly(config, shards_, place("second"));
  EXPECT_EQ(weights_of(first), weights_of(second)) << "a learning rate of 0 changes nothing";
}

TEST_F(Trainer, PaddingAndTrimmedColumnsChangeNoLoss) {
  const auto network = model::Transformer(model::resolved(small_model(), 272), 1);
  Row row;
  for (int i = 0; i < 9; ++i) {
    row.ids.push_back(40 + i);
    row.kinds.push_back(i < 5 ? Kind::document : Kind::thinking);
  }
  row.starts = {0};
  const Config config = small_config();
  const at::NoGradGuard no_gradients;
  const Tally bare =
      tally_of(target_losses(network, make_batch({row}, config), {}), make_batch({row}, config));
  Row padded = row;
  padded.ids.resize(20, 0);
  padded.kinds.resize(20, Kind::padding);
  Row longer = row;
  longer.ids.resize(15, 99);
  longer.kinds.resize(15, Kind::special);
  const Batch alone = make_batch({padded}, config);
  EXPECT_EQ(alone.ids_bt.size(1), 8);
  longer.ids.resize(20, 0);
  longer.kinds.resize(20, Kind::padding);
  const Batch both = make_batch({padded, longer}, config);
  EXPECT_EQ(both.ids_bt.size(1), 14);
  EXPECT_EQ(both.targets(), 8 + 14);
  const Tally together = tally_of(target_losses(network, both, {}), both);
  EXPECT_EQ(bare.count(Kind::document), 4);
  EXPECT_EQ(bare.count(Kind::thinking), 4);
  EXPECT_EQ(together.count(Kind::document), 8);
  EXPECT_NEAR(together.mean(Kind::document), bare.mean(Kind::document), 1e-5);
}

TEST_F(Trainer, DocumentMaskKeepsSequencesApart) {
  const auto network = model::Transformer(model::resolved(small_model(), 272), 1);
  Row both;
  both.ids = {10, 11, 12, 13, 20, 21, 22, 23};
  both.kinds.assign(8, Kind::document);
  both.starts = {0, 4};
  Config config = small_config();
  const at::NoGradGuard no_gradients;
  const auto last_loss = [&](const Row& row) {
    const Batch batch = make_batch({row}, config);
    return target_losses(network, batch, {}).select(0, -1).item<double>();
  };
  Row changed = both;
  changed.ids[1] = 77;
  EXPECT_NE(last_loss(both), last_loss(changed));
  config.cross_document_attention = false;
  EXPECT_EQ(last_loss(both), last_loss(changed));
}

TEST_F(Trainer, RefusesAnotherRunsFolderAndWrongShards) {
  Config config = small_config();
  config.train_tokens = 256;
  run_quietly(config, shards_, place("run"));
  config.learning_rate = 0.5;
  EXPECT_NE(refusal(config, shards_, place("run")).find("train.learning_rate was 0.001, now 0.5"),
            std::string::npos);
  config = small_config();
  config.objective = Objective::answers;
  config.train_tokens = 256;
  EXPECT_NE(refusal(config, shards_, place("answers")).find("fine-tuning"), std::string::npos);
  config = small_config();
  config.epochs = 1;
  config.checkpoint_tokens = {1'000'000};
  EXPECT_NE(refusal(config, shards_, place("budget")).find("checkpoint_tokens"), std::string::npos);
  NoProgress quiet;
  model::Config tiny = small_model();
  tiny.vocab_size = 100;
  EXPECT_THROW(run(small_config(), tiny, shards_, place("tiny"), quiet, {}), Error);
}

// A pair of another tool says nothing of its vocabulary.
TEST_F(Trainer, AnIdBeyondTheVocabularyIsNamed) {
  std::filesystem::create_directory(place("pair"));
  for (const char* ending : {".bin", ".idx"}) {
    std::filesystem::copy_file(shards_ / ("tpt_text_document" + std::string(ending)),
                               place("pair") / ("corpus" + std::string(ending)));
  }
  model::Config tiny = small_model();
  tiny.vocab_size = 100;
  Config config = small_config();
  config.train_tokens = 128;
  NoProgress quiet;
  const auto refused = [&](const std::filesystem::path& trained_on) {
    try {
      run(config, tiny, trained_on, place("run"), quiet, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string words = refused(place("pair") / "corpus");
  EXPECT_NE(words.find("corpus.bin: sequence"), std::string::npos) << words;
  EXPECT_NE(words.find("ids are below 100"), std::string::npos) << words;
  const auto network = model::Transformer(model::resolved(tiny, 100), 1);
  EXPECT_THROW(held_out_loss(network, place("pair") / "corpus", 32, model::Precision::fp32, 0),
               Error);
}

TEST_F(Trainer, ALossThatIsNotFiniteEndsTheRunWithAWordOnTheRate) {
  Config config = small_config();
  config.train_tokens = 128 * 200;
  config.learning_rate = 10.0;
  config.warmup_steps = 0;
  config.clip = 0.0;
  config.beta1 = config.beta2 = 0.0;
  config.epsilon = 1e-30;
  config.weight_decay = 100.0;
  EXPECT_NE(refusal(config, shards_, place("run")).find("learning_rate"), std::string::npos);
}

TEST_F(Trainer, Bf16LearnsToo) {
  Config config = small_config();
  config.train_tokens = 60 * 128;
  config.learning_rate = 5e-3;
  const Result exact = run_quietly(config, shards_, place("fp32"));
  config.precision = model::Precision::bf16;
  const Result rounded = run_quietly(config, shards_, place("bf16"));
  EXPECT_NEAR(rounded.final_loss, exact.final_loss, 0.1);
  EXPECT_NE(rounded.final_loss, exact.final_loss);
}

TEST_F(Trainer, HeldOutLossIsThatOfTheRows) {
  const auto network = model::Transformer(model::resolved(small_model(), 272), 1);
  const HeldOutLoss some = held_out_loss(network, shards_, 32, model::Precision::fp32, 5);
  EXPECT_LE(some.document_tokens + some.thinking_tokens, 5 * 32);
  EXPECT_GT(some.document_tokens, 0);
  const HeldOutLoss all = held_out_loss(network, shards_, 32, model::Precision::fp32, 0);
  EXPECT_NEAR(all.document_nats_per_token, std::log(272.0), 0.2);
  EXPECT_NEAR(all.thinking_nats_per_token, std::log(272.0), 0.2);
  EXPECT_GT(all.thinking_tokens, some.thinking_tokens);
  for (const auto& [name, parameter] : network.parameters()) {
    EXPECT_FALSE(parameter.grad().defined()) << name;
  }
}

}  // namespace
}  // namespace tpt::train
