// Shards -> model: the loop of batch, loss, step, log, checkpoint, stop; and the loss on held-out
// shards.
//
//   const train::Result result = train::run(config, model_config, work / "pack", work / "train",
//                                           progress, stop);
//   const model::Transformer student = model::load_transformer(result.checkpoints.back().folder);
#pragma once

#include "base/progress.h"
#include "model/transformer.h"
#include "train/config.h"
#include "train/ranks.h"

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

namespace tpt::train {

// A model saved on the way, and the last one at the end.
struct Checkpoint {
  std::int64_t budget = 0;       // what was asked for in checkpoint_tokens or train_tokens
  std::int64_t tokens = 0;       // target tokens seen: the first step at which budget was reached
  std::filesystem::path folder;  // config.json, model.safetensors, tokenizer.json
};

struct Result {
  std::vector<Checkpoint> checkpoints;  // by budget, rising; the last one is the end of the run
  std::int64_t tokens = 0;              // target tokens seen
  std::int64_t steps = 0;               // of the optimizer
  double seconds = 0;                   // in the loop, over all resumed parts
  double flops = 0;                     // forward and backward: 6 x matrix weights + attention
  double final_loss = 0;                // nats a target token at the last step
};

// Trains on the folder `shards` that pack::write_shards or write_examples wrote, and leaves in
// `folder`:
//   checkpoint-<tokens>/  what `transformers` loads; with ema_decay also
//   checkpoint-<tokens>-average metrics.jsonl         one line each log_every_steps steps, and one
//   for each held-out loss tensorboard/          the same for TensorBoard state-<step>/ weights,
//   optimizer and place in the data: the newest whole one is where
//                         the next call goes on, bit for bit; a finished run is not done again
//   spikes/step-<n>/      the batch of a step that was left out, and the state before it
// `model_config` gives the shape of random initial weights, its vocab_size 0 is filled from the
// shards; with config.init_from only its max_positions counts, where the folder has fewer. Asked to
// stop, it saves its state and throws Interrupted. Error(user): options that do not fit together, a
// vocabulary smaller than the shards', a folder that holds another run, a loss that stays not
// finite. Two runs may go on in two threads of one process: nothing is shared but the disk.
Result run(const Config& config, const model::Config& model_config,
           const std::filesystem::path& shards, const std::filesystem::path& folder,
           Progress& progress, std::stop_token stop);
// The same by many processes, each of which calls it with the same options; the first alone reads
// and writes `folder`. Each step's rows are divided among them, so that the data does not depend on
// how many they are. One that is asked to stop stops all.
Result run(const Config& config, const model::Config& model_config,
           const std::filesystem::path& shards, const std::filesystem::path& folder,
           Progress& progress, std::stop_token stop, Ranks& ranks);

// Mean loss by what the target token is for, on rows that were not trained on.
struct HeldOutLoss {
  double document_nats_per_token = 0;  // 0 where there are no such tokens
  double thinking_nats_per_token = 0;
  double document_bits_per_byte = 0;  // 0 where the shards carry no tokenizer
  double thinking_bits_per_byte = 0;
  std::int64_t document_tokens = 0;
  std::int64_t thinking_tokens = 0;
};

// The first `max_rows` rows (0: all) of the shards, joined end to end, in the order of seed 1. Each
// document is read on its own, however the network was trained: what another document says before
// it must not help or mislead.
HeldOutLoss held_out_loss(const model::Transformer& network, const std::filesystem::path& shards,
                          std::int64_t seq_length, model::Precision precision,
                          std::int64_t max_rows);

}  // namespace tpt::train
