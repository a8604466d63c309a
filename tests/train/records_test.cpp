// TensorBoard events, held-out losses on the way, and losses by kind.
#include "base/error.h"
#include "train/event_file.h"
#include "train/held_out.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <numbers>

namespace tpt::train {
namespace {

bool has_tensorboard() {
  const std::string command =
      std::string(TPT_PYTHON) + " -c 'import tensorboard' > /dev/null 2> /dev/null";
  return has_oracle() && std::system(command.c_str()) == 0;
}

TEST(EventFile, ChecksumIsThatOfTheStandard) {
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(EventFile, TensorBoardReadsWhatWasAppendedOverTwoParts) {
  if (!has_tensorboard()) {
    GTEST_SKIP() << "needs tensorboard in the Python of the tests";
  }
  const TemporaryFolder folder;
  const auto path = folder.path() / "events.out.tfevents.0.tpt";
  std::int64_t kept = 0;
  {
    EventFile file(path, 0);
    file.append(1, {{"loss/all", 2.5}, {"learning_rate", 1e-3}});
    kept = file.sync();
    file.append(2, {{"loss/all", 99.0}});
  }
  {
    EventFile file(path, kept);
    file.append(2, {{"loss/all", -0.125}});
    file.append(std::int64_t{1} << 40, {{"loss/all", 1e-30}, {std::string(300, 'x'), 7.0}});
  }
  const Json read = ask_oracle("events " + folder.path().string(), {}, folder.path());
  EXPECT_EQ(read["loss/all"],
            Json({{1, 2.5}, {2, -0.125}, {std::int64_t{1} << 40, static_cast<double>(1e-30F)}}));
  EXPECT_EQ(read["learning_rate"], Json({{1, static_cast<double>(1e-3F)}}));
  EXPECT_EQ(read[std::string(300, 'x')][0][1], 7.0);
}

TEST(EventFile, AFullDiskIsAnIoError) {
  if (!std::filesystem::exists("/dev/full")) {
    GTEST_SKIP() << "needs /dev/full";
  }
  EXPECT_THROW(EventFile("/dev/full", 0), Error);
}

class Records : public testing::Test {
 protected:
  void SetUp() override {
    write_sum_shards(shards_, 100);
    write_sum_shards(held_out_, 40, 9);
    const auto tokenizer = tokenize::load_tokenizer("bytes");
    pack::Config raw;
    raw.format = pack::Format::vanilla;
    VectorSource<AugmentedDocument> source(sums(60, 11));
    NoProgress quiet;
    pack::write_shards(raw, *tokenizer, source, raw_, quiet, {});
  }

  TemporaryFolder folder_;
  std::filesystem::path shards_ = folder_.path() / "shards";
  std::filesystem::path held_out_ = folder_.path() / "held-out";
  std::filesystem::path raw_ = folder_.path() / "raw";
};

TEST_F(Records, HeldOutLossesStandApartByKindAndForRawTextAlone) {
  Config config = small_config();
  config.train_tokens = 20 * 128;
  config.held_out = {held_out_.string(), raw_.string()};
  config.held_out_every_steps = 8;
  config.ema_decay = 0.9;
  const Result result = run_quietly(config, shards_, folder_.path() / "run");
  std::map<std::string, std::vector<Json>> taken;
  for (const Json& line : lines_of(folder_.path() / "run")) {
    if (line.contains("held_out")) {
      taken[line.at("held_out").get<std::string>() + (line.contains("of") ? " average" : "")]
          .push_back(line);
    } else {
      // One byte a token: bits a byte are nats a token over ln 2.
      EXPECT_NEAR(line.at("bits_per_byte_document").get<double>(),
                  line.at("loss_document").get<double>() / std::numbers::ln2, 1e-12);
      EXPECT_FALSE(line.contains("bits_per_byte_special") &&
                   line.at("bits_per_byte_special").get<double>() < 0);
    }
  }
  ASSERT_EQ(taken.size(), 4U);
  for (const auto& [name, lines] : taken) {
    ASSERT_EQ(lines.size(), 3U) << name;
    EXPECT_EQ(lines[0].at("step"), 8);
    EXPECT_EQ(lines[2].at("step"), 20);
    EXPECT_EQ(lines[0].contains("loss_thinking"), name.starts_with("held-out")) << name;
    EXPECT_LT(lines[2].at("loss_document").get<double>(),
              lines[0].at("loss_document").get<double>());
  }
  // The last ones are those of the checkpoints on disk.
  const auto loss = [&](const std::filesystem::path& checkpoint) {
    return held_out_loss(model::load_transformer(checkpoint), raw_, 32, model::Precision::fp32, 0)
        .document_nats_per_token;
  };
  const std::filesystem::path last = result.checkpoints.back().folder;
  EXPECT_NEAR(taken["raw"][2].at("loss_document").get<double>(), loss(last), 1e-5);
  EXPECT_NEAR(taken["raw average"][2].at("loss_document").get<double>(),
              loss(last.string() + "-average"), 1e-5);
  EXPECT_NE(taken["raw"][2], taken["raw average"][2]);
}

// At the start: the end of a run is too late for a wrong path.
TEST_F(Records, HeldOutShardsThatDoNotFitAreRefusedBeforeAnythingIsWritten) {
  write_sum_shards(folder_.path() / "short", 1);
  const auto other_ids = folder_.path() / "other ids";
  std::filesystem::copy(held_out_, other_ids);
  Json tokenizer = parse_json(storage::read_file(other_ids / "tokenizer.json"), "tokenizer.json");
  std::swap(tokenizer["model"]["vocab"]["a"], tokenizer["model"]["vocab"]["b"]);
  storage::write_file_atomically(other_ids / "tokenizer.json", dump_json(tokenizer));
  const std::pair<const char*, const char*> cases[] = {
      {"none", "none"}, {"short", "short: its "}, {"other ids", "token \"a\""}};
  for (const auto& [name, word] : cases) {
    Config config = small_config();
    config.train_tokens = 128;
    config.held_out = {raw_.string(), (folder_.path() / name).string()};
    try {
      run_quietly(config, shards_, folder_.path() / "run");
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::bug);
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run"));
  }
}

TEST_F(Records, HeldOutNamesAreAsLongAsItTakesToTellThemApart) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(names_of({"/data/held-out/"}), Texts({"held-out"}));
  EXPECT_EQ(names_of({"/a/x/shards", "/a/y/./shards//", "/a/z/raw"}),
            Texts({"x/shards", "y/shards", "raw"}));
  EXPECT_EQ(names_of({"/1/x/s", "/2/x/s", "/2/y/s"}), Texts({"1/x/s", "2/x/s", "y/s"}));
  EXPECT_EQ(names_of({"/s", "/x/s"}), Texts({"/s", "x/s"}));
  EXPECT_NE(names_of({"."}), Texts({""}));
  EXPECT_THROW(names_of({"/a/s", "/a/b/../s/"}), Error);
  Config config = small_config();
  config.train_tokens = 128;
  std::filesystem::create_directory(folder_.path() / "other");
  std::filesystem::copy(raw_, folder_.path() / "other" / "raw");
  config.held_out = {raw_.string() + "/", (folder_.path() / "other" / "raw").string()};
  run_quietly(config, shards_, folder_.path() / "run");
  const std::vector<Json> lines = lines_of(folder_.path() / "run");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].at("held_out"), (folder_.path().filename() / "raw").string());
  EXPECT_EQ(lines[2].at("held_out"), "other/raw");
}

