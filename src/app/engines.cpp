#include "app/engines.h"

#include "app/stage.h"
#include "base/error.h"
#include "engine/fake_engine.h"
#include "lab/expert_engine.h"
#include "model/model_engine.h"
#include "model/transformer.h"
#include "tokenize/tokenizer.h"

#include <algorithm>
#include <string_view>

namespace tpt::app {
namespace {

constexpr std::string_view kAllowed =
    "llama (the embedded SmolLM2-135M), llama:FILE.gguf, checkpoint:FOLDER, expert, fake";

enum class EngineKind { llama, checkpoint, expert, fake };

struct EngineSpec {
  EngineKind kind = EngineKind::llama;
  std::filesystem::path path;
};

EngineSpec parse_spec(const std::string& text) {
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
  const model::EngineConfig options{.precision = config.checkpoint_precision,
                                    .threads = config.checkpoint_threads};
  return std::make_unique<model::ModelEngine>(std::move(network), std::move(tokenizer), options,
                                              "checkpoint:" + folder.filename().string());
}

}  // namespace

void describe(Fields& fields, EngineConfig& config) {
  fields.text("engine", config.engine, "what writes the text: " + std::string(kAllowed));
  describe(fields, config.llama);
  fields.integer("checkpoint_threads", config.checkpoint_threads,
                 "threads of a checkpoint; 0: as many as the machine has", 0, 1024);
  fields.choice("checkpoint_precision", config.checkpoint_precision,
                {{"fp32", model::Precision::fp32}, {"bf16", model::Precision::bf16}},
                "what a checkpoint computes in");
}

Json recorded_engine(const EngineConfig& config) {
  return recorded_without(
      "engine", config,
      {"parallel", "batch_tokens", "threads", "gpu_layers", "checkpoint_threads"});
}

std::unique_ptr<engine::Engine> make_engine(const EngineConfig& config,
                                            std::int64_t request_tokens) {
  const EngineSpec spec = parse_spec(config.engine);
  switch (spec.kind) {
    case EngineKind::llama: {
      engine::LlamaConfig llama = config.llama;
      if (!llama.model.empty() && config.engine != "llama") {
        user_error("engine.model: got {}, but engine.engine names {}", llama.model, config.engine);
      }
      if (llama.model.empty()) llama.model = spec.path.string();
      if (request_tokens > 0) llama.request_tokens = request_tokens;
      return std::make_unique<engine::LlamaEngine>(llama);
    }
    case EngineKind::checkpoint:
      return make_checkpoint_engine(config, spec.path);
    case EngineKind::expert:
      return std::make_unique<lab::ExpertEngine>();
    case EngineKind::fake:
      return std::make_unique<engine::FakeEngine>(engine::FakeConfig{});
  }
  TPT_CHECK(false, "unknown engine kind");
  return nullptr;
}

std::filesystem::path engine_files(const EngineConfig& config) {
  const EngineSpec spec = parse_spec(config.engine);
  const bool other = spec.kind == EngineKind::llama && !config.llama.model.empty();
  return other ? std::filesystem::path(config.llama.model) : spec.path;
}

std::filesystem::path embedded_model() { return TPT_EMBEDDED_MODEL; }

std::string tokenizer_spec(const std::string& tokenizer) {
  return tokenizer == "embedded" ? embedded_model().string() : tokenizer;
}

bool is_rule(const std::string& engine_name) {
  return engine_name.starts_with("expert") || engine_name.starts_with("fake");
}

}  // namespace tpt::app
