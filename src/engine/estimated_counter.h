// Token counts for a server whose vocabulary is not at hand.
#pragma once

#include "engine/engine.h"

namespace tpt::engine {

// Takes a token for every four bytes begun: about right for English, too few for most other text.
class EstimatedCounter : public TokenCounter {
 public:
  std::int64_t count(std::string_view text) const override {
    return static_cast<std::int64_t>((text.size() + 3) / 4);
  }
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const override {
    if (max_tokens >= count(text)) return text.size();
    return ByteCounter().prefix_bytes(text, max_tokens * 4);
  }
};

}  // namespace tpt::engine
