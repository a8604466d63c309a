// The expert: a rule that writes the steps of a chain as the thinking about it. Not a model, and
// labelled so wherever its text goes.
#pragma once

#include "engine/engine.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tpt::lab {

// The thinking about a document of the lab: the working for a chain whose stated result is right, a
// short remark for a plain sentence. Nothing for any other text; `why` then says what is wrong.
std::optional<std::string> expert_thinking(std::string_view document, std::string& why);

// Answers from Request.document; the prompt is counted (in bytes) and otherwise not read. Obeys
// max_tokens (Finish::length) and the stop strings. A text that is no document of the lab gives
// Finish::error, never made-up thinking. Deterministic; answers in order, from one thread of its
// own. The destructor answers what is queued.
class ExpertEngine : public engine::Engine {
 public:
  ExpertEngine();
  ~ExpertEngine() override;
  void submit(engine::Request request, Done done) override;
  std::int64_t capacity() const override { return 256; }
  std::string name() const override { return "expert (a rule, not a model)"; }
  bool deterministic() const override { return true; }
  const engine::TokenCounter& tokens() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::lab
