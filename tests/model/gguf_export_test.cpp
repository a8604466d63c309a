// Files for llama.cpp: it must read the same ids, give the same logits and write the same text.
#include "model/gguf_export.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/llama_library.h"
#include "model/decoder.h"
#include "model/safetensors.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"
#include "tokenize/tokenizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using storage::TensorType;
using testing::HasSubstr;

constexpr std::int64_t kNewTokens = 24;
const char* const kText =
    "Hello, world! It's 3.14159 or 2718281828; I'LL say \xC3\xA9t\xC3\xA9, "
    "\xE6\x97\xA5\xE6\x9C\xAC "
    "\xF0\x9F\x99\x82\n\n\tif (x == 10) { return y; }  <|im_start|> end";

double difference(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).abs().max() / wanted.abs().max()).item<double>();
}

// The likeliest token after each prompt, again and again.
std::vector<std::int32_t> greedy_of_ours(const Transformer& network,
                                         const std::vector<std::int32_t>& prompt) {
  Decoder decoder(network, Precision::fp32);
  SequenceCache cache;
  std::vector<DecoderToken> tokens;
  for (const std::int32_t id : prompt) tokens.push_back({&cache, id, false});
  tokens.back().wants_logits = true;
  std::vector<std::int32_t> out;
  for (std::int64_t i = 0; i < kNewTokens; ++i) {
    const auto& logits = decoder.step(tokens);
    out.push_back(
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    tokens = {{&cache, out.back(), true}};
  }
  return out;
}

// llama.cpp with the file: greedy tokens, and the logits after the prompt.
struct LlamaAnswer {
  std::vector<std::int32_t> tokens;
  at::Tensor logits;
};

LlamaAnswer greedy_of_llama(const engine::LlamaModel& model,
                            const std::vector<std::int32_t>& prompt) {
  const std::atomic<bool> abort = false;
  engine::LlamaContext context(
      model, {.tokens_of_sequence = 256, .batch_tokens = 128, .float_cache = true}, abort);
  LlamaAnswer answer;
  std::int64_t position = 0;
  std::int64_t index = 0;
  context.clear_batch();
  for (const std::int32_t id : prompt) {
    index = context.add(id, position, 0, position + 1 == std::ssize(prompt));
    ++position;
  }
  for (std::int64_t i = 0; i < kNewTokens; ++i) {
    EXPECT_EQ(context.decode(), engine::LlamaContext::Outcome::done);
    const auto logits = context.logits(index);
    if (i == 0) answer.logits = at::tensor(std::vector<float>(logits.begin(), logits.end()));
    answer.tokens.push_back(
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    context.clear_batch();
    index = context.add(answer.tokens.back(), position++, 0, true);
  }
  return answer;
}

Config small(Family family) {
  Config config;
  config.family = family;
  config.hidden_size = 64;
  config.num_layers = 3;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 32;  // not hidden_size / num_heads
  config.intermediate_size = 96;
  config.max_positions = 256;
  config.tie_embeddings = false;
  config.init_std = 0.25;
  return config;
}

struct Case {
  std::string name;
  std::string tokenizer;
  Config config;
};

std::vector<Case> cases() {
  const fs::path vocabularies = fs::path(TPT_LLAMA_SOURCE) / "models";
  Config tied = small(Family::llama);
  tied.tie_embeddings = true;
  Config llama3 = small(Family::llama);
  llama3.rope_theta = 500000.0;
  llama3.rope_scaling = {RopeType::llama3, 8.0, 1.0, 4.0, 32};
  Config linear = small(Family::qwen3);
  linear.rope_scaling = {RopeType::linear, 4.0};
  linear.tie_embeddings = true;
  linear.norm_epsilon = 1e-6;
  Config qwen2 = small(Family::qwen2);
  qwen2.head_dim = 16;
  return {{"smollm2", TPT_SMOLLM2, tied},
          {"llama3", vocabularies / "ggml-vocab-llama-bpe.gguf", llama3},
          {"gpt2_tokens", vocabularies / "ggml-vocab-gpt-2.gguf", small(Family::llama)},
          {"qwen2", vocabularies / "ggml-vocab-qwen2.gguf", qwen2},
          {"qwen3", vocabularies / "ggml-vocab-qwen2.gguf", small(Family::qwen3)},
          {"qwen3_linear", "bytes", linear}};
}

class GgufExportTest : public testing::Test {
 protected:
  void SetUp() override {
    const bool there = fs::exists(TPT_SMOLLM2) &&
                       fs::exists(fs::path(TPT_LLAMA_SOURCE) / "models/ggml-vocab-qwen2.gguf");
    if (!there) GTEST_SKIP() << "needs the vocabularies and the SmolLM2 model of setup";
  }

  // A folder as training leaves it, with random weights and norms that are not 1.
  fs::path make_folder(const Case& one) const {
    const fs::path folder = folder_ / one.name;
    const auto tokenizer = tokenize::load_tokenizer(one.tokenizer);
    const Transformer network(resolved(one.config, tokenizer->vocab_size()), 7);
    const c10::NoGradGuard no_grad;
    at::manual_seed(3);
    for (const auto& [name, tensor] : network.parameters()) {
      if (tensor.dim() == 1) at::Tensor(tensor).add_(at::randn_like(tensor) * 0.2);
    }
    save_transformer(network, folder);
    storage::write_file_atomically(folder / "tokenizer.json", tokenizer->to_json());
    const auto end = tokenizer->end_of_text();
    write(folder / "tokenizer_config.json",
          {{"tokenizer_class", "PreTrainedTokenizerFast"},
           {"eos_token", tokenizer->decode(std::span(&*end, 1))},
           {"chat_template", "{{ messages[0]['content'] }} " + one.name}});
    return folder;
  }

  static void write(const fs::path& file, const Json& json) {
    storage::write_file_atomically(file, dump_json(json));
  }

  static void oracle(const std::string& arguments, const fs::path& folder) {
    const std::string command =
        fmt::format("'{}' '{}/tests/model/transformers_oracle.py' {} > '{}/log' 2>&1", TPT_PYTHON,
                    TPT_SOURCE_DIR, arguments, folder.string());
    ASSERT_EQ(std::system(command.c_str()), 0) << std::ifstream(folder / "log").rdbuf();
  }

  // Ours, llama.cpp's and transformers' text after the same ids.
  static void expect_same_text(const fs::path& folder, const Transformer& network,
                               const engine::LlamaModel& model,
                               const std::vector<std::int32_t>& ids) {
    const auto ours = greedy_of_ours(network, ids);
    const LlamaAnswer theirs = greedy_of_llama(model, ids);
    EXPECT_EQ(ours, theirs.tokens);
    const std::vector<std::int64_t> wide(ids.begin(), ids.end());
    const at::Tensor ids_bt = at::tensor(wide).unsqueeze(0);
    const at::Tensor wanted =
        network.logits(network.forward(ids_bt, Precision::fp32)[0][-1], Precision::fp32);
    EXPECT_LT(difference(theirs.logits, wanted), 1e-4);
    write_safetensors({{"ids", ids_bt.to(at::kFloat)}}, folder / "ids.safetensors");
    std::ofstream(folder / "greedy_of_ours") << fmt::format("{}", fmt::join(ours, " "));
  }

  static void expect_text_of_transformers(const fs::path& folder) {
    const at::Tensor theirs = read_safetensors(folder / "greedy.safetensors")[0].second[0];
    const at::Tensor whole = theirs.to(at::kInt);
    const std::vector<std::int32_t> tokens(whole.const_data_ptr<std::int32_t>(),
                                           whole.const_data_ptr<std::int32_t>() + whole.numel());
    EXPECT_EQ(fmt::format("{}", fmt::join(tokens, " ")),
              storage::read_file(folder / "greedy_of_ours"));
  }

  std::string refusal(const fs::path& folder, TensorType type = TensorType::f32) const {
    try {
      export_gguf(load_transformer(folder), folder, type, folder_ / "refused.gguf");
    } catch (const Error& problem) {
      EXPECT_FALSE(fs::exists(folder_ / "refused.gguf"));
      return problem.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }

  TemporaryFolder folder_;
};
class GgufExportSlowTest : public GgufExportTest {};

TEST_F(GgufExportTest, LlamaAndTransformersWriteTheSameText) {
  const c10::NoGradGuard no_grad;
  std::string folders;
  std::string pairs;
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    const fs::path folder = make_folder(one);
    const fs::path file = folder_ / (one.name + ".gguf");
    const Transformer network = load_transformer(folder);
    export_gguf(network, folder, TensorType::f32, file);
    const engine::LlamaModel model(file.string(), 0);
    EXPECT_EQ(model.vocabulary(), network.config().vocab_size);
    EXPECT_EQ(model.trained_context(), network.config().max_positions);
    EXPECT_EQ(model.chat_template(), "{{ messages[0]['content'] }} " + one.name);
    EXPECT_FALSE(model.start_token().has_value());
    const auto tokenizer = tokenize::load_tokenizer((folder / "tokenizer.json").string());
    EXPECT_TRUE(model.ends_generation(*tokenizer->end_of_text()));
    const auto ids = tokenizer->encode(kText);
    EXPECT_EQ(model.tokenize(kText, false), ids);
    expect_same_text(folder, network, model, ids);
    folders += fmt::format(" '{}'", folder.string());
    // transformers knows no rope_freqs, but those are no weights. Of a Qwen3 it does not read how
    // wide the heads are.
    if (network.config().has_head_norms()) continue;
    pairs += fmt::format(" '{}' '{}'", folder.string(), file.string());
  }
  if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
  oracle(fmt::format("greedy {}{}", kNewTokens, folders), folder_.path());
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    expect_text_of_transformers(folder_ / one.name);
  }
  oracle("same_gguf" + pairs, folder_.path());
}

TEST_F(GgufExportTest, ARepeatedBlockIsLaidOut) {
  const c10::NoGradGuard no_grad;
  Config config = small(Family::qwen2);
  config.head_dim = 16;
  config.recurrence = {.first_layer = 1, .num_layers = 1, .repeats = 3};
  const fs::path folder = make_folder({"recurrent", "bytes", config});
  const Transformer network = load_transformer(folder);
  EXPECT_EQ(network.config().recurrence, config.recurrence);
  export_gguf(network, folder, TensorType::f32, folder_ / "x.gguf");
  const engine::LlamaModel model((folder_ / "x.gguf").string(), 0);
  expect_same_text(folder, network, model, {72, 101, 108, 108, 111});
}

TEST_F(GgufExportTest, HalfTypesHoldTheRoundedWeights) {
  if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
  const c10::NoGradGuard no_grad;
  std::string pairs;
  for (const auto& [type, name] :
       {std::pair{TensorType::bf16, "bf16"}, std::pair{TensorType::f16, "f16"}}) {
    Case one{fmt::format("llama_{}", name), "bytes", small(Family::llama)};
    const fs::path folder = make_folder(one);
    const fs::path file = folder_ / (one.name + ".gguf");
    export_gguf(load_transformer(folder), folder, type, file);
    // Matrices only: vectors stay fp32 in a GGUF file.
    NamedTensors tensors = read_safetensors(folder / "model.safetensors");
    for (auto& [parameter, tensor] : tensors) {
      if (tensor.dim() > 1) {
        tensor = tensor.to(type == TensorType::bf16 ? at::kBFloat16 : at::kHalf).to(at::kFloat);
      }
    }
    write_safetensors(tensors, folder / "model.safetensors");
    pairs += fmt::format(" '{}' '{}'", folder.string(), file.string());
    const Transformer network = load_transformer(folder);
    const engine::LlamaModel model(file.string(), 0);
    const std::vector<std::int32_t> ids = {72, 101, 108, 108, 111};
    const at::Tensor ids_bt = at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()));
    const at::Tensor wanted = network.logits(
        network.forward(ids_bt.unsqueeze(0), Precision::fp32)[0][-1], Precision::fp32);
    EXPECT_LT(difference(greedy_of_llama(model, ids).logits, wanted), 0.05);
    EXPECT_LT(fs::file_size(file), fs::file_size(folder / "model.safetensors"));
  }
  oracle("same_gguf" + pairs, folder_.path());
}

