// Weights, logits and gradients against `transformers`, in both directions.
#include "base/error.h"
#include "base/json.h"
#include "model/decoder.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;

class TransformersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("tpt_{}_{}", info->name(), ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void TearDownTestSuite() { fs::remove_all(written_folder()); }

  void oracle(const std::string& arguments) const {
    const std::string command =
        fmt::format("'{}' '{}/tests/model/transformers_oracle.py' {} > '{}/log' 2>&1", TPT_PYTHON,
                    TPT_SOURCE_DIR, arguments, folder_.string());
    ASSERT_EQ(std::system(command.c_str()), 0) << std::ifstream(folder_ / "log").rdbuf();
  }

  static fs::path written_folder() {
    return fs::path(testing::TempDir()) / fmt::format("tpt_written_{}", ::getpid());
  }
  // The cases as they wrote them, once for all tests.
  void write_cases() const;

  fs::path folder_;
};
// Under a name of its own: suites are named by their class.
class TransformersSlowTest : public TransformersTest {};

const std::vector<std::pair<std::string, Json>>& cases() {
  static const std::vector<std::pair<std::string, Json>> kCases = [] {
    const Json base = {{"model_type", "llama"},    {"vocab_size", 61},
                       {"hidden_size", 40},        {"intermediate_size", 72},
                       {"num_hidden_layers", 2},   {"num_attention_heads", 4},
                       {"num_key_value_heads", 2}, {"max_position_embeddings", 64},
                       {"initializer_range", 0.2}, {"tie_word_embeddings", false}};
    const auto with = [&](const Json& changes) {
      Json one = base;
      one.update(changes);
      return one;
    };
    const Json llama3 = {{"rope_type", "llama3"},   {"rope_theta", 500000.0},
                         {"factor", 8.0},           {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 16}};
    const Json linear = {{"rope_type", "linear"}, {"rope_theta", 10000.0}, {"factor", 4.0}};
    return std::vector<std::pair<std::string, Json>>{
        {"grouped", base},
        {"tied", with({{"tie_word_embeddings", true}, {"num_key_value_heads", 1}})},
        {"plain", with({{"num_key_value_heads", 4}, {"rope_theta", 500000.0}})},
        {"wide_heads", with({{"head_dim", 24}, {"rms_norm_eps", 1e-6}})},
        {"long", with({{"max_position_embeddings", 4096}, {"ids", {1, 1100}}})},
        {"linear", with({{"rope_parameters", linear}})},
        {"llama3", with({{"head_dim", 32}, {"rope_parameters", llama3}})},
        {"qwen2", with({{"model_type", "qwen2"}, {"tie_word_embeddings", true}})},
        {"qwen2_untied", with({{"model_type", "qwen2"}, {"rope_theta", 1e6}})},
        {"qwen3", with({{"model_type", "qwen3"}, {"head_dim", 16}})},
        {"qwen3_tied", with({{"model_type", "qwen3"},
                             {"head_dim", 8},
                             {"rope_parameters", llama3},
                             {"rms_norm_eps", 1e-5},
                             {"tie_word_embeddings", true}})},
        {"qwen3_long", with({{"model_type", "qwen3"},
                             {"head_dim", 16},
                             {"max_position_embeddings", 4096},
                             {"ids", {1, 1100}}})}};
  }();
  return kCases;
}

void TransformersTest::write_cases() const {
  const fs::path folder = written_folder();
  if (fs::exists(folder)) return;
  fs::create_directories(folder);
  Json all = Json::object();
  for (const auto& [name, one] : cases()) all[name] = one;
  std::ofstream(folder / "cases.json") << dump_json(all);
  oracle(fmt::format("write '{0}/cases.json' '{0}'", folder.string()));
}

std::map<std::string, at::Tensor> expected(const fs::path& folder) {
  std::map<std::string, at::Tensor> named;
  for (auto& [name, tensor] : read_safetensors(folder / "expected.safetensors")) {
    named[name] = tensor;
  }
  return named;
}

// Largest difference as a share of the largest value.
double difference(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6)).item<double>();
}

// Norm of the difference as a share of the norm.
double mean_difference(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).norm() / wanted.norm()).item<double>();
}

at::Tensor logits_of(const Transformer& network, const at::Tensor& ids,
                     Precision precision = Precision::fp32) {
  return network.logits(network.forward(ids, precision), precision);
}

// Of the last position of each row, a token at a time.
at::Tensor decoded_logits(const Transformer& network, const at::Tensor& ids, Precision precision) {
  Decoder decoder(network, precision);
  std::vector<at::Tensor> rows;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    SequenceCache cache;
    std::vector<DecoderToken> tokens;
    for (std::int64_t i = 0; i < ids.size(1); ++i) {
      tokens.push_back({&cache, ids[row][i].item<std::int32_t>(), i + 1 == ids.size(1)});
    }
    rows.push_back(at::tensor(decoder.step(tokens)));
  }
  return at::stack(rows);
}

