#include "train/objective.h"

#include "base/error.h"

#include <ATen/ATen.h>

namespace tpt::train {

at::Tensor target_losses(const model::Transformer& network, const Batch& batch,
                         model::Precision precision) {
  const at::Tensor hidden_btd = network.forward(batch.ids_bt, precision, batch.document_bt);
  at::Tensor hidden_nd = hidden_btd.reshape({-1, hidden_btd.size(-1)});
  if (batch.position_n.defined()) {
    hidden_nd = hidden_nd.index_select(0, batch.position_n);
  }
  return network.token_losses(hidden_nd, batch.targets_n, precision);
}

Tally accumulate_gradients(const model::Transformer& network, const Batch& batch,
                           double denominator, model::Precision precision) {
  TPT_CHECK(denominator > 0.0);
  const at::Tensor losses_n = target_losses(network, batch, precision);
  const at::Tensor weighted_n = batch.weights_n.defined() ? losses_n * batch.weights_n : losses_n;
  (weighted_n.sum() / denominator).backward();
  return tally_of(losses_n, batch.kinds);
}

Tally tally_of(const at::Tensor& losses_n, const std::vector<Kind>& kinds) {
  const at::Tensor losses = losses_n.detach().to(at::kCPU, at::kFloat).contiguous();
  TPT_CHECK(losses.numel() == static_cast<std::int64_t>(kinds.size()));
  const float* loss = losses.const_data_ptr<float>();
  Tally tally;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    tally.add(kinds[i], static_cast<double>(loss[i]));
  }
  return tally;
}

double flops_of(const model::Config& config, const Batch& batch) {
  const auto positions = static_cast<double>(batch.ids_bt.numel());
  const auto seen = static_cast<double>(batch.ids_bt.size(1) + 1) / 2.0;
  const auto width = static_cast<double>(config.num_layers * config.num_heads * config.head_dim);
  const auto weights = static_cast<double>(model::num_matmul_parameters(config));
  return positions * (6.0 * weights + 12.0 * width * seen);
}

}  // namespace tpt::train
