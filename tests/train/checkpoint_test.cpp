// What a checkpoint says beside its weights: that of the model the run began with, and what the
// shards' examples ask of whoever talks to it.
#include "base/error.h"
#include "pack/shard_reader.h"
#include "tokenize/chat_layout.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <gmock/gmock.h>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using tokenize::Chat;

constexpr TokenId kEndOfText = 256;
constexpr TokenId kTurnEnd = 261;
constexpr TokenId kLlama3TurnEnd = 265;

// The bytes, with the markers of both layouts.
fs::path write_chat_tokenizer(const fs::path& folder) {
  Json json = parse_json(tokenize::load_tokenizer("bytes")->to_json(), "bytes");
  TokenId id = 260;
  for (const char* name : {"<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
                           "<|end_header_id|>", "<|eot_id|>"}) {
    Json token = json["added_tokens"].back();
    token["id"] = id++;
    token["content"] = name;
    json["added_tokens"].push_back(token);
  }
  fs::create_directories(folder);
  storage::write_file_atomically(folder / "tokenizer.json", dump_json(json));
  return folder / "tokenizer.json";
}

class CheckpointFolder : public testing::Test {
 protected:
  fs::path place(const std::string& name) const { return folder_.path() / name; }

  fs::path pack_turns(Chat chat) {
    const fs::path file = write_chat_tokenizer(place("tokenizer"));
    const auto tokenizer = tokenize::load_tokenizer(file.string());
    VectorSource<Conversation> source({{"c", {{"user", "2+3"}, {"assistant", "five"}}}});
    pack::Config config;
    config.chat = chat;
    NoProgress quiet;
    pack::write_examples(config, *tokenizer, source, place("turns"), quiet, {});
    return place("turns");
  }

