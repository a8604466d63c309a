#include "train/isolation.h"

#include "base/error.h"
#include "base/random.h"
#include "train/batches.h"
#include "train/device_choice.h"
#include "train/objective.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <vector>

namespace tpt::train {
namespace {

Row random_row(std::int64_t ids, std::int64_t vocabulary, Random& random) {
  Row row;
  for (std::int64_t i = 0; i < ids; ++i) {
    row.ids.push_back(static_cast<TokenId>(random.below(static_cast<std::uint64_t>(vocabulary))));
  }
  row.kinds.assign(row.ids.size(), Kind::document);
  row.starts = {0};
  return row;
}

struct Outcome {
  at::Tensor logits;                  // of the second document
  std::vector<at::Tensor> gradients;  // of its loss
};

Outcome outcome_of(const model::Transformer& network, const std::vector<Row>& rows,
                   const Config& config) {
  const Batch batch = make_batch(rows, config);
  const std::int64_t positions = batch.ids_bt.size(1);
  const std::int64_t start = rows.front().starts.back();
  const at::Tensor hidden_btd = network.forward(batch.ids_bt, config.precision, batch.document_bt);
  const at::Tensor second_nd = hidden_btd.select(0, 0).narrow(0, start, positions - start);
  const at::Tensor targets_n = batch.targets_n.narrow(0, start, positions - start);
  std::vector<at::Tensor> parameters;
  for (const auto& [name, parameter] : network.parameters()) {
    parameters.push_back(parameter);
  }
  const at::Tensor ones_n = at::ones(targets_n.sizes(), second_nd.options().requires_grad(false));
  // As training has them: gradients that stand in memory and are added to.
  std::vector<at::Tensor> before;
  for (at::Tensor& parameter : parameters) {
    before.push_back(parameter.grad());
    parameter.mutable_grad() = at::zeros_like(parameter);
  }
  network.backward(second_nd, targets_n, ones_n, config.precision);
  Outcome outcome{.logits = network.logits(second_nd, config.precision).detach(), .gradients = {}};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    outcome.gradients.push_back(parameters[i].grad());
    parameters[i].mutable_grad() = before[i];
  }
  return outcome;
}

}  // namespace

Leak probe_isolation(const model::Transformer& network, std::int64_t positions,
                     model::Precision precision, bool isolated, std::uint64_t seed) {
  TPT_CHECK(positions >= 4);
  const std::int64_t vocabulary = network.config().vocab_size;
  Random random(seed);
  Config config;
  config.precision = precision;
  config.cross_document_attention = !isolated;
  std::vector<Row> rows = {random_row(positions + 1, vocabulary, random),
                           random_row(positions + 1, vocabulary, random)};
  const auto start = static_cast<std::int32_t>(positions / 2);
  rows[0].starts = {0, start};
  const Outcome before = outcome_of(network, rows, config);
  for (std::int32_t i = 0; i < start; ++i) {
    TokenId& id = rows[0].ids[static_cast<std::size_t>(i)];
    id = static_cast<TokenId>((id + 1) % vocabulary);
  }
  const Outcome after = outcome_of(network, rows, config);
  Leak leak{.in_logits = !at::equal(before.logits, after.logits)};
  leak.largest_logit_change = (before.logits - after.logits).abs().max().item<double>();
  for (std::size_t i = 0; i < before.gradients.size(); ++i) {
    leak.in_gradients = leak.in_gradients || !at::equal(before.gradients[i], after.gradients[i]);
  }
  return leak;
}

void move_to_device(const model::Transformer& network, const std::string& device) {
  const at::Device place = device_from(device, /*local_rank=*/0);
  prepare(place, /*deterministic=*/true);
  const at::NoGradGuard no_gradients;
  for (const auto& [name, parameter] : network.parameters()) {
    at::Tensor moved = parameter;
    moved.set_data(parameter.to(place));
  }
}

}  // namespace tpt::train
