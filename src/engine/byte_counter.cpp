#include "engine/engine.h"

namespace tpt::engine {

std::size_t ByteCounter::prefix_bytes(std::string_view text, std::int64_t max_tokens) const {
  if (static_cast<std::int64_t>(text.size()) <= max_tokens) {
    return text.size();
  }
  auto cut = static_cast<std::size_t>(max_tokens);
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) {
    --cut;
  }
  return cut;
}

}  // namespace tpt::engine
