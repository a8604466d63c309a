// The requests that a ModelEngine works on at this moment, one token a step each (and pieces of
// prompts, so that a long one does not hold up the others).
#pragma once

#include "engine/answer_text.h"
#include "engine/engine.h"
#include "engine/token_sampler.h"
#include "model/decoder.h"
#include "model/model_engine.h"
#include "tokenize/tokenizer.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tpt::model {

struct EngineJob {
  engine::Request request;
  engine::Engine::Done done;
  std::chrono::steady_clock::time_point submitted;
};

class ModelBatch {
 public:
  ModelBatch(const Transformer& network, const tokenize::Tokenizer& tokenizer,
             const EngineConfig& config);

  bool has_room() const { return std::ssize(running_) < size_; }
  bool is_idle() const { return running_.empty(); }
  // Takes a request in; one that cannot be worked on is answered with Finish::error at once.
  void start(EngineJob job);
  // Computes the next token of each; those that end are answered and leave.
  void step();

 private:
  struct Running {
    EngineJob job;
    std::vector<tokenize::TokenId> prompt;
    std::int64_t read = 0;  // tokens of the prompt that are in the cache
    SequenceCache cache;
    engine::TokenSampler sampler;
    engine::AnswerText text;
    tokenize::TokenId next = 0;  // the last token drawn, not yet in the cache
    std::int64_t generated = 0;
    bool finished = false;
  };

  std::vector<tokenize::TokenId> prompt_ids(const engine::Request& request) const;
  void encode_with_specials(std::string_view text, std::vector<tokenize::TokenId>& ids) const;
  void add_tokens(Running& running, std::int64_t& room);
  void take_logits(Running& running, std::span<const float> logits);
  void finish(Running& running, Finish how, std::string error = {});

  const tokenize::Tokenizer& tokenizer_;
  Decoder decoder_;
  Manners manners_;
  std::int64_t size_;
  std::vector<std::unique_ptr<Running>> running_;
  std::vector<DecoderToken> tokens_;
  std::vector<Running*> awaiting_;  // whose logits come, in order
};

}  // namespace tpt::model
