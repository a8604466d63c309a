// A model in GGUF form, run by llama.cpp in this process: many requests at once in one batch, a
// finished one replaced by the next at the very next step (continuous batching).
//
//   LlamaEngine engine({.model = "SmolLM2-135M-Instruct.Q4_1.gguf", .parallel = 16});
//   engine.submit({.key = "doc-1", .prompt = "..."}, [&](Response response) { ... });
#pragma once

#include "base/config.h"
#include "engine/engine.h"

#include <cstdint>
#include <memory>
#include <string>

namespace tpt::engine {

struct LlamaConfig {
  std::string model;           // path of the GGUF file
  std::int64_t parallel = 16;  // requests in the batch at once; 1 makes it deterministic
  // Prompt and answer of one request; 0: `request_tokens`, as far as the model was trained for it.
  std::int64_t context_tokens = 0;
  std::int64_t request_tokens = 4096;  // what the caller's requests need; not an option
  std::int64_t batch_tokens = 512;     // most tokens in one step: prompts are read in such pieces
  std::int64_t threads = 0;            // 0: all of the machine
  std::int64_t gpu_layers = -1;        // layers put on a GPU, where llama.cpp was built for one
  bool eight_bit_weights = false;      // re-encode the weights as Q8_0 when loading
  std::string system_prompt;           // the system turn; empty: what the template itself says
};

void describe(Fields& fields, LlamaConfig& config);

// Sampling: the logits are divided by the temperature, cut to the `top_k` largest, then to the
// smallest set that holds `top_p` of the probability; one draw a token from a generator seeded by
// the request alone. An answer ends at a stop string, at a token by which the model ends its turn,
// at `max_tokens`, or where `context_tokens` is full (Finish::length). A prompt that leaves no room
// for an answer is a Response with Finish::error. The response's text is valid UTF-8;
// `generated_tokens` counts every token drawn but the one that ends the turn.
//
// `eight_bit_weights` is for files whose encoding processors are slow with (Q4_1: half the speed of
// Q8_0 on a machine with AVX2): weights of 5 bits or fewer lose next to nothing by it, wider ones
// do. The copy is written to the temporary folder and removed at once.
//
// In a batch the logits depend in their last bits on what else is in it, so that the same request
// may give another text; with `parallel` 1 it is always the same on one machine.
class LlamaEngine : public Engine {
 public:
  // Error(user) where the file is missing or the settings do not fit the model, Error(data) where
  // llama.cpp cannot load it.
  explicit LlamaEngine(const LlamaConfig& config);
  // Drops what is queued and in flight.
  ~LlamaEngine() override;
  LlamaEngine(const LlamaEngine&) = delete;
  LlamaEngine& operator=(const LlamaEngine&) = delete;

  void submit(Request request, Done done) override;
  // A little more than fit in the batch, so that a finished request is replaced without a gap.
  std::int64_t capacity() const override;
  std::string name() const override;  // "llama:FILENAME", and " as Q8_0" where re-encoded
  bool deterministic() const override;
  // The model's vocabulary; text that looks like a special token is counted as text.
  const TokenCounter& tokens() const override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace tpt::engine
