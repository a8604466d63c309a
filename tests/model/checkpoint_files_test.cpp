// Damaged and hostile files: each is refused by an Error that names file and place.
#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"
#include "storage/digests.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckpointFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("tpt_{}_{}", info->name(), ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string refusal(const std::function<void()>& act, ErrorKind kind) {
    try {
      act();
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), kind) << problem.what();
      return problem.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

  static Json plain_config() {
    return {{"model_type", "llama"},    {"vocab_size", 32},
            {"hidden_size", 16},        {"intermediate_size", 32},
            {"num_hidden_layers", 1},   {"num_attention_heads", 2},
            {"num_key_value_heads", 2}, {"max_position_embeddings", 64}};
  }
  Config read_plain() const {
    write("config.json", dump_json(plain_config()));
    return read_hf_config(folder_ / "config.json");
  }

  std::string refused_config(const Json& changes) const {
    Json config = plain_config();
    config.update(changes);
    write("config.json", dump_json(config));
    return refusal([&] { read_hf_config(folder_ / "config.json"); }, ErrorKind::user);
  }

  fs::path folder_;
};

TEST_F(CheckpointFilesTest, TensorsComeBackAsTheyWere) {
  const NamedTensors tensors = {
      {"b", at::randn({3, 5})}, {"a", at::randn({7})}, {"none", at::empty({0, 4})}};
  write_safetensors(tensors, folder_ / "x.safetensors");
  const NamedTensors read = read_safetensors(folder_ / "x.safetensors");
  ASSERT_EQ(read.size(), 3U);
  for (const auto& [name, tensor] : read) {
    const auto same = std::find_if(tensors.begin(), tensors.end(),
                                   [&](const auto& one) { return one.first == name; });
    ASSERT_NE(same, tensors.end());
    EXPECT_TRUE(at::equal(tensor, same->second)) << name;
  }
}

TEST_F(CheckpointFilesTest, FilesComeBackByteForByte) {
  // As the reference writer has it, with tensors by type and metadata in any order; and as another
  // might: spaces, names before their bytes in another order, a header of an odd length.
  const std::string data = "0123456789abcdef01";
  const std::string reference = R"({"__metadata__":{"format":"pt","z":"é","a":""},)"
                                R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                R"("c":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]},)"
                                R"("a":{"dtype":"F16","shape":[3],"data_offsets":[12,18]}}    )";
  const std::string other = R"( { "b" : {"shape":[3], "dtype":"F16","data_offsets":[4,10]},
    "none": {"dtype":"F16","shape":[0],"data_offsets":[4,4]},
    "a":{"dtype":"F32","data_offsets":[0,4],"shape":[]}, "c":{"dtype":"BF16","shape":[2,2],"data_offsets":[10,18]}})";
  for (const std::string& header : {reference, other}) {
    const std::uint64_t bytes = header.size();
    char length[8];
    std::memcpy(length, &bytes, sizeof(length));
    const std::string whole = std::string(length, 8) + header + data;
    write("in.safetensors", whole);
    TensorFile file = read_tensor_file(folder_ / "in.safetensors");
    write_tensor_file(file, folder_ / "out.safetensors");
    EXPECT_EQ(storage::read_file(folder_ / "out.safetensors"), whole);
    // A header that no longer describes the tensors is not used.
    file.tensors[0].second = at::ones({5});
    write_tensor_file(file, folder_ / "out.safetensors");
    const TensorFile changed = read_tensor_file(folder_ / "out.safetensors");
    ASSERT_EQ(changed.tensors.size(), file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      EXPECT_EQ(changed.tensors[i].first, file.tensors[i].first);
      EXPECT_TRUE(at::equal(changed.tensors[i].second, file.tensors[i].second));
    }
    EXPECT_EQ(changed.metadata, file.metadata);
  }
}

TEST_F(CheckpointFilesTest, RefusesDamagedTensorFiles) {
  write("model.safetensors", "abc");
  EXPECT_THAT(refusal([&] { read_safetensors(folder_ / "model.safetensors"); }, ErrorKind::data),
              HasSubstr("cut short"));
}

