// What an engine thought about a document, with everything needed to know where it came from.
#pragma once

#include "records/document.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace tpt {

// How a generation ended.
enum class Finish {
  stop,    // the model ended its turn or wrote </think>
  length,  // it hit the cap on generated tokens
  error,   // the engine gave up; the text is what had come until then
  loop,    // it was stopped early because it said the same over and over
  trimmed  // it hit the cap, and the text was cut back to the end of its last sentence
};

// "stop", "length", "error", "loop", "trimmed".
std::string_view finish_name(Finish finish);
// The reverse; Error(data) for any other word.
Finish finish_from_name(std::string_view name);

struct Trajectory {
  std::string text;  // the thinking, without its tags
  Finish finish = Finish::stop;
  std::int64_t prompt_tokens = 0;
  std::int64_t thinking_tokens = 0;
  std::int64_t context_bytes = 0;  // how much of the document the engine was shown
  std::uint64_t seed = 0;          // of the sampling
  std::int64_t rollout = 0;        // 0 for the only one
  std::string engine;              // "llama:SmolLM2-135M-Instruct.Q4_1.gguf"
  std::string prompt_sha256;       // of the prompt template
  std::string request_sha256;      // of all that decides the answer: the row's identity

  bool operator==(const Trajectory&) const = default;
};

// One row between augment, filter and pack. A document that was thought about piece by piece gives
// `chunks` rows for each rollout, one after the other: the texts of its rows, joined in the order
// of `chunk`, are the document byte for byte.
struct AugmentedDocument {
  Document document;  // with the text of this chunk
  std::int64_t chunk = 0;
  std::int64_t chunks = 1;
  Trajectory trajectory;

  bool operator==(const AugmentedDocument&) const = default;
};

}  // namespace tpt
