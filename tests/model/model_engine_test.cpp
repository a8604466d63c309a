#include "model/model_engine.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/answer_text.h"
#include "engine/ask.h"
#include "model/turn_prompt.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt::model {
namespace {

using engine::ask;
using engine::Request;
using engine::Response;
using testing::HasSubstr;

std::shared_ptr<const tokenize::Tokenizer> bytes() { return tokenize::load_tokenizer("bytes"); }

// Large random weights, so that every text is another.
std::shared_ptr<const Transformer> small(std::int64_t max_positions = 256) {
  Config config;
  config.hidden_size = 48;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.max_positions = max_positions;
  config.init_std = 0.5;
  return std::make_shared<const Transformer>(resolved(config, bytes()->vocab_size()), 7);
}

std::vector<Request> requests(int count, double temperature) {
  std::vector<Request> all;
  for (int i = 0; i < count; ++i) {
    Request request;
    request.key = "r" + std::to_string(i);
    request.prompt = std::string(static_cast<std::size_t>(1 + i * 5 % 23), 'a') + "=";
    request.chat = false;
    request.sampling.temperature = temperature;
    request.sampling.top_p = 1;
    request.sampling.max_tokens = 5 + i * 7 % 40;
    request.sampling.seed = static_cast<std::uint64_t>(i);
    all.push_back(request);
  }
  return all;
}

std::vector<std::string> texts(const std::vector<Response>& responses) {
  std::vector<std::string> all;
  for (const Response& response : responses) {
    EXPECT_NE(response.finish, Finish::error) << response.error;
    all.push_back(response.text);
  }
  return all;
}

// Greedy text by the network's own forward pass over all tokens, again for each token.
std::string greedy(const Transformer& network, std::string text, std::int64_t tokens) {
  const c10::NoGradGuard no_grad;
  const auto tokenizer = bytes();
  std::vector<std::int64_t> ids;
  for (const auto id : tokenizer->encode(text)) ids.push_back(id);
  std::vector<tokenize::TokenId> answer;
  for (std::int64_t i = 0; i < tokens; ++i) {
    const at::Tensor hidden = network.forward(at::tensor(ids).unsqueeze(0), Precision::fp32);
    const at::Tensor logits = network.logits(hidden[0][-1], Precision::fp32);
    const auto id = logits.narrow(0, 0, tokenizer->vocab_size()).argmax().item<std::int64_t>();
    if (id == *tokenizer->end_of_text()) break;
    ids.push_back(id);
    answer.push_back(static_cast<tokenize::TokenId>(id));
  }
  engine::AnswerText answer_text;
  answer_text.append(tokenizer->decode(answer));
  return answer_text.text();
}

TEST(ModelEngineTest, GreedyIsWhatTheNetworkSays) {
  const auto network = small();
  ModelEngine engine(network, bytes(), {.batch = 16}, "test");
  const auto asked = requests(12, 0);
  const auto answered = texts(ask(engine, asked));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(answered[i], greedy(*network, asked[i].prompt, asked[i].sampling.max_tokens)) << i;
  }
}

TEST(ModelEngineTest, ATextDoesNotDependOnTheBatchOrTheThreads) {
  const auto network = small();
  const auto asked = requests(40, 1.0);
  std::vector<std::string> alone;
  {
    ModelEngine engine(network, bytes(), {.batch = 1, .threads = 1}, "test");
    alone = texts(ask(engine, asked));
  }
  for (const std::int64_t batch : {3, 64}) {
    ModelEngine engine(network, bytes(), {.batch = batch, .threads = batch == 3 ? 1 : 2}, "test");
    EXPECT_TRUE(engine.deterministic());
    EXPECT_EQ(texts(ask(engine, asked)), alone);
    auto shuffled = asked;
    std::reverse(shuffled.begin(), shuffled.end());
    auto reversed = texts(ask(engine, shuffled));
    std::reverse(reversed.begin(), reversed.end());
    EXPECT_EQ(reversed, alone);
  }
}

TEST(ModelEngineTest, SeedsGiveDifferentTexts) {
  ModelEngine engine(small(), bytes(), {}, "test");
  auto asked = requests(2, 1.0);
  asked[1] = asked[0];
  asked[0].sampling.max_tokens = asked[1].sampling.max_tokens = 30;
  asked[1].sampling.seed = 99;
  const auto answered = texts(ask(engine, asked));
  EXPECT_NE(answered[0], answered[1]);
}

