// What an engine answered about one row, as the journal keeps it.
#pragma once

#include "engine/engine.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace tpt::augment {

struct Answer {
  std::string thinking;  // valid UTF-8, without its tags
  Finish finish = Finish::stop;
  std::int64_t prompt_tokens = 0;
  std::int64_t thinking_tokens = 0;
  std::int64_t context_bytes = 0;  // how much of the document was shown in the end
  double seconds = 0;
  std::string engine;  // that wrote it, where a fleet has several models; else ""
  // Of a finished row that was taken over (take_over.h): under what its cap was settled. "": as the
  // engine gave it.
  std::string settled_under;

  bool operator==(const Answer&) const = default;
};

// The answer in `response`: ends before `think_end` whatever the engine made of its stop strings,
// does not repeat the <think> it was started with, has no half code point at its end; bytes that
// are not UTF-8 become U+FFFD.
Answer make_answer(const engine::Response& response, std::string_view think_start,
                   std::string_view think_end);

// One line of JSON with all but the thinking, then the thinking's bytes as they are.
std::string encode(const Answer& answer);
// The reverse; Error(data) naming `item` where it is damaged.
Answer decode(std::string_view value, std::string_view item);

}  // namespace tpt::augment
