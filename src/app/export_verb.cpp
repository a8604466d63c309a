#include "app/command_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "model/gguf_export.h"
#include "model/transformer.h"
#include "train/launch.h"

#include <fmt/core.h>

#include <filesystem>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using storage::TensorType;

struct ExportConfig {
  TensorType type = TensorType::f32;
  std::int64_t max_shard_megabytes = 5000;
};

void describe(Fields& fields, ExportConfig& config) {
  fields.choice("type", config.type,
                {{"f32", TensorType::f32}, {"bf16", TensorType::bf16}, {"f16", TensorType::f16}},
                "what the weights are rounded to");
  fields.integer("max_shard_megabytes", config.max_shard_megabytes,
                 "with --hf: weights that take more are cut into files of so much", 1, 1 << 20);
}

void export_hf(const fs::path& checkpoint, const fs::path& folder, const ExportConfig& config) {
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    user_error("--hf {}: there is something in it; name a new folder", folder.string());
  }
  model::save_transformer(model::load_transformer(checkpoint), folder,
                          {.type = config.type,
                           .max_shard_bytes = config.max_shard_megabytes * 1'000'000,
                           .companions = checkpoint});
}

}  // namespace

void export_verb(Arguments arguments, Run /*run*/) {
  ExportConfig config;
  std::string checkpoint;
  std::string gguf;
  std::string hf;
  CommandLine line("export",
                   "Writes a checkpoint for other programs: as a GGUF file for llama.cpp, or as a "
                   "Hugging Face folder with weights of another type or in parts.");
  line.input("CHECKPOINT", checkpoint,
             "a folder with config.json, model.safetensors and tokenizer.json");
  line.text("gguf", gguf, "the GGUF file to write");
  line.text("hf", hf, "the Hugging Face folder to write");
  line.section("export", config);
  line.example("tpt export build/model/checkpoint-2000000 --gguf model.gguf --type f16");
  line.example("tpt export build/model/checkpoint-2000000 --hf model --type bf16");
  if (!line.parse(arguments)) return;
  train::refuse_many_processes("export");
  if (gguf.empty() == hf.empty()) user_error("give either --gguf FILE or --hf FOLDER");
  if (!hf.empty()) {
    export_hf(checkpoint, hf, config);
  } else {
    model::export_gguf(model::load_transformer(checkpoint), checkpoint, config.type, gguf);
  }
  fmt::print("{}\n", gguf.empty() ? hf : gguf);
}

}  // namespace tpt::app
