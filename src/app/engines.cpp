#include "app/engines.h"

#include "app/stage.h"
#include "base/digest.h"
#include "base/error.h"
#include "engine/fake_engine.h"
#include "lab/expert_engine.h"
#include "model/model_engine.h"
#include "model/transformer.h"
#include "storage/manifest.h"
#include "tokenize/tokenizer.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tpt::app {
namespace {

constexpr std::string_view kAllowed =
    "llama (the embedded SmolLM2-135M), llama:FILE.gguf, checkpoint:FOLDER, http (--url "
    "names the servers), http://HOST:PORT/v1 (several with commas), expert, fake";

enum class EngineKind { llama, checkpoint, http, expert, fake };

struct EngineSpec {
  EngineKind kind = EngineKind::llama;
  std::filesystem::path path;
};

bool is_http(const std::string& text) {
  return text == "http" || text.starts_with("http://") || text.starts_with("https://") ||
         text.starts_with("http+dns://") || text.starts_with("https+dns://");
}

bool names_endpoints(const EngineConfig& config) {
  return !config.http.urls.empty() || !config.http.urls_file.empty();
}

// --url alone says enough.
bool is_http(const EngineConfig& config) {
  const bool nothing_else = config.engine == "llama" && config.llama.model.empty();
  return is_http(config.engine) || (nothing_else && names_endpoints(config));
}

EngineSpec parse_spec(const EngineConfig& config) {
  const std::string& text = config.engine;
  if (is_http(config)) return {EngineKind::http, {}};
  if (names_endpoints(config)) {
    user_error("engine.url: got addresses, but engine.engine names {}, not http", text);
  }
  const std::size_t colon = text.find(':');
  const std::string word = text.substr(0, colon);
  const std::string path = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (word == "llama" && (colon == std::string::npos || !path.empty())) {
    return {EngineKind::llama, path.empty() ? embedded_model() : std::filesystem::path(path)};
  }
  if (word == "checkpoint" && !path.empty()) return {EngineKind::checkpoint, path};
  if (text == "expert") return {EngineKind::expert, {}};
  if (text == "fake") return {EngineKind::fake, {}};
  user_error("engine.engine: got {}, allowed: {}", text, kAllowed);
}

std::unique_ptr<engine::Engine> make_checkpoint_engine(const EngineConfig& config,
                                                       const std::filesystem::path& folder) {
  auto network = std::make_shared<const model::Transformer>(model::load_transformer(folder));
  std::shared_ptr<const tokenize::Tokenizer> tokenizer =
      tokenize::load_tokenizer((folder / "tokenizer.json").string());
  const model::EngineConfig options{
      .precision = config.checkpoint_precision,
      .repeats = config.checkpoint_repeats,
      .threads = config.checkpoint_threads,
      .manners = model::manners_of(folder, *tokenizer, config.llama.system_prompt)};
  return std::make_unique<model::ModelEngine>(std::move(network), std::move(tokenizer), options,
                                              "checkpoint:" + folder.filename().string());
}

std::unique_ptr<engine::Engine> make_llama_engine(engine::LlamaConfig llama,
                                                  std::int64_t request_tokens) {
  if (request_tokens > 0) llama.request_tokens = request_tokens;
  return std::make_unique<engine::LlamaEngine>(llama);
}

// Of "http://a:8000,http://b:8000"; none of "http".
std::vector<std::string> urls_in(const std::string& engine) {
  std::vector<std::string> urls;
  if (engine == "http") return urls;
  for (std::size_t start = 0; start <= engine.size();) {
    const std::size_t end = std::min(engine.find(',', start), engine.size());
    urls.push_back(engine.substr(start, end - start));
    start = end + 1;
  }
  return urls;
}

std::unique_ptr<engine::Engine> make_http_engine(const EngineConfig& config,
                                                 std::int64_t request_tokens,
                                                 const std::stop_token& stop) {
  HttpEnginesConfig http = config.http;
  http.http.system_prompt = config.llama.system_prompt;
  if (is_http(config.engine)) {
    for (const std::string& url : urls_in(config.engine)) http.urls.push_back(url);
  }
  return std::make_unique<HttpEngines>(
      std::move(http),
      [llama = config.llama, request_tokens](const std::string& file) mutable {
        llama.model = file;
        return std::shared_ptr<engine::Engine>(make_llama_engine(llama, request_tokens));
      },
      stop);
}

}  // namespace

