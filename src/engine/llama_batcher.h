// Continuous batching: each slot holds one request, and one step reads a piece of the prompts and
// draws one token of every answer that is under way.
#pragma once

#include "engine/answer_text.h"
#include "engine/chat_prompt.h"
#include "engine/engine.h"
#include "engine/llama_library.h"
#include "engine/token_sampler.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace tpt::engine {

struct LlamaJob {
  Request request;
  Engine::Done done;
  std::chrono::steady_clock::time_point submitted;
};

// Used by one thread.
class LlamaBatcher {
 public:
  LlamaBatcher(const LlamaModel& model, LlamaContext& context, const ChatPrompt& prompt,
               const LlamaContext::Options& options);

  bool has_free_slot() const { return busy_ < static_cast<std::int64_t>(slots_.size()); }
  bool is_idle() const { return busy_ == 0; }
  // Puts the request into a slot; answers at once where it cannot be worked on.
  void start(LlamaJob job);
  // One decode(); calls `done` of every request that it ends. False where it was aborted.
  bool step();
  // Closes the gaps that finished requests left: llama.cpp works on neighbouring sequences at once.
  // Worth it only when no request waits for a slot.
  void close_gaps();

 private:
  struct Slot {
    std::optional<LlamaJob> job;
    std::optional<TokenSampler> sampler;
    AnswerText answer;
    std::vector<Token> prompt;
    std::vector<Token> held;  // what the context remembers, also of the last request
    Token next = 0;           // drawn, not yet decoded
    std::int64_t generated = 0;
    std::int64_t logits_index = -1;  // in the batch of this step
    bool is_reading() const { return held.size() < prompt.size(); }
  };

  std::size_t choose_slot(const std::vector<Token>& prompt) const;
  std::size_t kept_tokens(const Slot& slot, const std::vector<Token>& prompt) const;
  void fill_batch();
  void take_token(Slot& slot);
  void finish(Slot& slot, Finish finish, const std::string& error, Failure failure = Failure::none);

  const LlamaModel& model_;
  LlamaContext& context_;
  const ChatPrompt& prompt_;
  LlamaContext::Options options_;
  std::vector<Slot> slots_;
  std::int64_t busy_ = 0;
};

}  // namespace tpt::engine
