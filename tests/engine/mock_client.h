// What the tests of the mock server ask it.
#pragma once

#include "base/json.h"
#include "engine/mock_server.h"
#include "engine/raw_client.h"

#include <fmt/core.h>

#include <chrono>
#include <string>
#include <thread>

namespace tpt::engine {

inline Json chat_body(const std::string& prompt, const Json& more = Json::object()) {
  Json body = {{"model", "mock"},
               {"messages", Json::array({{{"role", "user"}, {"content", prompt}}})},
               {"max_tokens", 8192}};
  body.update(more);
  return body;
}

inline std::string http_post(const std::string& path, const std::string& body,
                             const std::string& headers = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{}", path, headers,
                     body.size(), body);
}

inline std::string chat_request(const std::string& prompt, const Json& more = Json::object()) {
  return http_post("/v1/chat/completions", chat_body(prompt, more).dump());
}

// The whole answer of the server to one request, over a connection of its own.
inline std::string ask(const MockServer& server, const std::string& request) {
  RawClient client(server.port());
  client.send(request);
  return client.read_answer();
}

inline Json ask_json(const MockServer& server, const std::string& request) {
  return Json::parse(body_of(ask(server, request)));
}

inline int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

// The text of a whole chat answer.
inline std::string text_of(const Json& answer) {
  return answer.at("choices").at(0).at("message").at("content").get<std::string>();
}

template <typename Condition>
bool eventually(Condition condition, double seconds = 5) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace tpt::engine