// The same loss and the same gradients.
void expect_gradients(const Transformer& network, const at::Tensor& ids,
                      std::map<std::string, at::Tensor>& wanted) {
  const at::Tensor hidden = network.forward(ids, Precision::fp32);
  const at::Tensor losses =
      network.token_losses(hidden.narrow(1, 0, ids.size(1) - 1).flatten(0, 1),
                           ids.narrow(1, 1, ids.size(1) - 1).flatten(), Precision::fp32);
  const at::Tensor loss = losses.mean();
  EXPECT_NEAR(loss.item<double>(), wanted.at("loss").item<double>(), 1e-5);
  loss.backward();
  for (const auto& [parameter, tensor] : network.parameters()) {
    EXPECT_LT(difference(tensor.grad(), wanted.at("grad." + parameter)), 1e-4) << parameter;
  }
  EXPECT_EQ(network.parameters().size(),
            static_cast<std::size_t>(std::count_if(wanted.begin(), wanted.end(), [](auto& item) {
              return item.first.starts_with("grad.");
            })));
}

TEST_F(TransformersTest, WhatTheyWriteGivesTheirLogitsAndGradients) {
  write_cases();
  for (const auto& [name, one] : cases()) {
    SCOPED_TRACE(name);
    const Transformer network = load_transformer(written_folder() / name);
    auto wanted = expected(written_folder() / name);
    const at::Tensor ids = wanted.at("ids").to(at::kLong);
    const at::Tensor exact = wanted.at("logits");
    expect_gradients(network, ids, wanted);
    const c10::NoGradGuard no_grad;
    EXPECT_LT(difference(logits_of(network, ids), exact), 1e-5);
    const at::Tensor last = exact.select(1, -1);
    EXPECT_LT(difference(decoded_logits(network, ids, Precision::fp32), last), 1e-5);
    // In bf16 we are no farther from the fp32 logits than they are.
    const double their_error = mean_difference(wanted.at("logits_bf16"), exact);
    EXPECT_LT(mean_difference(logits_of(network, ids, Precision::bf16), exact), their_error);
    EXPECT_LT(mean_difference(decoded_logits(network, ids, Precision::bf16), last),
              mean_difference(wanted.at("logits_bf16").select(1, -1), last));
  }
}

std::map<std::string, std::string> weight_files(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model")) files[name] = storage::read_file(entry.path());
  }
  return files;
}

TEST_F(TransformersTest, WhatTheyWriteComesBackByteForByte) {
  write_cases();
  struct Form {
    const char* name;
    SaveOptions options;
  };
  const Form forms[] = {{"", {}},
                        {"parts", {.max_shard_bytes = 20'000}},
                        {"bf16", {.type = storage::TensorType::bf16, .max_shard_bytes = 20'000}},
                        {"f16", {.type = storage::TensorType::f16}}};
  std::string pairs;
  for (const auto& [name, one] : cases()) {
    for (const Form& form : forms) {
      SCOPED_TRACE(name + " " + form.name);
      const fs::path theirs = written_folder() / name / form.name;
      const fs::path ours = folder_ / name / fmt::format("ours_{}", form.name);
      SaveOptions options = form.options;
      options.companions = theirs;
      save_transformer(load_transformer(theirs), ours, options);
      const auto wanted = weight_files(theirs);
      const auto got = weight_files(ours);
      EXPECT_EQ(got.size(), wanted.size());
      EXPECT_EQ(got.count("model.safetensors.index.json"), options.max_shard_bytes == 20'000);
      for (const auto& [file, bytes] : wanted) {
        EXPECT_TRUE(got.count(file) == 1 && got.at(file) == bytes) << file;
      }
      EXPECT_EQ(read_hf_config(ours / "config.json"), read_hf_config(theirs / "config.json"));
      pairs += fmt::format(" '{}' '{}'", theirs.string(), ours.string());
    }
  }
  oracle("same" + pairs);
}

TEST_F(TransformersTest, WhatWeWriteGivesOurLogits) {
  std::string folders;
  std::map<std::string, at::Tensor> ours;
  for (const auto& [name, one] : cases()) {
    const fs::path folder = folder_ / name;
    fs::create_directories(folder);
    std::ofstream(folder / "as_given.json") << dump_json(one);
    const Transformer network(read_hf_config(folder / "as_given.json"), 3);
    save_transformer(network, folder);
    EXPECT_EQ(read_hf_config(folder / "config.json"), network.config());
    const at::Tensor ids = at::arange(0, 40).reshape({2, 20}) * 7 % 61;
    write_safetensors({{"ids", ids.to(at::kFloat)}}, folder / "ids.safetensors");
    ours[name] = logits_of(network, ids).detach();
    folders += fmt::format(" '{}'", folder.string());
  }
  oracle("read" + folders);
  for (const auto& [name, one] : cases()) {
    EXPECT_LT(difference(ours.at(name), expected(folder_ / name).at("logits")), 1e-5) << name;
  }
}

TEST_F(TransformersSlowTest, SmolLm2GivesTheirLogits) {
  if (!fs::exists(TPT_SMOLLM2)) GTEST_SKIP() << "needs the SmolLM2 model of setup";
  oracle(fmt::format("gguf '{}' '{}'", TPT_SMOLLM2, folder_.string()));
  const c10::NoGradGuard no_grad;
  const Transformer network = load_transformer(folder_);
  auto wanted = expected(folder_);
  const at::Tensor ids = wanted.at("ids").to(at::kLong);
  const at::Tensor exact = wanted.at("logits");
  EXPECT_LT(difference(logits_of(network, ids), exact), 1e-5);
  EXPECT_LT(mean_difference(logits_of(network, ids, Precision::bf16), exact),
            mean_difference(wanted.at("logits_bf16"), exact));
  EXPECT_LT(difference(decoded_logits(network, ids, Precision::fp32), exact.select(1, -1)), 1e-5);
}

}  // namespace
}  // namespace tpt::model
