// A small corpus with thinking, shards of it, and a small model's options: what the trainer's tests
// train on.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "model/config.h"
#include "pack/pack.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"
#include "tokenize/tokenizer.h"
#include "train/train.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::train {

// Sums of two digits, with the working as the thinking.
inline std::vector<AugmentedDocument> sums(std::int64_t count, std::uint64_t seed = 1) {
  std::vector<AugmentedDocument> documents;
  Random random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t a = random.below(90), b = random.below(9);
    AugmentedDocument one;
    one.document.id = "sum-" + std::to_string(i);
    one.document.text =
        std::to_string(a) + "+" + std::to_string(b) + "=" + std::to_string(a + b) + ".";
    one.trajectory.text = "add " + std::to_string(b) + " to " + std::to_string(a);
    documents.push_back(std::move(one));
  }
  return documents;
}

inline void write_sum_shards(const std::filesystem::path& folder, std::int64_t count,
                             std::uint64_t seed = 1) {
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  VectorSource<AugmentedDocument> source(sums(count, seed));
  NoProgress quiet;
  pack::write_shards(pack::Config(), *tokenizer, source, folder, quiet, {});
}

// Fine-tuning examples of different lengths.
inline void write_example_shards(const std::filesystem::path& folder, std::int64_t count) {
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  std::vector<Conversation> examples;
  for (const AugmentedDocument& sum : sums(count)) {
    const std::size_t equals = sum.document.text.find('=') + 1;
    examples.push_back(
        conversation_of(sum.document.id, sum.document.text.substr(0, equals),
                        sum.document.text.substr(equals) + " " + sum.trajectory.text));
  }
  VectorSource<Conversation> source(std::move(examples));
  NoProgress quiet;
  pack::write_examples(pack::Config(), *tokenizer, source, folder, quiet, {});
}

inline model::Config small_model() {
  model::Config config;
  config.hidden_size = 32;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.max_positions = 256;
  return config;
}

inline Config small_config() {
  Config config;
  config.seq_length = 32;
  config.batch_rows = 4;
  config.warmup_steps = 3;
  config.log_every_steps = 1;
  config.threads = 1;
  return config;
}

inline Result run_quietly(const Config& config, const std::filesystem::path& shards,
                          const std::filesystem::path& folder, std::stop_token stop = {}) {
  NoProgress quiet;
  return run(config, small_model(), shards, folder, quiet, stop);
}

inline std::string weights_of(const Result& result) {
  return storage::read_file(result.checkpoints.back().folder / "model.safetensors");
}

// The lines of a run's metrics.
inline std::vector<Json> lines_of(const std::filesystem::path& folder) {
  std::vector<Json> lines;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    lines.push_back(parse_json(line, "metrics.jsonl"));
  }
  return lines;
}

// Stops the run once `tokens` were seen.
class StopAt : public Progress {
 public:
  StopAt(std::stop_source& stop, double tokens) : stop_(stop), tokens_(tokens) {}
  void report(const ProgressState& state) override {
    if (state.done >= tokens_) {
      stop_.request_stop();
    }
  }

 private:
  std::stop_source& stop_;
  double tokens_;
};

inline void stop_at(const Config& config, const std::filesystem::path& shards,
                    const std::filesystem::path& folder, double tokens) {
  std::stop_source stop;
  StopAt progress(stop, tokens);
  EXPECT_THROW(run(config, small_model(), shards, folder, progress, stop.get_token()), Interrupted);
}

}  // namespace tpt::train