TEST_F(GgufExportTest, StartTokenAndAddedTokensComeFromTheTokenizer) {
  const fs::path folder = make_folder(cases()[1]);
  Json json = parse_json(storage::read_file(folder / "tokenizer.json"), "tokenizer.json");
  json["post_processor"] = {{"type", "Sequence"},
                            {"processors",
                             {{{"type", "ByteLevel"}, {"add_prefix_space", true}},
                              {{"type", "TemplateProcessing"},
                               {"single",
                                {{{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}},
                                 {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}}}};
  json["added_tokens"][5]["special"] = false;
  const auto text_token = json["added_tokens"][5]["content"].get<std::string>();
  const auto text_id = json["added_tokens"][5]["id"].get<std::int32_t>();
  write(folder / "tokenizer.json", json);
  storage::write_file_atomically(folder / "chat_template.jinja", "a template of its own");
  export_gguf(load_transformer(folder), folder, TensorType::f16, folder_ / "x.gguf");
  const engine::LlamaModel model((folder_ / "x.gguf").string(), 0);
  const auto tokenizer = tokenize::load_tokenizer((folder / "tokenizer.json").string());
  EXPECT_EQ(model.start_token(), tokenizer->special("<|begin_of_text|>"));
  EXPECT_EQ(model.chat_template(), "a template of its own");
  EXPECT_EQ(model.tokenize(text_token, false), std::vector<std::int32_t>{text_id});
  EXPECT_GT(model.tokenize("<|begin_of_text|>", false).size(), 1U);
  EXPECT_EQ(model.tokenize("<|begin_of_text|>", true).size(), 1U);
}

TEST_F(GgufExportTest, RefusesByNameWhatCannotBeSaid) {
  const fs::path folder = make_folder({"model", TPT_SMOLLM2, small(Family::llama)});
  const Json tokenizer = parse_json(storage::read_file(folder / "tokenizer.json"), "tokenizer");
  const auto with = [&](const std::function<void(Json&)>& change) {
    Json json = tokenizer;
    change(json);
    write(folder / "tokenizer.json", json);
    return refusal(folder);
  };
  const Json regex = {{"type", "Split"},
                      {"pattern", {{"Regex", "[aeiou]+"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  EXPECT_THAT(with([&](Json& json) { json["pre_tokenizer"]["pretokenizers"][0] = regex; }),
              HasSubstr("no name for how it cuts text ([aeiou]+"));
  EXPECT_THAT(with([](Json& json) { json["normalizer"] = {{"type", "NFC"}}; }),
              HasSubstr("no name for how it cuts text"));
  EXPECT_THAT(with([](Json& json) { json["model"]["ignore_merges"] = true; }),
              HasSubstr("no name for how it cuts text"));
  EXPECT_THAT(with([](Json& json) { json["model"]["type"] = "Unigram"; }), HasSubstr("Unigram"));
  EXPECT_THAT(with([](Json& json) { json["post_processor"] = {{"type", "RobertaProcessing"}}; }),
              HasSubstr("post_processor {\"type\":\"RobertaProcessing\"}"));
  // A special token that is spelt as an ordinary one is in the byte alphabet.
  EXPECT_THAT(with([](Json& json) { json["added_tokens"][0]["content"] = "\xC4\xA0the"; }),
              HasSubstr("are both \xC4\xA0the, which llama.cpp does not take"));
  write(folder / "tokenizer.json", tokenizer);
  fs::remove(folder / "tokenizer_config.json");
  EXPECT_THAT(refusal(folder), HasSubstr("names the token that ends a text"));
  write(folder / "generation_config.json", {{"eos_token_id", {2, 0}}});
  export_gguf(load_transformer(folder), folder, TensorType::f32, folder_ / "x.gguf");
  EXPECT_TRUE(engine::LlamaModel((folder_ / "x.gguf").string(), 0).ends_generation(2));
  fs::remove(folder / "tokenizer.json");
  EXPECT_THAT(refusal(folder), HasSubstr("no tokenizer.json"));

  Config stretched = small(Family::qwen3);
  stretched.rope_scaling = {RopeType::llama3, 8.0, 1.0, 4.0, 32};
  EXPECT_THAT(refusal(make_folder({"qwen3", "bytes", stretched})),
              HasSubstr("llama.cpp reads it for Llama alone, this model is qwen3"));
  EXPECT_THAT(refusal(make_folder({"qwen2", "bytes", small(Family::qwen2)})),
              HasSubstr("llama.cpp takes Qwen2 only with heads of hidden_size / num_heads = 16"));
  const fs::path few = make_folder({"few", "bytes", small(Family::llama)});
  write(few / "tokenizer.json", tokenizer);
  EXPECT_THAT(refusal(few), HasSubstr("do not belong together"));
  const fs::path wide = make_folder({"wide", "bytes", small(Family::llama)});
  NamedTensors tensors = read_safetensors(wide / "model.safetensors");
  for (auto& [name, tensor] : tensors) {
    if (name == "model.layers.1.mlp.up_proj.weight") tensor[0][0] = 1e6;
  }
  write_safetensors(tensors, wide / "model.safetensors");
  EXPECT_THAT(refusal(wide, TensorType::f16), HasSubstr("blk.1.ffn_up.weight holds numbers"));
}

TEST_F(GgufExportSlowTest, SmolLm2WritesTheSameText) {
  if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
  const c10::NoGradGuard no_grad;
  const fs::path folder = folder_.path();
  oracle(fmt::format("gguf '{}' '{}'", TPT_SMOLLM2, folder.string()), folder);
  const auto tokenizer = tokenize::load_tokenizer(TPT_SMOLLM2);
  storage::write_file_atomically(folder / "tokenizer.json", tokenizer->to_json());
  const Transformer network = load_transformer(folder);
  export_gguf(network, folder, TensorType::f32, folder / "smollm2.gguf");
  const engine::LlamaModel model((folder / "smollm2.gguf").string(), 0);
  const auto ids = tokenizer->encode("Water boils at a lower temperature on a mountain because");
  EXPECT_EQ(model.tokenize("Water boils at a lower temperature on a mountain because", false), ids);
  expect_same_text(folder, network, model, ids);
  oracle(fmt::format("greedy {} '{}'", kNewTokens, folder.string()), folder);
  expect_text_of_transformers(folder);
}

}  // namespace
}  // namespace tpt::model
