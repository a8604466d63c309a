// What the tests of the engine over HTTP share: answers of a server, and a config that asks it.
#pragma once

#include "base/json.h"
#include "engine/ask.h"
#include "engine/http_engine.h"
#include "engine/http_server.h"

#include <chrono>
#include <string>
#include <utility>

namespace tpt::engine {

inline std::string answer_json(const std::string& text) {
  return dump_json({{"choices", {{{"message", {{"content", text}}}, {"finish_reason", "stop"}}}},
                    {"usage", {{"prompt_tokens", 11}, {"completion_tokens", 7}}}});
}

inline void answer_models(HttpExchange& exchange, int count) {
  Json models = Json::array();
  for (int i = 0; i < count; ++i) {
    models.push_back({{"id", "model-" + std::to_string(i)}, {"max_model_len", 4096}});
  }
  exchange.answer(200, "application/json", dump_json({{"data", models}}));
}

inline Request request_of(std::string prompt) {
  Request request;
  request.key = "doc";
  request.prompt = std::move(prompt);
  return request;
}

inline HttpConfig config_for(const HttpServer& server) {
  HttpConfig config;
  config.url = server.url();
  config.model = "m";
  config.proxy = "none";
  config.api_key_env = "";
  return config;
}

inline Response ask_one(Engine& engine, Request request) {
  return ask(engine, {std::move(request)}, std::chrono::seconds(60)).front();
}

}  // namespace tpt::engine
