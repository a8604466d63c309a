// Counts and cuts text by a GGUF model's vocabulary.
#pragma once

#include "engine/engine.h"
#include "engine/llama_library.h"

#include <cstdint>
#include <string_view>

namespace tpt::engine {

class LlamaCounter : public TokenCounter {
 public:
  // The model must outlive this.
  explicit LlamaCounter(const LlamaModel& model) : model_(model) {}

  std::int64_t count(std::string_view text) const override;
  // Tokenises little more than what it gives back, however long the text is.
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const override;

 private:
  const LlamaModel& model_;
};

}  // namespace tpt::engine