TEST_F(Records, WatchingARunChangesNoBitOfIt) {
  Config config = small_config();
  config.train_tokens = 20 * 128;
  const std::string bare = weights_of(run_quietly(config, shards_, folder_.path() / "bare"));
  config.held_out = {raw_.string()};
  config.held_out_every_steps = 3;
  config.log_every_steps = 7;
  config.state_every_seconds = 0.0;
  config.recompute_layers = true;
  EXPECT_EQ(weights_of(run_quietly(config, shards_, folder_.path() / "watched")), bare);
}

TEST_F(Records, TensorBoardShowsDocumentAndThinkingApart) {
  if (!has_tensorboard()) {
    GTEST_SKIP() << "needs tensorboard in the Python of the tests";
  }
  Config config = small_config();
  config.train_tokens = 10 * 128;
  config.held_out = {raw_.string()};
  run_quietly(config, shards_, folder_.path() / "run");
  const Json read =
      ask_oracle("events " + (folder_.path() / "run" / "tensorboard").string(), {}, folder_.path());
  const std::vector<Json> lines = lines_of(folder_.path() / "run");
  for (const char* kind : {"document", "thinking", "special"}) {
    const Json& series = read["loss/" + std::string(kind)];
    ASSERT_EQ(series.size(), 10U) << kind;
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(series[i][0], lines[i].at("step"));
      EXPECT_EQ(series[i][1].get<double>(),
                static_cast<double>(
                    static_cast<float>(lines[i].at("loss_" + std::string(kind)).get<double>())));
    }
  }
  EXPECT_EQ(read["bits_per_byte/document"].size(), 10U);
  EXPECT_EQ(read["held_out/raw/loss/document"].size(), 1U);
}

TEST_F(Records, ASegmentsWeightDecidesItsShareOfTheGradient) {
  const auto trained = [&](double document, double thinking, double special,
                           const std::string& name) {
    Config config = small_config();
    config.train_tokens = 5 * 128;
    config.document_weight = document;
    config.thinking_weight = thinking;
    config.special_weight = special;
    config.clip = 0.0;
    return weights_of(run_quietly(config, shards_, folder_.path() / name));
  };
  const std::string even = trained(1, 1, 1, "even");
  EXPECT_NE(trained(1, 0, 1, "without thinking"), even);
  EXPECT_NE(trained(1, 1, 0.5, "half of the tags"), even);
  EXPECT_NE(trained(0, 1, 1, "without documents"), trained(1, 0, 1, "without thinking again"));
}

TEST_F(Records, WeightsThatLeaveNothingToLearnAreRefused) {
  Config config = small_config();
  config.train_tokens = 5 * 128;
  config.document_weight = config.special_weight = 0.0;
  const auto word = [&](const std::filesystem::path& shards) {
    try {
      run_quietly(config, shards, folder_.path() / "run");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(word(raw_).find("no target of the shards has a weight"), std::string::npos)
      << "without thinking";
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run"));
  EXPECT_EQ(word(shards_), "");
  config.thinking_weight = 0.0;
  EXPECT_NE(word(shards_), "");
}

}  // namespace
}  // namespace tpt::train
