// What is asked of an OpenAI-compatible server, as the bytes of the request.
#pragma once

#include "engine/engine.h"

#include <set>
#include <string>
#include <string_view>

namespace tpt::engine {

// How a chat server is told what its answer starts with.
enum class Prefill {
  none,      // it is not: for servers that cannot, and for models that think by themselves
  continued  // an assistant turn that the server goes on with: vLLM and SGLang are told so by
             // continue_final_message, llama-server by the turn being the last
};

struct ChatRequestOptions {
  std::string model;
  bool stream = false;
  Prefill prefill = Prefill::none;
  std::string system_prompt;  // the system turn; "": none is sent
};

// Fields of one's own for every request: a JSON object, merged into the body. A field of ours that
// it names is replaced by it, or left out where it is null.
class ExtraFields {
 public:
  ExtraFields() = default;
  // Error(user) for what is no JSON object, and for the fields that would change what is asked or
  // how the answer is read: model, messages, prompt, stream, n, echo, best_of.
  explicit ExtraFields(std::string_view json);

  bool replaces(std::string_view field) const { return names_.contains(field); }
  // ",\"a\":1,\"b\":2"; "" for none.
  const std::string& text() const { return text_; }

 private:
  std::set<std::string, std::less<>> names_;
  std::string text_;
};

// The body for /chat/completions where `chat`, else for /completions. Sent: temperature, top_p,
// max_tokens, the seed's low 31 bits (what every server takes), stop, and top_k where it is set.
std::string chat_request_body(const ChatRequestOptions& options, const ExtraFields& extra,
                              const Request& request, bool chat);

// Whether `answer_start` does no more than open the thinking: white space and one tag.
bool is_only_tag(std::string_view answer_start);

// Appends `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& json, std::string_view text);

}  // namespace tpt::engine
