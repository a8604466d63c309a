// A transformer of this program's as an engine: it continues prompts, many at once in one batch, a
// finished one replaced by the next at the very next step.
//
//   ModelEngine engine(network, tokenizer, {.batch = 64, .threads = 1},
//   "model:checkpoint-1000000"); engine.submit({.prompt = "7-3*4=", .chat = false, .sampling =
//   {.temperature = 0}}, done);
#pragma once

#include "engine/engine.h"
#include "model/transformer.h"
#include "model/turn_prompt.h"
#include "tokenize/tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>

namespace tpt::model {

struct EngineConfig {
  std::int64_t batch = 64;  // requests worked on at once
  Precision precision = Precision::fp32;
  std::int64_t repeats = 0;  // how often a repeated block is run; 0: as the model's config says
  std::int64_t threads = 0;  // of the engine's own worker; 0: all of the machine
  std::string device;        // "" or "cpu"
  Manners manners;           // how turns are written and what ends an answer
};

// Prompts are continued as they are; those of a request with `chat` are a turn of EngineConfig's
// manners, and answered with Finish::error where these know no turns. The prompt is text; names of
// special tokens in `answer_start` ("<think>") become these tokens where the tokenizer has them.
// Special tokens that the model writes stand in the text by their names; the tokenizer's end of
// text, and each of the manners' ends, ends the answer and is neither in the text nor counted. An
// empty prompt is continued from the end of text. An answer ends with Finish::length at
// `max_tokens` or where the model's positions are full.
//
// deterministic(): on one machine a request gives the same text whatever else is in the batch, and
// with any batch size and thread count.
class ModelEngine : public engine::Engine {
 public:
  // Copies the weights. Error(user) for a tokenizer with more ids than the model, or a setting out
  // of range.
  ModelEngine(std::shared_ptr<const Transformer> network,
              std::shared_ptr<const tokenize::Tokenizer> tokenizer, EngineConfig config,
              std::string name);
  // Drops what is queued and in flight.
  ~ModelEngine() override;
  ModelEngine(const ModelEngine&) = delete;
  ModelEngine& operator=(const ModelEngine&) = delete;

  void submit(engine::Request request, Done done) override;
  // A little more than fit in the batch, so that a finished request is replaced without a gap.
  std::int64_t capacity() const override;
  std::string name() const override;
  bool deterministic() const override { return true; }
  const engine::TokenCounter& tokens() const override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace tpt::model
