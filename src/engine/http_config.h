// How an OpenAI-compatible server is asked.
#pragma once

#include "base/config.h"
#include "engine/chat_request.h"
#include "engine/http_peer.h"
#include "engine/thinking_text.h"

#include <cstdint>
#include <string>

namespace tpt::engine {

enum class HttpApi {
  chat,        // /chat/completions: the server puts its template around the prompt
  completions  // /completions: the prompt is continued as it is
};

struct HttpConfig {
  std::string url;            // see HttpUrl; not an option of describe(): each endpoint has its own
  std::string address;        // as HttpPeerOptions::address; not an option either
  std::string system_prompt;  // the system turn; shared with the other engines, described there

  std::string model;     // "": the only one that the server lists
  std::string revision;  // part of the name and so of a row's identity
  HttpApi api = HttpApi::chat;
  bool stream = false;
  Prefill prefill = Prefill::none;
  AnswerPart part = AnswerPart::thinking;
  std::string extra_body;
  // Not OPENAI_API_KEY: that one belongs to one company's servers, and would be sent to any.
  std::string api_key_env = "TPT_API_KEY";
  std::string api_key_file;
  std::int64_t in_flight = 512;
  double request_seconds = 1800;
  double idle_seconds = 120;
  double connect_seconds = 10;
  HttpVersion version = HttpVersion::http_1_1;
  std::string ca_file;
  bool verify_tls = true;
  std::string proxy;
};

void describe(Fields& fields, HttpConfig& config);

}  // namespace tpt::engine
