// The little that the engine needs of llama.cpp, without its header: a model, its vocabulary and
// chat template, and a context that decodes batches. llama_library.cpp alone includes llama.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

using Token = std::int32_t;

class LlamaModel {
 public:
  // Error(user) for a missing file or one that is not a decoder, Error(data) for a broken one.
  // `eight_bit_weights`: loads a copy re-encoded as Q8_0; Error(io) where it cannot be written.
  LlamaModel(const std::string& path, std::int64_t gpu_layers, bool eight_bit_weights = false);
  ~LlamaModel();
  LlamaModel(const LlamaModel&) = delete;
  LlamaModel& operator=(const LlamaModel&) = delete;

  // Without `special`, text that spells a special token is text. Adds no start or end token. Any
  // bytes are taken; invalid UTF-8 becomes U+FFFD.
  std::vector<Token> tokenize(std::string_view text, bool special) const;
  // The bytes of a token; with `special`, control tokens are spelt out, else they are empty.
  std::string piece(Token token, bool special) const;
  bool ends_generation(Token token) const;
  // Control tokens and others that the tokenizer cuts out of the text before anything else.
  bool is_special(Token token) const;
  // The token that this model wants at the start of every text, if any.
  std::optional<Token> start_token() const;
  std::int64_t vocabulary() const;
  std::int64_t trained_context() const;
  std::size_t longest_piece() const { return longest_piece_; }

  // The Jinja source of the model's chat template; empty where it has none.
  std::string chat_template() const;
  // One user turn (after a system turn, unless that is empty) and the start of the answer, in the
  // model's template. Nothing where there is no template that llama.cpp knows.
  std::optional<std::string> render_chat(const std::string& system, const std::string& user) const;

 private:
  friend class LlamaContext;
  struct Handle;
  std::unique_ptr<Handle> handle_;
  std::size_t longest_piece_ = 0;
};

// Sequences of tokens and what the model remembers of them. Not thread-safe.
class LlamaContext {
 public:
  struct Options {
    std::int64_t sequences = 1;
    std::int64_t tokens_of_sequence = 0;
    std::int64_t batch_tokens = 0;
    std::int64_t threads = 1;
    bool float_cache = false;  // keys and values in fp32, not fp16
  };
  enum class Outcome { done, aborted, failed };

  // Once `abort` is true, decode() returns early. Error(user) where the memory does not suffice.
  LlamaContext(const LlamaModel& model, const Options& options, const std::atomic<bool>& abort);
  ~LlamaContext();
  LlamaContext(const LlamaContext&) = delete;
  LlamaContext& operator=(const LlamaContext&) = delete;

  // The batch of the next decode(); add() gives the index for logits(). At most `batch_tokens`.
  void clear_batch();
  std::int64_t add(Token token, std::int64_t position, std::int64_t sequence, bool wants_logits);
  Outcome decode();
  // One for each token of the vocabulary; valid until the next decode().
  std::span<const float> logits(std::int64_t index) const;

  // Forgets what stands at `from` and after it; false where this kind of model cannot keep a part,
  // and the whole sequence is forgotten.
  bool forget(std::int64_t sequence, std::int64_t from);
  // Gives the memory of one sequence to another, which must be empty.
  void move(std::int64_t from, std::int64_t to);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace tpt::engine
