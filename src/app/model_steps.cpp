#include "app/steps.h"
#include "base/error.h"
#include "model/transformer.h"
#include "tasks/task.h"
#include "train/train.h"

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

Json to_json(const train::Result& result, const fs::path& folder) {
  Json json = Json::object();
  json["tokens"] = result.tokens;
  json["steps"] = result.steps;
  json["seconds"] = result.seconds;
  json["flops"] = result.flops;
  json["final_loss"] = result.final_loss;
  Json& checkpoints = json["checkpoints"] = Json::array();
  for (const train::Checkpoint& checkpoint : result.checkpoints) {
    checkpoints.push_back({{"budget", checkpoint.budget},
                           {"tokens", checkpoint.tokens},
                           {"folder", fs::relative(checkpoint.folder, folder).string()}});
  }
  return json;
}

}  // namespace

Json train_step(const train::Config& config, const model::Config& model, const fs::path& shards,
                const fs::path& folder, Run run) {
  Json recipe = Json::object();
  recipe["train"] = train::recipe_of(config);
  std::vector<fs::path> inputs = {shards};
  if (config.init_from.empty()) {
    recipe["model"] = recorded("model", model);
  } else {
    inputs.emplace_back(config.init_from);
  }
  const Stage stage{.step = "train", .folder = folder, .recipe = recipe, .inputs = inputs};
  return run_stage(stage, [&] {
    return to_json(train::run(config, model, shards, folder, run.progress, run.stop), folder);
  });
}

Json held_out_step(const fs::path& checkpoint, const fs::path& shards, std::int64_t seq_length,
                   std::int64_t max_rows, const fs::path& folder) {
  const Json recipe = {{"seq_length", seq_length}, {"max_rows", max_rows}};
  const Stage stage{
      .step = "held_out", .folder = folder, .recipe = recipe, .inputs = {checkpoint, shards}};
  return run_stage(stage, [&] {
    const auto loss = train::held_out_loss(model::load_transformer(checkpoint), shards, seq_length,
                                           model::Precision::fp32, max_rows);
    return Json{{"document_nats_per_token", loss.document_nats_per_token},
                {"document_bits_per_byte", loss.document_bits_per_byte},
                {"document_tokens", loss.document_tokens}};
  });
}

Json eval_step(const eval::Config& config, const EngineConfig& engine_config,
               const fs::path& questions, const fs::path& folder, Run run) {
  Json recipe = Json::object();
  recipe["eval"] = recorded("eval", config);
  recipe["engine"] = recorded_engine(engine_config);
  std::vector<fs::path> inputs = {questions};
  if (const auto files = engine_files(engine_config); !files.empty()) inputs.push_back(files);
  const Stage stage{.step = "eval", .folder = folder, .recipe = recipe, .inputs = inputs};
  return run_stage(stage, [&] {
    constexpr std::int64_t kPromptTokens = 4096;
    const auto engine = make_engine(engine_config, kPromptTokens + config.max_tokens);
    const auto task = tasks::load(questions);
    return eval::to_json(eval::examine(config, task, *engine, folder, run.progress, run.stop));
  });
}

}  // namespace tpt::app