  // A model's folder as one that was downloaded.
  fs::path source_model() {
    write_sum_shards(place("shards"), 100);
    Config config = small_config();
    config.train_tokens = 128;
    const fs::path made =
        run_quietly(config, place("shards"), place("first")).checkpoints[0].folder;
    fs::copy(made, place("model"));
    fs::remove(place("model") / "digests.json");
    write("generation_config.json",
          R"({"do_sample":true,"temperature":0.7,"eos_token_id":[258,256],"pad_token_id":259})");
    write(
        "tokenizer_config.json",
        R"({"tokenizer_class":"PreTrainedTokenizerFast","bos_token":"<think>","eos_token":"</think>",)"
        R"("unk_token":"<|pad|>","model_max_length":512,"pad_token":"<|pad|>"})");
    write("chat_template.jinja", "{{ messages[0]['content'] }}");
    Json shape = parse_json(storage::read_file(place("model") / "config.json"), "config.json");
    shape["bos_token_id"] = 257;
    write("config.json", dump_json_pretty(shape));
    return place("model");
  }
  void write(const char* name, const std::string& text) {
    storage::write_file_atomically(place("model") / name, text);
  }
  static Json read(const fs::path& file) {
    return parse_json(storage::read_file(file), file.string());
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointFolder, KeepsWhatTheModelItBeganWithSays) {
  Config config = small_config();
  config.init_from = source_model().string();
  config.train_tokens = 1280;
  stop_at(config, place("shards"), place("run"), 256);
  // What comes later to that folder is no part of the run.
  write("chat_template.jinja", "another");
  const fs::path checkpoint =
      run_quietly(config, place("shards"), place("run")).checkpoints.back().folder;
  EXPECT_EQ(storage::read_file(checkpoint / "generation_config.json"),
            storage::read_file(place("model") / "generation_config.json"));
  EXPECT_EQ(storage::read_file(checkpoint / "chat_template.jinja"), "{{ messages[0]['content'] }}");
  const Json tokenizer = read(checkpoint / "tokenizer_config.json");
  const Json before = read(place("model") / "tokenizer_config.json");
  for (const auto& [key, value] : before.items()) EXPECT_EQ(tokenizer.at(key), value) << key;
  EXPECT_EQ(read(checkpoint / "config.json").at("bos_token_id"), 257);
  EXPECT_NE(storage::read_file(checkpoint / "model.safetensors"),
            storage::read_file(place("model") / "model.safetensors"));
}

TEST_F(CheckpointFolder, EndsTextsWhereTheShardsDoToo) {
  Config config = small_config();
  config.init_from = source_model().string();
  write("generation_config.json", R"({"eos_token_id":258})");
  config.train_tokens = 128;
  const fs::path checkpoint =
      run_quietly(config, place("shards"), place("run")).checkpoints.back().folder;
  EXPECT_EQ(read(checkpoint / "generation_config.json").at("eos_token_id"),
            Json::array({258, kEndOfText}));
}

TEST_F(CheckpointFolder, ADamagedCompanionEndsTheRunAtItsStart) {
  Config config = small_config();
  config.init_from = source_model().string();
  config.train_tokens = 128;
  write("generation_config.json", "{");
  EXPECT_THROW(run_quietly(config, place("shards"), place("run")), Error);
  EXPECT_FALSE(fs::exists(place("run") / "source"));
}

TEST_F(CheckpointFolder, OfTurnsHasTheirTemplateAndTheirEnd) {
  for (const auto& [chat, end] :
       {std::pair(Chat::chatml, kTurnEnd), {Chat::llama3, kLlama3TurnEnd}}) {
    const fs::path shards = pack_turns(chat);
    Config config = small_config();
    config.objective = Objective::answers;
    config.rows = pack::RowPolicy::pad;
    config.epochs = 1;
    const fs::path checkpoint = run_quietly(config, shards, place("run")).checkpoints[0].folder;
    EXPECT_EQ(read(checkpoint / "generation_config.json").at("eos_token_id"),
              Json::array({end, kEndOfText}));
    const Json tokenizer = read(checkpoint / "tokenizer_config.json");
    EXPECT_EQ(tokenizer.at("eos_token"), tokenize::chat_layout(chat).end_token);
    EXPECT_EQ(tokenize::chat_of_template(tokenizer.at("chat_template").get<std::string>()), chat);
    fs::remove_all(shards);
    fs::remove_all(place("run"));
  }
}

TEST_F(CheckpointFolder, ATemplateOfTheSameTurnsIsLeftAndAnotherIsNot) {
  const fs::path shards = pack_turns(Chat::chatml);
  Config config = small_config();
  config.init_from = source_model().string();
  config.objective = Objective::answers;
  config.rows = pack::RowPolicy::pad;
  config.epochs = 1;
  const std::string own = "the model's own {# <|im_start|> <|im_end|> #}";
  write("chat_template.jinja", own);
  const fs::path kept = run_quietly(config, shards, place("kept")).checkpoints[0].folder;
  EXPECT_EQ(storage::read_file(kept / "chat_template.jinja"), own);
  write("chat_template.jinja", "{{ messages[0]['content'] }}");
  const fs::path other = run_quietly(config, shards, place("other")).checkpoints[0].folder;
  EXPECT_FALSE(fs::exists(other / "chat_template.jinja"));
  EXPECT_THAT(read(other / "tokenizer_config.json").at("chat_template").get<std::string>(),
              HasSubstr("<|im_start|>"));
}

// transformers writes the tokens that were trained on, and stops where the answer ends.
TEST_F(CheckpointFolder, TalksByTransformers) {
  TPT_NEEDS_ORACLE();
  for (const Chat chat : {Chat::chatml, Chat::llama3}) {
    const fs::path shards = pack_turns(chat);
    Config config = small_config();
    config.objective = Objective::answers;
    config.rows = pack::RowPolicy::pad;
    config.seq_length = 64;
    config.learning_rate = 1e-2;
    config.epochs = 250;
    const fs::path checkpoint = run_quietly(config, shards, place("run")).checkpoints[0].folder;
    const Json answer = ask_oracle(
        "chat " + checkpoint.string(),
        {{{"role", "user"}, {"content", "2+3"}}, {{"role", "assistant"}, {"content", "five"}}},
        folder_.path());
    std::vector<TokenId> trained = pack::ShardReader(shards).sequence(0).ids;
    trained.pop_back();  // the end of text, which templates do not write
    std::vector<TokenId> written = answer.at("ids");
    if (chat == Chat::chatml) written.pop_back();  // a line feed, as in the family's own templates
    EXPECT_EQ(written, trained);
    EXPECT_EQ(answer.at("generated"), answer.at("answer")) << "ends with the turn's end";
    fs::remove_all(shards);
    fs::remove_all(place("run"));
  }
}

}  // namespace
}  // namespace tpt::train