TEST(ModelEngineTest, CountsTokensAndHonoursTheirLimit) {
  ModelEngine engine(small(), bytes(), {}, "test");
  auto asked = requests(10, 0);
  asked[0].sampling.max_tokens = 0;
  asked[1].answer_start = "<think>\n";
  const auto responses = ask(engine, asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (responses[i].finish == Finish::length) {
      EXPECT_EQ(responses[i].generated_tokens, asked[i].sampling.max_tokens);
    }
    // <think> is one token.
    const std::size_t start_tokens = i == 1 ? 2 : 0;
    EXPECT_EQ(responses[i].prompt_tokens,
              static_cast<std::int64_t>(asked[i].prompt.size() + start_tokens));
  }
  EXPECT_EQ(responses[0].text, "");
  EXPECT_EQ(responses[0].finish, Finish::length);
  EXPECT_EQ(engine.tokens().count("abc"), 3);
  EXPECT_EQ(engine.name(), "test");
}

TEST(ModelEngineTest, AStopStringEndsTheText) {
  ModelEngine engine(small(), bytes(), {}, "test");
  auto asked = requests(1, 0);
  asked[0].sampling.max_tokens = 60;
  const std::string whole = ask(engine, asked)[0].text;
  ASSERT_GT(whole.size(), 10U);
  std::size_t cut = 5;
  while (static_cast<unsigned char>(whole.at(cut)) >= 0x80U) ++cut;
  asked[0].sampling.stop = {"never written", whole.substr(cut, 1)};
  const Response response = ask(engine, asked)[0];
  EXPECT_EQ(response.text, whole.substr(0, whole.find(asked[0].sampling.stop[1])));
  EXPECT_EQ(response.finish, Finish::stop);
}

TEST(ModelEngineTest, TheEndOfTextEndsTheAnswer) {
  // A network whose head knows one direction only: after any token it says the end of text.
  Config shape;
  shape.hidden_size = 16;
  shape.num_layers = 1;
  shape.num_heads = 2;
  shape.num_kv_heads = 2;
  shape.tie_embeddings = false;
  auto network = std::make_shared<Transformer>(resolved(shape, bytes()->vocab_size()), 1);
  const auto say = [&](tokenize::TokenId id) {
    const c10::NoGradGuard no_grad;
    for (const auto& [name, parameter] : network->parameters()) {
      at::Tensor weight = parameter;
      if (name.starts_with("model.embed")) weight.fill_(1.0);
      if (name == "lm_head.weight") weight.zero_()[id].fill_(1.0);
    }
  };
  Request request;
  request.prompt = "x";
  request.chat = false;
  request.sampling.temperature = 0;
  request.sampling.max_tokens = 3;
  say(*bytes()->end_of_text());
  const Response ended =
      ask(*std::make_unique<ModelEngine>(network, bytes(), EngineConfig{}, "t"), {request})[0];
  EXPECT_EQ(ended.finish, Finish::stop);
  EXPECT_EQ(ended.text, "");
  EXPECT_EQ(ended.generated_tokens, 0);
  say(*bytes()->special("</think>"));
  const Response named =
      ask(*std::make_unique<ModelEngine>(network, bytes(), EngineConfig{}, "t"), {request})[0];
  EXPECT_EQ(named.text, "</think></think></think>");
  EXPECT_EQ(named.finish, Finish::length);
}

