// Damaged and hostile files: each is refused by an Error that names file and place.
#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/transformer.h"

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

  // A file with this header, however many bytes it says it has, and this data.
  std::string refused_tensors(const std::string& header, const std::string& data,
                              std::uint64_t said) const {
    char length[8];
    std::memcpy(length, &said, sizeof(length));
    write("model.safetensors", std::string(length, 8) + header + data);
    return refusal([&] { read_safetensors(folder_ / "model.safetensors"); }, ErrorKind::data);
  }
  std::string refused_tensors(const std::string& header, const std::string& data) const {
    return refused_tensors(header, data, header.size());
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

TEST_F(CheckpointFilesTest, RefusesDamagedTensorFiles) {
  const std::string data(16, '\0');
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", ""),
              HasSubstr("a does not lie in the file"));
  EXPECT_THAT(refused_tensors("{}", "", 1ULL << 62U), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refused_tensors("{}", "", ~0ULL), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refused_tensors("not JSON", ""), HasSubstr("model.safetensors"));
  EXPECT_THAT(refused_tensors("[1]", ""), HasSubstr("not a JSON object"));
  EXPECT_THAT(refused_tensors(R"({"a":7})", data), HasSubstr("tensor a"));
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})", data),
              HasSubstr("I64"));
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})", data),
              HasSubstr("as its shape says"));
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", data),
              HasSubstr("impossible shape"));
  EXPECT_THAT(
      refused_tensors(
          R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", data),
      HasSubstr("impossible shape"));
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                              R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                              data),
              HasSubstr("overlap"));
  EXPECT_THAT(refused_tensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}})", data),
              HasSubstr("a has no two offsets"));
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

TEST_F(CheckpointFilesTest, StretchesForLongerTexts) {
  const Config config = read_plain();
  const Config longer = stretched(config, 16.0, 32768);
  EXPECT_EQ(longer.rope_theta, 16.0 * config.rope_theta);
  EXPECT_EQ(longer.max_positions, 32768);
  EXPECT_EQ(stretched(config, 1.0, 0), config);
  const auto refused = [&](double factor, std::int64_t positions) {
    return refusal([&] { stretched(config, factor, positions); }, ErrorKind::user);
  };
  EXPECT_THAT(refused(0.5, 0), HasSubstr("got 0.5"));
  EXPECT_THAT(refused(std::nan(""), 0), HasSubstr("rope_theta_factor"));
  EXPECT_THAT(refused(1.0, 63), HasSubstr("has 64 already"));
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
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../other.safetensors"}})");
  EXPECT_THAT(refusal(load, ErrorKind::data), HasSubstr("../other"));
  fs::remove(folder_ / "config.json");
  refusal(load, ErrorKind::user);
}

}  // namespace
}  // namespace tpt::model
