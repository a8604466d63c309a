// Networks with a repeated block: once is the plain network, more is the network with copied
// layers, in training and in generation.
#include "base/error.h"
#include "base/json.h"
#include "model/decoder.h"
#include "model/model_engine.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"
#include "tokenize/tokenizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <future>
#include <map>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Config plain_config(Family family = Family::qwen3) {
  Config config;
  config.family = family;
  config.hidden_size = 32;
  config.num_layers = 4;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.max_positions = 128;
  config.init_std = 0.3;
  return resolved(config, 260);
}

Config repeated_config(std::int64_t repeats = 3) {
  Config config = plain_config();
  config.recurrence = {.first_layer = 1, .num_layers = 2, .mean_repeats = 3, .repeats = repeats};
  return config;
}

// The plain network whose layers are copies of those of `network`, as often as they are run.
Transformer with_copies(const Transformer& network, std::int64_t repeats) {
  const auto order = layers_in_order(network.config(), repeats);
  NamedTensors weights;
  for (const auto& [name, tensor] : network.parameters()) {
    const auto copy = [&](const std::string& as) {
      weights.emplace_back(as, tensor.detach().clone());
    };
    if (!name.starts_with("model.layers.")) {
      copy(name);
      continue;
    }
    const std::size_t end = name.find('.', 13);
    for (std::size_t place = 0; place < order.size(); ++place) {
      if (name.substr(13, end - 13) != std::to_string(order[place])) continue;
      copy(fmt::format("model.layers.{}{}", place, name.substr(end)));
    }
  }
  return {unrolled(network.config(), repeats), weights, "copies"};
}

std::map<std::string, at::Tensor> gradients(const Transformer& network, const at::Tensor& ids,
                                            std::int64_t repeats) {
  const at::Tensor hidden = network.forward(ids, Precision::fp32, {}, Activations::kept, repeats);
  network.token_losses(hidden.flatten(0, 1), ids.roll(-1, 1).flatten(), Precision::fp32)
      .mean()
      .backward();
  std::map<std::string, at::Tensor> named;
  for (const auto& [name, tensor] : network.parameters()) named[name] = tensor.grad();
  return named;
}

at::Tensor some_ids() { return at::arange(60).reshape({2, 30}) * 37 % 256; }

// Of each position of the first row.
at::Tensor decoded(const Transformer& network, std::int64_t repeats) {
  Decoder decoder(network, Precision::fp32, repeats);
  SequenceCache cache;
  std::vector<at::Tensor> rows;
  const at::Tensor ids = some_ids()[0];
  for (std::int64_t i = 0; i < ids.size(0); ++i) {
    rows.push_back(at::tensor(decoder.step({{&cache, ids[i].item<std::int32_t>(), true}})));
  }
  return at::stack(rows);
}

double difference(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).abs().max() / wanted.abs().max()).item<double>();
}

TEST(RecurrenceTest, LayersStandInTheOrderOfThePass) {
  Config config = repeated_config();
  EXPECT_THAT(layers_in_order(config, 1), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(layers_in_order(config, 3), ElementsAre(0, 1, 2, 1, 2, 1, 2, 3));
  EXPECT_EQ(unrolled(config, 3).num_layers, 8);
  EXPECT_EQ(unrolled(config, 3).recurrence, Recurrence());
  config.recurrence.first_layer = 0;
  config.recurrence.num_layers = 4;
  EXPECT_THAT(layers_in_order(config, 2), ElementsAre(0, 1, 2, 3, 0, 1, 2, 3));
  EXPECT_THAT(layers_in_order(plain_config(), 7), ElementsAre(0, 1, 2, 3));
}

TEST(RecurrenceTest, OnceIsThePlainNetwork) {
  const Transformer repeated(repeated_config(), 3);
  const Transformer plain(plain_config(), 3);
  const at::Tensor ids = some_ids();
  EXPECT_TRUE(at::equal(repeated.forward(ids, Precision::fp32, {}, Activations::kept, 1),
                        plain.forward(ids, Precision::fp32)));
  EXPECT_TRUE(at::equal(repeated.forward(ids, Precision::bf16, {}, Activations::kept, 1),
                        plain.forward(ids, Precision::bf16)));
  auto wanted = gradients(plain, ids, 0);
  for (const auto& [name, gradient] : gradients(repeated, ids, 1)) {
    EXPECT_TRUE(at::equal(gradient, wanted.at(name))) << name;
  }
  const c10::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(decoded(repeated, 1), decoded(plain, 0)));
}

