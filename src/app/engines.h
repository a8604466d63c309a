// Which engine writes or answers: the one visible switch.
#pragma once

#include "app/http_engines.h"
#include "augment/status.h"
#include "base/config.h"
#include "engine/engine.h"
#include "engine/llama_engine.h"
#include "model/config.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {

struct EngineConfig {
  std::string engine = "llama";
  engine::LlamaConfig llama;  // its model: the PATH of llama:PATH
  // Of checkpoint:FOLDER.
  std::int64_t checkpoint_threads = 0;
  model::Precision checkpoint_precision = model::Precision::fp32;
  std::int64_t checkpoint_repeats = 0;
  HttpEnginesConfig http;
};

void describe(Fields& fields, EngineConfig& config);

// The options that shape what is written; those of speed (threads, parallel, ...) are left out.
Json recorded_engine(const EngineConfig& config);

// The same options with addresses as they may be shown: without user, password and query.
EngineConfig without_secrets(EngineConfig config);

// Error(user) for a name that is none of those that --help lists, and for a model that cannot be
// loaded. `request_tokens`: prompt and answer of the longest request, where the caller knows it.
// `stop`: ends the wait for servers that are not up yet, with Interrupted.
std::unique_ptr<engine::Engine> make_engine(const EngineConfig& config,
                                            std::int64_t request_tokens = 0,
                                            const std::stop_token& stop = {});

// Error(user) where answers of so many tokens cannot fit in the context that the servers tell of:
// each request would be refused.
void check_answers_fit(const engine::Engine& engine, std::int64_t answer_tokens,
                       std::string_view option);

// True where the answers come from chat servers, which open the thinking themselves.
bool is_chat_server(const EngineConfig& config);

// Health and spend of the endpoints behind an engine; none where it has none.
std::vector<augment::EndpointStatus> endpoints_of(const engine::Engine& engine);

// The file or folder the engine's answers depend on; empty for engines without one.
std::filesystem::path engine_files(const EngineConfig& config);

// Tells the content of these: a SHA-256 over those of all of them. "" for the embedded model, which
// is part of the program, and where there are none.
std::string engine_files_sha256(const EngineConfig& config);

// The model that comes with tpt: SmolLM2-135M-Instruct, Q4_1 (Apache-2.0).
std::filesystem::path embedded_model();

// What load_tokenizer takes for `pack.tokenizer`: "embedded" is the vocabulary of that model.
std::string tokenizer_spec(const std::string& tokenizer);

// True where the engine is a program and not a language model.
bool is_rule(const std::string& engine_name);

}  // namespace tpt::app
