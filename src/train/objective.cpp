#include "train/objective.h"

#include "base/error.h"
#include "model/device_ops.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace tpt::train {
namespace {

// A kind without targets is 0; one with a loss that is not finite spoils no other.
at::Tensor sums_by_kind(const at::Tensor& losses_n, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  const at::Tensor losses = losses_n.detach().to(at::kDouble);
  const at::Tensor kind_n = batch.kind_n.to(losses.device());
  at::Tensor sums = at::zeros({Tally::kKinds}, losses.options());
  for (std::size_t kind = 0; kind < Tally::kKinds; ++kind) {
    if (batch.counts.targets[kind] > 0) {
      const at::Tensor here = kind_n.eq(static_cast<std::int64_t>(kind));
      sums.select(0, static_cast<std::int64_t>(kind))
          .copy_(losses.masked_fill(here.logical_not(), 0.0).sum());
    }
  }
  return sums;
}

at::Tensor hidden_of_targets(const model::Transformer& network, const Batch& batch,
                             const Pass& pass) {
  const at::Tensor hidden_btd = network.forward(batch.ids_bt, pass.precision, batch.document_bt,
                                                pass.activations, pass.repeats);
  const at::Tensor hidden_nd = hidden_btd.reshape({-1, hidden_btd.size(-1)});
  return batch.position_n.defined()
             ? hidden_nd.index_select(0, model::moved(batch.position_n, hidden_nd.device()))
             : hidden_nd;
}

}  // namespace

at::Tensor target_losses(const model::Transformer& network, const Batch& batch, const Pass& pass) {
  return network.token_losses(hidden_of_targets(network, batch, pass), batch.targets_n,
                              pass.precision);
}

at::Tensor accumulate_gradients(const model::Transformer& network, const Batch& batch,
                                double denominator, const Pass& pass) {
  TPT_CHECK(denominator > 0.0);
  const at::Tensor hidden_nd = hidden_of_targets(network, batch, pass);
  const at::Tensor coefficients_n =
      batch.weights_n.defined()
          ? batch.weights_n / denominator
          : at::full({batch.targets()}, 1.0 / denominator,
                     at::TensorOptions().dtype(at::kFloat).device(hidden_nd.device()));
  return sums_by_kind(network.backward(hidden_nd, batch.targets_n, coefficients_n, pass.precision),
                      batch);
}

Tally tally_of(const at::Tensor& losses_n, const Batch& batch) {
  const at::Tensor losses = losses_n.detach().to(at::kCPU, at::kFloat).contiguous();
  TPT_CHECK(losses.numel() == batch.targets());
  const float* loss = losses.const_data_ptr<float>();
  Tally tally = batch.counts;
  for (std::size_t i = 0; i < batch.kinds.size(); ++i) {
    tally.nats[static_cast<std::size_t>(batch.kinds[i])] += static_cast<double>(loss[i]);
  }
  return tally;
}

}  // namespace tpt::train