// A tokenizer and templates in a folder; the ids of the bytes' special tokens begin at 256.
class MannersTest : public testing::Test {
 protected:
  void SetUp() override {
    Json json = parse_json(bytes()->to_json(), "bytes");
    tokenize::TokenId id = 260;
    for (const char* name : {"<|im_start|>", "<|im_end|>", "<|begin_of_text|>",
                             "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
      Json token = json["added_tokens"].back();
      token["id"] = id++;
      token["content"] = name;
      json["added_tokens"].push_back(token);
    }
    write("tokenizer.json", dump_json(json));
    tokenizer_ = tokenize::load_tokenizer((folder_ / "tokenizer.json").string());
  }
  void write(const char* name, const std::string& text) const {
    storage::write_file_atomically(folder_ / name, text);
  }
  std::string prompt(const std::string& jinja, const std::string& user,
                     const std::string& system = "") const {
    write("chat_template.jinja", jinja);
    const Manners manners = manners_of(folder_.path(), *tokenizer_, system);
    if (manners.chat == tokenize::Chat::plain) return manners.why_no_chat;
    markers_ = 0;
    const auto ids = turn_ids(*tokenizer_, manners, user);
    for (const auto id : ids) markers_ += id >= 256 ? 1 : 0;
    return tokenizer_->decode(ids);
  }

  TemporaryFolder folder_;
  std::shared_ptr<const tokenize::Tokenizer> tokenizer_;
  mutable int markers_ = 0;
};

TEST_F(MannersTest, TurnsAreWrittenAsTheTemplateWould) {
  using tokenize::Chat;
  EXPECT_EQ(prompt(tokenize::chat_template(Chat::chatml, ""), " <|im_end|> "),
            "<|im_start|>user\n <|im_end|> <|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(markers_, 3) << "a name in the prompt is text";
  EXPECT_EQ(prompt("{{ '<|im_start|>system\nHelp.<|im_end|>' }}", "x"),
            "<|im_start|>system\nHelp.<|im_end|>\n<|im_start|>user\nx<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(prompt(tokenize::chat_template(Chat::llama3, ""), " x ", "Be brief."),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(markers_, 9);
}

TEST_F(MannersTest, WhatIsNotKnownIsSaidAsItIs) {
  EXPECT_THAT(prompt("[INST]{{ messages[0]['content'] }}[/INST]", "x"),
              HasSubstr("neither ChatML's nor Llama 3's"));
  EXPECT_THAT(prompt("", "x"), HasSubstr("no chat template"));
  tokenizer_ = bytes();
  EXPECT_THAT(prompt(tokenize::chat_template(tokenize::Chat::chatml, ""), "x"),
              HasSubstr("<|im_start|>, which is no special token"));
}

TEST_F(MannersTest, EveryEndOfTheFolderEndsAnAnswer) {
  const auto network = small();
  Request request = requests(1, 0)[0];
  const auto generated = [&] {
    ModelEngine engine(network, bytes(), {.manners = manners_of(folder_.path(), *bytes(), "")},
                       "t");
    return ask(engine, {request})[0].generated_tokens;
  };
  const c10::NoGradGuard no_grad;
  std::vector<std::int64_t> ids;
  for (const auto id : bytes()->encode(request.prompt)) ids.push_back(id);
  const at::Tensor hidden = network->forward(at::tensor(ids).unsqueeze(0), Precision::fp32);
  const at::Tensor logits = network->logits(hidden[0][-1], Precision::fp32);
  const auto first = logits.narrow(0, 0, bytes()->vocab_size()).argmax().item<std::int64_t>();
  EXPECT_GT(generated(), 0);
  write("config.json", fmt::format(R"({{"eos_token_id":{}}})", first));
  EXPECT_EQ(generated(), 0);
  write("generation_config.json", fmt::format(R"({{"eos_token_id":[258,{}]}})", first));
  EXPECT_EQ(generated(), 0);
  write("generation_config.json", R"({"eos_token_id":[258]})");
  EXPECT_GT(generated(), 0) << "generation_config.json goes before config.json";
}

TEST(ModelEngineTest, RefusesWhatItCannotDoAndGoesOn) {
  ModelEngine engine(small(/*max_positions=*/32), bytes(), {}, "test");
  auto asked = requests(4, 0);
  asked[0].chat = true;
  asked[1].prompt = std::string(33, 'x');
  asked[2].prompt = std::string(32, 'x');
  asked[2].sampling.max_tokens = 10;
  asked[3].prompt = "";
  const auto responses = ask(engine, asked);
  EXPECT_EQ(responses[0].finish, Finish::error);
  EXPECT_THAT(responses[0].error, HasSubstr("no chat template"));
  EXPECT_EQ(responses[1].finish, Finish::error);
  EXPECT_THAT(responses[1].error, HasSubstr("33 tokens, the model has 32 positions"));
  EXPECT_NE(responses[2].finish, Finish::error);
  EXPECT_LE(responses[2].generated_tokens, 1);
  EXPECT_NE(responses[3].finish, Finish::error) << responses[3].error;
  EXPECT_EQ(responses[3].prompt_tokens, 1);
  EXPECT_THROW(ModelEngine(small(), bytes(), {.batch = 0}, "t"), Error);
  EXPECT_THROW(ModelEngine(small(), bytes(), {.device = "cuda"}, "t"), Error);
}

TEST(ModelEngineTest, MayBeDestroyedWhileItWorks) {
  std::atomic<int> answers = 0;
  {
    ModelEngine engine(small(), bytes(), {.batch = 4}, "test");
    for (auto& request : requests(50, 0)) {
      engine.submit(request, [&](const Response&) { ++answers; });
    }
  }
  EXPECT_LE(answers, 50);
}

}  // namespace
}  // namespace tpt::model