TEST_F(CheckpointFilesTest, RefusesConfigsItCannotHonour) {
  EXPECT_THAT(refused_config({{"model_type", 7}}), HasSubstr("model_type is 7"));
  EXPECT_THAT(refused_config({{"model_type", "gpt2"}}), HasSubstr("gpt2"));
  EXPECT_THAT(refused_config({{"max_position_embeddings", 1LL << 40}}),
              HasSubstr("max_position_embeddings"));
  EXPECT_THAT(refused_config({{"hidden_size", -16}}), HasSubstr("hidden_size"));
  EXPECT_THAT(refused_config({{"num_attention_heads", 0}}), HasSubstr("num_attention_heads"));
  EXPECT_THAT(refused_config({{"num_key_value_heads", 3}}), HasSubstr("must divide"));
  EXPECT_THAT(refused_config({{"vocab_size", "many"}}), HasSubstr("wrong type"));
  EXPECT_THAT(refused_config({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}}}),
              HasSubstr("yarn"));
  const Json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0}};
  const auto llama3_with = [&](const Json& changes) {
    Json rope = llama3;
    rope.update(changes);
    return Json{{"rope_scaling", rope}};
  };
  EXPECT_THAT(refused_config(llama3_with({{"factor", 0.5}})), HasSubstr("does not fit together"));
  EXPECT_THAT(refused_config(llama3_with({{"high_freq_factor", 1.0}})),
              HasSubstr("does not fit together"));
  EXPECT_THAT(refused_config(llama3_with({{"factor", nullptr}})), HasSubstr("factor is missing"));
  EXPECT_THAT(refused_config(llama3_with({{"attention_factor", 1.2}})),
              HasSubstr("rope_scaling.attention_factor = 1.2"));
  EXPECT_THAT(refused_config(llama3_with({{"partial_rotary_factor", 0.5}})),
              HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(refused_config({{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}}}),
              HasSubstr("dynamic"));
  EXPECT_THAT(refused_config({{"rope_scaling", {{"type", "linear"}}}}),
              HasSubstr("rope_scaling.factor is missing"));
  EXPECT_THAT(refused_config({{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
                              {"rope_parameters", {{"rope_type", "default"}}}}),
              HasSubstr("contradict each other"));
  EXPECT_THAT(refused_config({{"rope_scaling", 3}}), HasSubstr("wrong type"));
  EXPECT_THAT(refused_config({{"rope_theta", -1.0}}), HasSubstr("rope_theta"));
  EXPECT_THAT(refused_config({{"attention_bias", true}}), HasSubstr("attention_bias"));
  EXPECT_THAT(refused_config({{"sliding_window", 128}}), HasSubstr("sliding_window"));
  EXPECT_THAT(refused_config({{"hidden_act", "gelu"}}), HasSubstr("gelu"));
  EXPECT_THAT(refused_config({{"num_hidden_layers", 1.5}}), HasSubstr("num_hidden_layers is 1.5"));
  EXPECT_THAT(refused_config({{"num_hidden_layers", nullptr}}),
              HasSubstr("num_hidden_layers is missing"));
  EXPECT_THAT(refused_config({{"tie_word_embeddings", 1}}), HasSubstr("tie_word_embeddings is 1"));
  EXPECT_THAT(refused_config({{"architectures", {"LlamaForSequenceClassification"}}}),
              HasSubstr("LlamaForSequenceClassification"));
  const std::vector<std::pair<std::string, Json>> unsupported = {
      {"mlp_bias", true},
      {"attention_dropout", 0.1},
      {"partial_rotary_factor", 0.5},
      {"embedding_multiplier", 12.0},
      {"logits_scaling", 8.0},
      {"auto_map", {{"AutoModel", "x.Y"}}},
      {"quantization_config", {{"bits", 4}}}};
  for (const auto& [key, value] : unsupported) {
    EXPECT_THAT(refused_config({{key, value}}), HasSubstr(key));
  }
  EXPECT_THAT(refused_config({{"model_type", "qwen3"}, {"attention_bias", true}}),
              HasSubstr("attention_bias"));
  for (const char* type : {"qwen2", "qwen3"}) {
    EXPECT_THAT(refused_config({{"model_type", type},
                                {"sliding_window", 128},
                                {"use_sliding_window", true},
                                {"max_window_layers", 0}}),
                HasSubstr("sliding_window = 128"));
    EXPECT_THAT(refused_config({{"model_type", type}, {"layer_types", {"sliding_attention"}}}),
                HasSubstr("layer_types"));
    EXPECT_THAT(refused_config({{"model_type", type}, {"num_key_value_heads", nullptr}}),
                HasSubstr("num_key_value_heads is missing"));
  }
  EXPECT_THAT(refused_config({{"layer_types", "full_attention"}}), HasSubstr("layer_types is"));
  write("config.json", "{");
  EXPECT_THROW(read_hf_config(folder_ / "config.json"), Error);
  write("config.json", "[]");
  EXPECT_THROW(read_hf_config(folder_ / "config.json"), Error);
}

