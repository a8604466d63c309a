#include "app/steps.h"
#include "base/error.h"
#include "model/transformer.h"
#include "tasks/task.h"
#include "train/train.h"

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

}  // namespace

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
  const Stage stage{.step = "eval",
                    .folder = folder,
                    .recipe = recipe,
                    .inputs = inputs,
                    .writes = {"answers.jsonl", "scores.json"}};
  return run_stage(stage, [&] {
    constexpr std::int64_t kPromptTokens = 4096;
    const auto engine = make_engine(engine_config, kPromptTokens + config.max_tokens, run.stop);
    check_answers_fit(*engine, config.max_tokens, "eval.max_tokens");
    const auto task = tasks::load(questions);
    return eval::to_json(eval::examine(config, task, *engine, folder, run.progress, run.stop));
  });
}

}  // namespace tpt::app