void describe(Fields& fields, EngineConfig& config) {
  fields.text("engine", config.engine, "what writes the text: " + std::string(kAllowed));
  describe(fields, config.llama);
  describe(fields, config.http);
  fields.integer("checkpoint_threads", config.checkpoint_threads,
                 "threads of a checkpoint; 0: as many as the machine has", 0, 1024);
  fields.choice("checkpoint_precision", config.checkpoint_precision,
                {{"fp32", model::Precision::fp32}, {"bf16", model::Precision::bf16}},
                "what a checkpoint computes in");
  fields.integer("checkpoint_repeats", config.checkpoint_repeats,
                 "how often a checkpoint runs its repeated block; 0: as its config says", 0, 1000);
}

Json recorded_engine(const EngineConfig& config) {
  EngineConfig shaping = config;
  const bool http = is_http(config);
  // Its addresses are no part of what is written.
  if (http) shaping.engine = "http";
  Json record =
      recorded_without("engine", shaping,
                       {"parallel", "batch_tokens", "threads", "gpu_layers", "checkpoint_threads"});
  leave_out_http(record, config.http, !http);
  return record;
}

EngineConfig without_secrets(EngineConfig config) {
  if (is_http(config.engine)) {
    for (const std::string& url : urls_in(config.engine)) config.http.urls.push_back(url);
    config.engine = "http";
  }
  for (std::string& url : config.http.urls) url = shown_endpoint(url);
  return config;
}

std::unique_ptr<engine::Engine> make_engine(const EngineConfig& config, std::int64_t request_tokens,
                                            const std::stop_token& stop) {
  const EngineSpec spec = parse_spec(config);
  switch (spec.kind) {
    case EngineKind::llama: {
      engine::LlamaConfig llama = config.llama;
      if (!llama.model.empty() && config.engine != "llama") {
        user_error("engine.model: got {}, but engine.engine names {}", llama.model, config.engine);
      }
      if (llama.model.empty()) llama.model = spec.path.string();
      return make_llama_engine(std::move(llama), request_tokens);
    }
    case EngineKind::checkpoint:
      return make_checkpoint_engine(config, spec.path);
    case EngineKind::http:
      return make_http_engine(config, request_tokens, stop);
    case EngineKind::expert:
      return std::make_unique<lab::ExpertEngine>();
    case EngineKind::fake:
      return std::make_unique<engine::FakeEngine>(engine::FakeConfig{});
  }
  TPT_CHECK(false, "unknown engine kind");
  return nullptr;
}

bool is_chat_server(const EngineConfig& config) {
  return is_http(config) && config.http.http.api == engine::HttpApi::chat &&
         config.http.http.prefill == engine::Prefill::none;
}

void check_answers_fit(const engine::Engine& engine, std::int64_t answer_tokens,
                       std::string_view option) {
  const auto* servers = dynamic_cast<const HttpEngines*>(&engine);
  if (servers == nullptr || servers->context_tokens() == 0) return;
  if (answer_tokens >= servers->context_tokens()) {
    user_error("{}: got {}, but {} has a context of {} tokens for prompt and answer together",
               option, answer_tokens, engine.name(), servers->context_tokens());
  }
}

std::vector<augment::EndpointStatus> endpoints_of(const engine::Engine& engine) {
  const auto* http = dynamic_cast<const HttpEngines*>(&engine);
  return http == nullptr ? std::vector<augment::EndpointStatus>() : http->endpoints();
}

std::filesystem::path engine_files(const EngineConfig& config) {
  const EngineSpec spec = parse_spec(config);
  const bool other = spec.kind == EngineKind::llama && !config.llama.model.empty();
  return other ? std::filesystem::path(config.llama.model) : spec.path;
}

std::string engine_files_sha256(const EngineConfig& config) {
  const std::filesystem::path files = engine_files(config);
  if (files.empty() || files == embedded_model()) return "";
  std::string all;
  for (const auto& file : storage::digest_inputs({files})) all += file.sha256 + "\n";
  return sha256_hex(all);
}

std::filesystem::path embedded_model() { return TPT_EMBEDDED_MODEL; }

std::string tokenizer_spec(const std::string& tokenizer) {
  return tokenizer == "embedded" ? embedded_model().string() : tokenizer;
}

bool is_rule(const std::string& engine_name) {
  return engine_name.starts_with("expert") || engine_name.starts_with("fake");
}

}  // namespace tpt::app