TEST_F(CheckpointFilesTest, ReadsRopeAsOldAndNewFilesWriteIt) {
  const Json rope = {{"rope_type", "llama3"},
                     {"factor", 8.0},
                     {"low_freq_factor", 1.0},
                     {"high_freq_factor", 4.0},
                     {"original_max_position_embeddings", 512}};
  const auto with = [&](const Json& changes) {
    Json config = plain_config();
    config.update(changes);
    write("config.json", dump_json(config));
    return read_hf_config(folder_ / "config.json");
  };
  Json with_theta = rope;
  with_theta["rope_theta"] = 500000.0;
  Json old_name = rope;
  old_name.erase("rope_type");
  old_name["type"] = "llama3";
  const Config wanted = with({{"rope_scaling", rope}, {"rope_theta", 500000.0}});
  EXPECT_EQ(wanted.rope_scaling.type, RopeType::llama3);
  EXPECT_EQ(wanted.rope_scaling.original_positions, 512);
  EXPECT_EQ(with({{"rope_parameters", with_theta}}), wanted);
  EXPECT_EQ(with({{"rope_scaling", with_theta}}), wanted);
  EXPECT_EQ(with({{"rope_scaling", old_name}, {"rope_theta", 500000}}), wanted);
  EXPECT_EQ(with({{"rope_parameters", with_theta}, {"rope_scaling", with_theta}}), wanted);
  Json short_form = rope;
  short_form.erase("original_max_position_embeddings");
  EXPECT_EQ(with({{"rope_scaling", short_form}}).rope_scaling.original_positions, 64);
  EXPECT_EQ(with({{"rope_scaling", {{"type", "default"}, {"mrope_section", nullptr}}}}),
            with(Json::object()));
}

TEST_F(CheckpointFilesTest, TakesWhatIsLeftOutAsTransformersDoes) {
  const auto read = [&](const Json& config) {
    write("config.json", dump_json(config));
    return read_hf_config(folder_ / "config.json");
  };
  Json llama = plain_config();
  for (const char* key : {"num_key_value_heads", "max_position_embeddings"}) llama.erase(key);
  EXPECT_EQ(read(llama).num_kv_heads, 2);
  EXPECT_EQ(read(llama).max_positions, 2048);
  EXPECT_EQ(read(llama).head_dim, 8);
  EXPECT_EQ(read(llama).norm_epsilon, 1e-6);
  EXPECT_FALSE(read(llama).tie_embeddings);
  Json qwen3 = plain_config();
  qwen3["model_type"] = "qwen3";
  qwen3.erase("max_position_embeddings");
  EXPECT_EQ(read(qwen3).head_dim, 128);
  EXPECT_EQ(read(qwen3).max_positions, 32768);
  // A window that is not in use changes nothing.
  qwen3.update({{"sliding_window", 4096}, {"use_sliding_window", false}, {"max_window_layers", 0}});
  EXPECT_NO_THROW(read(qwen3));
  qwen3.update({{"use_sliding_window", true}, {"max_window_layers", 1}});
  EXPECT_NO_THROW(read(qwen3));
  Json smollm = plain_config();  // keys that its config.json has beside those of the family
  smollm.update({{"is_llama_config", true},
                 {"rope_interleaved", false},
                 {"pretraining_tp", 1},
                 {"rope_scaling", nullptr},
                 {"rope_theta", 100000}});
  EXPECT_EQ(read(smollm).rope_theta, 100000.0);
}

