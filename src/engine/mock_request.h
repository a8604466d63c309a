// What the mock server needs to know of a request's body, read in one pass without a tree.
#pragma once

#include "engine/mock_key.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

struct MockRequest {
  bool chat = true;  // /v1/chat/completions, not /v1/completions
  MockKey prompt;    // of the messages or the prompt alone
  MockKey text_key;  // with the sampling but max_tokens: the same text, cut elsewhere
  MockKey key;       // with everything that was asked, streamed or not
  std::int64_t prompt_bytes = 0;
  std::int64_t max_tokens = -1;  // -1: not given
  std::int64_t choices = 1;      // n
  bool stream = false;
  bool include_usage = false;  // stream_options
  std::string model;
  std::vector<std::string> stop;
  std::string last_message;  // kept where it was asked for
};

// Reads the body of a chat or plain completion. False with the reason in `error` where it is not
// one. `keep_text`: last_message is wanted.
bool read_mock_request(std::string_view body, bool chat, bool keep_text, MockRequest& request,
                       std::string& error);

}  // namespace tpt::engine