TEST(RecurrenceTest, MoreIsTheNetworkWithCopiedLayers) {
  const Transformer repeated(repeated_config(), 3);
  const Transformer copies = with_copies(repeated, 3);
  const at::Tensor ids = some_ids();
  const at::Tensor documents = at::arange(30).div(11, "floor").expand({2, 30});
  // Three times is what the config says where nothing is asked for.
  EXPECT_TRUE(at::equal(repeated.forward(ids, Precision::fp32, documents),
                        copies.forward(ids, Precision::fp32, documents)));
  const auto got = gradients(repeated, ids, 3);
  auto of_copies = gradients(copies, ids, 0);
  const auto order = layers_in_order(repeated.config(), 3);
  std::map<std::string, at::Tensor> wanted;
  for (const auto& [name, gradient] : of_copies) {
    std::string as = name;
    if (name.starts_with("model.layers.")) {
      const std::size_t end = name.find('.', 13);
      const auto place = std::stoull(name.substr(13, end - 13));
      as = fmt::format("model.layers.{}{}", order[place], name.substr(end));
    }
    wanted[as] = wanted.count(as) == 0 ? gradient : wanted[as] + gradient;
  }
  for (const auto& [name, gradient] : got) {
    EXPECT_LT(difference(gradient, wanted.at(name)), 1e-5) << name;
  }
  const c10::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(decoded(repeated, 0), decoded(copies, 0)));
}

TEST(RecurrenceTest, TheDecoderKeepsACacheForEachTurn) {
  const c10::NoGradGuard no_grad;
  const Transformer network(repeated_config(2), 3);
  std::vector<at::Tensor> all;
  for (const std::int64_t repeats : {1, 2, 5}) {
    SCOPED_TRACE(repeats);
    const at::Tensor hidden =
        network.forward(some_ids(), Precision::fp32, {}, Activations::kept, repeats)[0];
    all.push_back(decoded(network, repeats));
    EXPECT_LT(difference(all.back(), network.logits(hidden, Precision::fp32)), 1e-5);
  }
  EXPECT_GT(difference(all[0], all[1]), 1e-2);
  EXPECT_GT(difference(all[1], all[2]), 1e-2);
  EXPECT_TRUE(at::equal(decoded(network, 0), all[1]));
}

TEST(RecurrenceTest, DepthsAreDrawnBySeedAndStepAlone) {
  Recurrence block{.first_layer = 1, .num_layers = 2, .mean_repeats = 4};
  double sum = 0;
  double squares = 0;
  constexpr int kSteps = 20000;
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t repeats = sampled_repeats(block, 11, step);
    ASSERT_GE(repeats, 1);
    ASSERT_EQ(repeats, sampled_repeats(block, 11, step));
    sum += static_cast<double>(repeats);
    squares += static_cast<double>(repeats * repeats);
  }
  // Of 1 + Poisson(rate) with a log-normal rate of mean m: m + 1, and m + m^2 (exp(1/4) - 1).
  const double mean = sum / kSteps;
  const double variance = squares / kSteps - mean * mean;
  EXPECT_NEAR(mean, 5.0, 0.1);
  EXPECT_NEAR(variance, 4.0 + 16.0 * (std::exp(0.25) - 1.0), 0.6);
  int same = 0;
  for (int step = 0; step < 1000; ++step) {
    same += sampled_repeats(block, 11, step) == sampled_repeats(block, 12, step) ? 1 : 0;
  }
  EXPECT_LT(same, 400);
  block.num_layers = 0;
  EXPECT_EQ(sampled_repeats(block, 11, 5), 1);
}

