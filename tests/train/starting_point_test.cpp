#include "train/starting_point.h"

#include "base/error.h"
#include "storage/digests.h"
#include "train/small_run.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace tpt::train {
namespace {

class StartingPoint : public testing::Test {
 protected:
  void SetUp() override {
    write_sum_shards(shards_, 100);
    Config config = small_config();
    config.train_tokens = 256;
    checkpoint_ = run_quietly(config, shards_, folder_.path() / "first").checkpoints.back().folder;
  }
  std::string word(const Config& config) const {
    const pack::ShardReader reader(shards_);
    try {
      starting_network(config, small_model(), reader);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  Config from_checkpoint() const {
    Config config = small_config();
    config.init_from = checkpoint_.string();
    return config;
  }

  TemporaryFolder folder_;
  std::filesystem::path shards_ = folder_.path() / "shards";
  std::filesystem::path checkpoint_;
};

TEST_F(StartingPoint, AFolderWithTheShardsOwnTokensIsTaken) {
  EXPECT_EQ(word(from_checkpoint()), "");
}

TEST_F(StartingPoint, ADamagedCheckpointIsRefusedByName) {
  const std::filesystem::path file = checkpoint_ / "model.safetensors";
  std::string bytes = storage::read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  storage::write_file_atomically(file, bytes);
  EXPECT_NE(word(from_checkpoint()).find("model.safetensors"), std::string::npos);
}

// The tokenizer of another model: the same vocabulary size, two tokens exchanged.
TEST_F(StartingPoint, ATokenizerThatGivesOtherIdsIsRefusedByItsToken) {
  std::filesystem::remove(checkpoint_ / "digests.json");
  const std::filesystem::path file = checkpoint_ / "tokenizer.json";
  Json json = parse_json(storage::read_file(file), "tokenizer.json");
  std::swap(json["model"]["vocab"]["a"], json["model"]["vocab"]["b"]);
  storage::write_file_atomically(file, dump_json(json));
  const std::string exchanged = word(from_checkpoint());
  EXPECT_NE(exchanged.find("token \"a\""), std::string::npos) << exchanged;
  std::swap(json["model"]["vocab"]["a"], json["model"]["vocab"]["b"]);
  json["model"]["merges"] = Json::array({"a b"});
  storage::write_file_atomically(file, dump_json(json));
  EXPECT_NE(word(from_checkpoint()).find("merges"), std::string::npos);
}

TEST_F(StartingPoint, TheShardsMayHaveMoreTokensThanTheModelsTokenizer) {
  std::filesystem::remove(checkpoint_ / "digests.json");
  const std::filesystem::path file = checkpoint_ / "tokenizer.json";
  Json json = parse_json(storage::read_file(file), "tokenizer.json");
  Json fewer = Json::array();
  for (const Json& token : json["added_tokens"]) {
    if (token.at("content") != "<think>") {
      fewer.push_back(token);
    }
  }
  ASSERT_LT(fewer.size(), json["added_tokens"].size());
  json["added_tokens"] = fewer;
  json["model"]["vocab"].erase("<think>");
  storage::write_file_atomically(file, dump_json(json));
  EXPECT_EQ(word(from_checkpoint()), "");
}

TEST_F(StartingPoint, AStretchedRotaryBaseMakesRoomForLongerRows) {
  Config config = from_checkpoint();
  config.seq_length = 300;
  EXPECT_NE(word(config).find("rope_base_factor"), std::string::npos);
  config.rope_base_factor = 16.0;
  const pack::ShardReader reader(shards_);
  const model::Transformer network = starting_network(config, small_model(), reader);
  EXPECT_EQ(network.config().max_positions, 300);
  EXPECT_DOUBLE_EQ(network.config().rope_theta, 160000.0);
  const model::Transformer before = model::load_transformer(checkpoint_);
  for (std::size_t i = 0; i < before.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(network.parameters()[i].second, before.parameters()[i].second));
  }
}

TEST_F(StartingPoint, PositionsAreRaisedToWhatTheShapeAsksFor) {
  Config config = from_checkpoint();
  config.seq_length = 300;
  EXPECT_NE(word(config).find("max_positions"), std::string::npos);
  model::Config shape = small_model();
  shape.max_positions = 512;
  const pack::ShardReader reader(shards_);
  EXPECT_EQ(starting_network(config, shape, reader).config().max_positions, 512);
  shape.max_positions = 1;
  config.seq_length = 32;
  EXPECT_EQ(starting_network(config, shape, reader).config().max_positions, 256);
}

}  // namespace
}  // namespace tpt::train