TEST_F(CheckpointFilesTest, NamesTheTensorThatDoesNotFit) {
  Config shape;
  shape.hidden_size = 16;
  shape.num_layers = 1;
  shape.num_heads = shape.num_kv_heads = 2;
  const Transformer network(resolved(shape, 40), 1);
  save_transformer(network, folder_);
  const auto load = [&] { load_transformer(folder_); };
  EXPECT_NO_THROW(load());
  const auto with = [&](const std::function<void(NamedTensors&)>& change) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : network.parameters()) {
      tensors.emplace_back(name, tensor.detach().clone());
    }
    change(tensors);
    write_safetensors(tensors, folder_ / "model.safetensors");
    return refusal(load, ErrorKind::data);
  };
  EXPECT_THAT(with([](NamedTensors& all) { all.erase(all.begin() + 3); }),
              HasSubstr("k_proj.weight is missing"));
  EXPECT_THAT(with([](NamedTensors& all) { all.emplace_back("extra", at::ones({1})); }),
              HasSubstr("extra is not part"));
  EXPECT_THAT(with([](NamedTensors& all) { all[2].second = at::ones({16, 15}); }),
              HasSubstr("q_proj.weight is [16, 15], config.json makes it [16, 16]"));
  EXPECT_THAT(with([](NamedTensors& all) { all[2].second[0][0] = std::nan(""); }),
              HasSubstr("q_proj.weight holds numbers that are not finite"));
  fs::remove(folder_ / "model.safetensors");
  refusal(load, ErrorKind::user);
  fs::remove(folder_ / "config.json");
  refusal(load, ErrorKind::user);
}

Config one_layer(bool tied) {
  Config shape;
  shape.hidden_size = 16;
  shape.num_layers = 1;
  shape.num_heads = shape.num_kv_heads = 2;
  shape.tie_embeddings = tied;
  return resolved(shape, 40);
}

TEST_F(CheckpointFilesTest, PartsAndIndexMustAgree) {
  save_transformer(Transformer(one_layer(true), 1), folder_, {.max_shard_bytes = 3000});
  const fs::path index = folder_ / "model.safetensors.index.json";
  const Json good = parse_json(storage::read_file(index), "index");
  EXPECT_FALSE(fs::exists(folder_ / "model.safetensors"));
  const auto load = [&] { load_transformer(folder_); };
  EXPECT_NO_THROW(load());
  const auto with = [&](const std::function<void(Json&)>& change, ErrorKind kind) {
    Json json = good;
    change(json["weight_map"]);
    write("model.safetensors.index.json", dump_json(json));
    return refusal(load, kind);
  };
  for (const char* name : {"../other.safetensors", "/etc/passwd", "", "model.bin"}) {
    EXPECT_THAT(with([&](Json& map) { map["a"] = name; }, ErrorKind::data),
                HasSubstr(fmt::format("names {} as the file of a", name)));
  }
  const std::string first = good["weight_map"]["model.embed_tokens.weight"];
  const std::string last = good["weight_map"]["model.norm.weight"];
  ASSERT_NE(first, last);
  EXPECT_THAT(with([&](Json& map) { map["a"] = first; }, ErrorKind::data),
              HasSubstr("tensor a is missing in " + first));
  EXPECT_THAT(with([&](Json& map) { map["model.norm.weight"] = first; }, ErrorKind::data),
              HasSubstr("tensor model.norm.weight"));
  EXPECT_THAT(with([&](Json& map) { map.erase("model.norm.weight"); }, ErrorKind::data),
              HasSubstr("tensor model.norm.weight stands in " + last));
  EXPECT_THAT(with([&](Json& map) { map["a"] = "model-9.safetensors"; }, ErrorKind::user),
              HasSubstr("model-9.safetensors is missing"));
  EXPECT_THAT(with([&](Json& map) { map["a"] = 7; }, ErrorKind::data), HasSubstr("index.json"));
  write("model.safetensors.index.json", "{}");
  EXPECT_THAT(refusal(load, ErrorKind::data), HasSubstr("weight_map"));
  // A later save leaves nothing behind that would be read instead.
  const Transformer other(one_layer(true), 2);
  const auto expect_other = [&] {
    EXPECT_TRUE(
        at::equal(load_transformer(folder_).parameters()[0].second, other.parameters()[0].second));
  };
  save_transformer(other, folder_);
  EXPECT_FALSE(fs::exists(index));
  EXPECT_FALSE(fs::exists(folder_ / first));
  expect_other();
  save_transformer(Transformer(one_layer(true), 1), folder_);
  save_transformer(other, folder_, {.max_shard_bytes = 1});
  expect_other();
}

