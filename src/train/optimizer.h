// AdamW, or Muon for the matrices inside the network and AdamW for the rest, over flat buffers: the
// numbers of torch.optim, at a cost that does not grow with the count of tensors. Whether a step is
// clipped or left out is decided by tensors on the device; the host waits for nothing. With
// config.shard_optimizer each process keeps and steps its share of the layout alone; all of them
// call what moves weights or gives a state.
#pragma once

#include "model/transformer.h"
#include "train/config.h"
#include "train/flat_layout.h"
#include "train/ranks.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tpt::train {

class Optimizer {
 public:
  // Moves the parameters' storage into one buffer on the device of the run and gives each a
  // gradient that is a view of a second one. The tensors stay the same objects. Keeps a reference
  // to `ranks`.
  Optimizer(const model::NamedTensors& parameters, const Config& config, Ranks& ranks);

  // Calls piece(0) ... piece(pieces - 1), which may be at once (Lanes::run). Without, each
  // operation is divided by torch among its own threads.
  using Division =
      std::function<void(std::int64_t pieces, const std::function<void(std::int64_t)>&)>;
  void divide_by(Division division) { division_ = std::move(division); }

  void zero_gradients();
  // All gradients as one buffer [n]: what processes add up after the backward pass.
  const at::Tensor& gradients() const { return gradients_; }
  const FlatLayout& layout() const { return layout_; }
  // The norm of all gradients together, fp32 [].
  at::Tensor gradient_norm() const;
  // One update by the gradients, scaled down to config.clip where `norm` is larger, as
  // torch.nn.utils.clip_grad_norm_ does. `skip` (fp32 []) of 1 leaves everything as it is, whatever
  // the gradients hold; else 0. The gradients are used up.
  void step(double learning_rate, const at::Tensor& norm, const at::Tensor& skip);

  // Views of the weights by name, and all of them as one buffer.
  model::NamedTensors weights() const;
  const at::Tensor& flat_weights() const { return weights_; }

  // What a state holds beside the weights, each for all weights.
  struct Moments {
    at::Tensor first, second, average;
  };
  // Those that this process steps with, where it steps all; else, on process 0 alone, copies on the
  // CPU of what all processes have, or room for it.
  Moments gather() const;
  Moments room() const;
  // Gives every process its share of what process 0 has in `moments`.
  void spread(const Moments& moments);
  // Views by name: of the moments, the average and the count of steps.
  model::NamedTensors named(const Moments& moments) const;
  // The exponential moving average of the weights (config.ema_decay), by name; empty without.
  model::NamedTensors average(const Moments& moments) const;
  // Puts the average in the place of the weights, and back again at the second call.
  void exchange_average();

 private:
  struct OwnMatrix {
    Range range;
    std::int64_t place = 0;  // in the buffers of what this process steps
    std::int64_t rows = 0, columns = 0;
  };

  // Calls piece(i, range) for the pieces of `range`, the i-th of how many it gives.
  void over_pieces(Range range, const std::function<void(std::size_t, Range)>& piece) const;
  at::Tensor norm_by_pieces() const;
  void step_matrices(double learning_rate, const at::Tensor& scale, const at::Tensor& skip);
  void step_adamw(Range range, double learning_rate, double decay, const at::Tensor& scale,
                  const at::Tensor& skip);
  void gather_weights();
  void append_views(const at::Tensor& buffer, const std::string& prefix, std::int64_t first,
                    model::NamedTensors& views) const;

  Config config_;
  Ranks& ranks_;
  Division division_;
  FlatLayout layout_;
  std::vector<OwnMatrix> matrices_;
  at::Tensor weights_, gradients_;
  // Of what this process steps: of all that, and of what AdamW steps.
  at::Tensor moments1_, moments2_;
  at::Tensor average_;  // undefined without ema_decay
  at::Tensor steps_;    // that were not left out, fp32 []
};

}  // namespace tpt::train
