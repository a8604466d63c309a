// What a step of training holds in memory, from the shapes alone: counted tensor by tensor as
// model/ and train/ keep them. A test holds it against what a run is measured to take.
#pragma once

#include "model/config.h"
#include "train/config.h"

#include <cstdint>

namespace tpt::train {

// How many processes share what.
struct Sharing {
  std::int64_t ranks = 1;
  bool optimizer = false;  // moments and average are held in parts, one a rank (ZeRO-1)
  bool on_gpu = false;
};

// Bytes on one rank. What is held all the time, then what a step adds, of all lanes (lanes.h);
// `peak` is the largest sum that is held at once.
struct MemoryPlan {
  double weights = 0;       // fp32, the master copy
  double gradients = 0;     // fp32, once a lane
  double moments = 0;       // fp32, of AdamW or Muon
  double average = 0;       // with ema_decay
  double activations = 0;   // from the forward to the backward pass
  double weight_casts = 0;  // copies of weights that products keep until the backward pass
  double layer = 0;  // what the backward pass of a layer adds, with recomputation the layer itself
  double head = 0;   // pieces of logits, the gradients of head and embedding
  double reserve = 0;  // on a GPU: the driver's context, libraries, gaps between tensors
  double peak = 0;
  // In the host's memory beside it: the copy of the state that is on its way to disk. On a CPU it
  // is the same memory.
  double state_copy = 0;
};

// `model` is resolved. The deepest of the run's first steps counts where a block is repeated.
MemoryPlan plan_memory(const model::Config& model, const Config& config, const Sharing& sharing);

// The most rows of one forward pass whose peak stays within `bytes`; 0 where one does not.
std::int64_t most_rows(const model::Config& model, Config config, const Sharing& sharing,
                       double bytes);

}  // namespace tpt::train