TEST_F(CheckpointFilesTest, ATiedHeadMayBeStoredButNotDiffer) {
  const Transformer network(one_layer(true), 1);
  save_transformer(network, folder_);
  const at::Tensor embedding = network.parameters()[0].second.detach();
  const auto load_with = [&](const std::function<void(NamedTensors&)>& change) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : network.parameters()) {
      tensors.emplace_back(name, tensor.detach());
    }
    change(tensors);
    write_safetensors(tensors, folder_ / "model.safetensors");
    const Transformer loaded = load_transformer(folder_);
    EXPECT_EQ(loaded.parameters().size(), network.parameters().size());
    EXPECT_TRUE(at::equal(loaded.parameters()[0].second, embedding));
  };
  load_with([&](NamedTensors& all) { all.emplace_back("lm_head.weight", embedding.clone()); });
  load_with([&](NamedTensors& all) { all[0].first = "lm_head.weight"; });
  EXPECT_THAT(refusal(
                  [&] {
                    load_with([&](NamedTensors& all) {
                      all.emplace_back("lm_head.weight", embedding + 1);
                    });
                  },
                  ErrorKind::data),
              HasSubstr("lm_head.weight is not model.embed_tokens.weight"));
}

TEST_F(CheckpointFilesTest, RefusesToRoundAwayANumber) {
  NamedTensors tensors;
  const Transformer random(one_layer(false), 1);
  for (const auto& [name, tensor] : random.parameters()) {
    tensors.emplace_back(name, tensor.detach().clone());
  }
  tensors[4].second[0][0] = 70000.0;
  const Transformer network(one_layer(false), tensors, "test");
  const auto save = [&](storage::TensorType type) {
    save_transformer(network, folder_, {.type = type});
  };
  EXPECT_THAT(refusal([&] { save(storage::TensorType::f16); }, ErrorKind::data),
              HasSubstr(tensors[4].first + " holds numbers that f16 cannot"));
  EXPECT_NO_THROW(save(storage::TensorType::bf16));
}

TEST_F(CheckpointFilesTest, ReadsTheLargestThatCanBeAskedFor) {
  Config config = one_layer(true);
  Fields fields("model");
  describe(fields, config);
  fields.apply({{"max_positions", 1 << 24}, {"norm_epsilon", 1.0}, {"rope_theta", 1e30}});
  write("config.json", to_hf_config(config, "float32"));
  EXPECT_EQ(read_hf_config(folder_ / "config.json"), config);
  EXPECT_THROW(fields.set("max_positions", (1 << 24) + 1), Error);
  EXPECT_THROW(fields.set("rope_theta", "inf"), Error);
}

TEST_F(CheckpointFilesTest, FilesThatDoNotFitTheirDigestsAreRefused) {
  save_transformer(Transformer(one_layer(true), 1), folder_);
  write("tokenizer.json", "{}");
  storage::write_digests(folder_);
  write("notes.txt", "mine");
  EXPECT_NO_THROW(load_transformer(folder_));
  for (const char* name : {"model.safetensors", "config.json", "tokenizer.json", "digests.json"}) {
    const std::string whole = storage::read_file(folder_ / name);
    std::string flipped = whole;
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    write(name, flipped);
    EXPECT_THAT(refusal([&] { load_transformer(folder_); }, ErrorKind::data), HasSubstr(name));
    write(name, whole);
  }
  fs::remove(folder_ / "tokenizer.json");
  EXPECT_THAT(refusal([&] { load_transformer(folder_); }, ErrorKind::data),
              HasSubstr("tokenizer.json"));
}

TEST_F(CheckpointFilesTest, TakesOverWhatStandsBesideTheWeights) {
  const fs::path from = folder_ / "from";
  const Transformer network(one_layer(true), 1);
  save_transformer(network, from);
  Json config = parse_json(storage::read_file(from / "config.json"), "config.json");
  config.update({{"eos_token_id", {2, 3}}, {"bos_token_id", 1}, {"use_cache", true}});
  std::ofstream(from / "config.json") << dump_json(config);
  std::ofstream(from / "tokenizer.json") << "{}";
  std::ofstream(from / "generation_config.json") << R"({"eos_token_id": [2, 3]})";
  std::ofstream(from / "notes.txt") << "no";
  save_transformer(network, folder_ / "to", {.companions = from});
  const Json saved = parse_json(storage::read_file(folder_ / "to" / "config.json"), "config.json");
  EXPECT_EQ(saved["eos_token_id"], Json::array({2, 3}));
  EXPECT_EQ(saved["use_cache"], true);
  EXPECT_EQ(storage::read_file(folder_ / "to" / "tokenizer.json"), "{}");
  EXPECT_TRUE(fs::exists(folder_ / "to" / "generation_config.json"));
  EXPECT_FALSE(fs::exists(folder_ / "to" / "notes.txt"));
  EXPECT_EQ(parse_json(storage::read_file(from / "config.json"), "config.json")["torch_dtype"],
            "float32");
}

}  // namespace
}  // namespace tpt::model