TEST(RecurrenceTest, FoldersHoldTheBlockAndTransformersRefusesThem) {
  const TemporaryFolder folder;
  const Transformer network(repeated_config(), 3);
  save_transformer(network, folder.path());
  EXPECT_EQ(load_transformer(folder.path()).config(), network.config());
  const fs::path file = folder / "config.json";
  const Json good = parse_json(storage::read_file(file), "config.json");
  EXPECT_EQ(good["architectures"], Json::array({"TptRecurrentForCausalLM"}));
  const auto refused = [&](const Json& changes) -> std::string {
    Json json = good;
    json.update(changes);
    storage::write_file_atomically(file, dump_json(json));
    try {
      read_hf_config(file);
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), ErrorKind::user);
      return problem.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refused({{"recurrent_layers", 4}}), HasSubstr("do not fit 4 layers"));
  EXPECT_THAT(refused({{"recurrent_layers", 0}}), HasSubstr("do not fit"));
  EXPECT_THAT(refused({{"recurrent_first_layer", -1}}), HasSubstr("do not fit"));
  EXPECT_THAT(refused({{"recurrent_first_layer", 1LL << 62}, {"recurrent_layers", 1LL << 62}}),
              HasSubstr("do not fit"));
  EXPECT_THAT(refused({{"recurrent_repeats", 0}}), HasSubstr("do not fit"));
  EXPECT_THAT(refused({{"recurrent_repeats", nullptr}}), HasSubstr("recurrent_repeats is missing"));
  EXPECT_THAT(refused({{"base_model_type", "gpt2"}}), HasSubstr("gpt2"));
  EXPECT_THAT(refused({{"model_type", "qwen3"}, {"architectures", nullptr}}),
              HasSubstr("recurrent_layers is given"));
  storage::write_file_atomically(file, dump_json(good));
  if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
  const std::string command = fmt::format(
      "'{}' '{}/tests/model/transformers_oracle.py' refused '{}' tpt_recurrent > '{}' 2>&1",
      TPT_PYTHON, TPT_SOURCE_DIR, folder.path().string(), (folder / "log").string());
  EXPECT_EQ(std::system(command.c_str()), 0) << storage::read_file(folder / "log");
}

TEST(RecurrenceTest, RefusesBlocksThatDoNotFit) {
  const auto refused = [](const Recurrence& block) -> std::string {
    Config config = plain_config();
    config.recurrence = block;
    try {
      resolved(config, 260);
    } catch (const Error& problem) {
      return problem.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refused({.first_layer = 3, .num_layers = 2}), HasSubstr("the model has 4 layers"));
  EXPECT_THAT(refused({.first_layer = 1}), HasSubstr("model.recurrent_layers: 0, but other"));
  EXPECT_EQ(refused({.first_layer = 2, .num_layers = 2}), "nothing was refused");
}

TEST(RecurrenceTest, AnEngineRunsTheBlockAsOftenAsAsked) {
  const std::shared_ptr<const tokenize::Tokenizer> bytes = tokenize::load_tokenizer("bytes");
  const auto network = std::make_shared<const Transformer>(repeated_config(2), 3);
  const auto text_of = [&](const std::shared_ptr<const Transformer>& model, std::int64_t repeats) {
    ModelEngine engine(model, bytes, {.repeats = repeats, .threads = 1}, "t");
    std::promise<std::string> text;
    engine::Request request;
    request.prompt = "7-3*4=";
    request.chat = false;
    request.sampling.temperature = 0;
    request.sampling.max_tokens = 20;
    engine.submit(request, [&](engine::Response response) { text.set_value(response.text); });
    return text.get_future().get();
  };
  const auto copies = std::make_shared<const Transformer>(with_copies(*network, 5));
  EXPECT_EQ(text_of(network, 5), text_of(copies, 0));
  EXPECT_EQ(text_of(network, 0), text_of(network, 2));
  EXPECT_NE(text_of(network, 5), text_of(network, 2));
  EXPECT_THROW(text_of(copies, 5), Error);
  EXPECT_THROW(text_of(network, 1001), Error);
}

}  // namespace
}  // namespace tpt::model
