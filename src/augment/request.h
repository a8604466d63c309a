// The request about one document, and the hash of all that decides its answer.
#pragma once

#include "augment/augment.h"
#include "augment/prompt.h"

#include <cstdint>
#include <string>

namespace tpt::augment {

struct DocumentRequest {
  engine::Request request;
  std::int64_t context_bytes = 0;  // how much of the document it shows
  std::string hash;                // of prompt, document, sampling, seed, tags and engine
};

// The same for the same document, whatever attempt this is and whatever else is in flight.
DocumentRequest make_request(const Config& config, const Prompt& prompt, const Document& document,
                             const engine::Engine& engine);

}  // namespace tpt::augment
