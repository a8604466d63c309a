// The JSON of an answer, whole or one event of a stream, read in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

// What an object of the server's says. Only the first choice is read.
struct ChatAnswer {
  std::string reasoning;      // reasoning_content, reasoning, thinking
  std::string content;        // content or text, as a string or in parts
  std::string finish_reason;  // "" where it is missing or null
  bool has_choice = false;
  std::int64_t prompt_tokens = -1;  // -1: not said
  std::int64_t generated_tokens = -1;
  bool has_error = false;
  std::string error;              // the message of an error object
  std::string error_type;         // its type, and its code where that is a word
  std::int64_t error_status = 0;  // its code, where that is a number
};

// False where `json` is not one whole JSON object: torn, followed by something, or another value.
// Never throws. Text becomes valid UTF-8 with U+FFFD for what is not, lone surrogates among it.
bool read_chat_answer(const std::string& json, ChatAnswer& answer);

// One model of a GET /models.
struct ListedModel {
  std::string id;
  std::int64_t max_tokens =
      0;  // prompt and answer (max_model_len, context_length, n_ctx); 0: not said
};

// False where it is no such listing.
bool read_model_list(const std::string& json, std::vector<ListedModel>& models);

}  // namespace tpt::engine
