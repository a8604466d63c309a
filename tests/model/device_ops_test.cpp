// The operations that a GPU runs, here on the CPU: against the program's own loops over rows.
#include "model/device_ops.h"

#include "model/fused_ops.h"
#include "model/row_passes.h"
#include "model/transformer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tpt::model {
namespace {

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType type = at::kFloat) {
  return at::randn(shape).to(type).set_requires_grad(true);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor scale = b.abs().max().clamp_min(1e-6);
  return ((a.to(at::kFloat) - b.to(at::kFloat)).abs().max() / scale).item<double>();
}

// Both with the gradients of the same random weights; then the leaves' gradients are compared.
void expect_same(const at::Tensor& ours, const at::Tensor& theirs,
                 const std::vector<std::pair<at::Tensor, at::Tensor>>& leaves, double tolerance) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_LT(largest_difference(ours, theirs), tolerance);
  const at::Tensor weights = at::randn(ours.sizes());
  (ours.to(at::kFloat) * weights).sum().backward();
  (theirs.to(at::kFloat) * weights).sum().backward();
  for (const auto& [one, other] : leaves) {
    EXPECT_LT(largest_difference(one.grad(), other.grad()), tolerance);
  }
}

at::Tensor twin(const at::Tensor& x) { return x.detach().clone().set_requires_grad(true); }

TEST(DeviceOps, NormsAsTheLoopsDo) {
  const at::Tensor x = leaf({2, 5, 48}), weight = leaf({48});
  const at::Tensor x2 = twin(x), weight2 = twin(weight);
  expect_same(device_rms_norm(x, weight, 1e-5, at::kFloat), rms_norm(x2, weight2, 1e-5),
              {{x, x2}, {weight, weight2}}, 1e-5);
}

TEST(DeviceOps, NormsHeadsAsTheLoopsDo) {
  const at::Tensor qkv = leaf({1, 7, 8 * 16}), query = leaf({16}), key = leaf({16});
  const at::Tensor qkv2 = twin(qkv), query2 = twin(query), key2 = twin(key);
  expect_same(device_norm_heads(qkv.flatten(0, 1), query, key, 4, 2, 1e-6).view({1, 7, -1}),
              norm_heads(qkv2, query2, key2, 4, 2, 1e-6),
              {{qkv, qkv2}, {query, query2}, {key, key2}}, 1e-5);
}

TEST(DeviceOps, GatesAsTheLoopsDo) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = leaf({3, 4, 64}, type), grad = at::randn({3, 4, 32}).to(type);
    const at::Tensor out = device_swiglu(x);
    out.backward(grad);
    const at::Tensor wide = x.detach().to(at::kFloat);
    const double tolerance = type == at::kFloat ? 1e-5 : 2e-2;
    EXPECT_LT(largest_difference(out, gate_pass(wide)), tolerance);
    EXPECT_LT(largest_difference(x.grad(), gate_pass_backward(grad.to(at::kFloat), wide)),
              tolerance);
  }
}

// torch's own formula, rounded where the kernel rounds: once, at the end.
TEST(GpuKernels, GateAsTorchDoes) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = (at::randn({37, 2 * 53}) * 4).to(type).set_requires_grad(true);
    const at::Tensor wide = x.detach().to(at::kFloat).set_requires_grad(true);
    const auto parts = wide.chunk(2, -1);
    const at::Tensor expected = at::silu(parts[0]) * parts[1];
    const at::Tensor out = device_swiglu(x);
    const at::Tensor grad = at::randn(out.sizes()).to(type);
    out.backward(grad);
    expected.backward(grad.to(at::kFloat));
    const double tolerance = type == at::kFloat ? 1e-6 : 4e-3;
    EXPECT_EQ(out.scalar_type(), type);
    EXPECT_LT(largest_difference(out, expected), tolerance);
    EXPECT_LT(largest_difference(x.grad(), wide.grad()), tolerance);
    if (type == at::kBFloat16) {
      const at::Tensor same = out.eq(expected.to(type)).to(at::kFloat).mean();
      EXPECT_GT(same.item<double>(), 0.999) << "rounded otherwise than torch does";
    }
  }
}

TEST(GpuKernels, RoundAsTorchDoes) {
  const at::Tensor gate = at::tensor({1e30F, -1e30F, 90.0F, -90.0F, 0.0F, INFINITY, NAN, 1.0F});
  const at::Tensor up = at::tensor({1.0F, 1.0F, 1e-40F, 1.0F, -2.0F, 1.0F, 1.0F, 3.4e38F});
  const at::Tensor out = device_swiglu(at::cat({gate, up}).to(at::kBFloat16).view({1, 16}));
  const at::Tensor wide = at::cat({gate, up}).to(at::kBFloat16).to(at::kFloat);
  const at::Tensor expected =
      (at::silu(wide.narrow(0, 0, 8)) * wide.narrow(0, 8, 8)).to(at::kBFloat16);
  EXPECT_TRUE(
      at::allclose(out.flatten().to(at::kFloat), expected.to(at::kFloat), 1e-2, 1e-35, true))
      << out << expected;
}

TEST(GpuKernels, TurnHeadsAsTorchDoes) {
  constexpr std::int64_t kHeads = 5, kKvHeads = 2, kFloats = 12, kPositions = 21;
  const RotaryTables tables = rotary_tables(kPositions, kFloats, 10000.0);
  const at::Tensor position = at::arange(kPositions).flip(0);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor qkv =
        at::randn({kPositions, (kHeads + 2 * kKvHeads) * kFloats}).to(type).set_requires_grad(true);
    const at::Tensor wide = qkv.detach().to(at::kFloat).set_requires_grad(true);
    const RotaryTables rotary = rotary_of(tables, position);
    const at::Tensor heads = wide.view({kPositions, -1, kFloats});
    const auto turned = [&](const at::Tensor& x) {
      const auto halves = x.chunk(2, -1);
      const at::Tensor c = rotary.cosines.unsqueeze(1), s = rotary.sines.unsqueeze(1);
      return at::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
    };
    const at::Tensor expected = at::cat({turned(heads.narrow(1, 0, kHeads + kKvHeads)),
                                         heads.narrow(1, kHeads + kKvHeads, kKvHeads)},
                                        1);
    const auto [query, key, value] = device_split_heads_rotary(qkv, rotary, kHeads, kKvHeads);
    const at::Tensor out = at::cat({query, key, value}, 1);
    const at::Tensor grad = at::randn(out.sizes()).to(type);
    out.backward(grad);
    expected.backward(grad.to(at::kFloat));
    const double tolerance = type == at::kFloat ? 1e-6 : 4e-3;
    EXPECT_LT(largest_difference(out, expected), tolerance);
    EXPECT_LT(largest_difference(qkv.grad(), wide.grad()), tolerance);
    EXPECT_TRUE(at::equal(
        value,
        qkv.detach().view({kPositions, -1, kFloats}).narrow(1, kHeads + kKvHeads, kKvHeads)));
  }
}

at::Tensor documents() {
  return at::tensor({1, 1, 1, 2, 2, 2, 2, 3, 1, 1, 2, 2, 2, 3, 3, 3}, at::kLong).view({2, 8});
}

TEST(DeviceOps, SpansAreThoseOfTheDocuments) {
  const Spans spans = spans_of(documents(), 2, 8, at::kCPU);
  EXPECT_EQ(spans.on_host, (std::vector<std::int64_t>{0, 3, 7, 8, 10, 13, 16}));
  EXPECT_EQ(spans.longest, 4);
  EXPECT_EQ(spans.starts.scalar_type(), at::kInt);
  EXPECT_TRUE(at::equal(spans.position_N,
                        at::tensor({0, 1, 2, 0, 1, 2, 3, 0, 0, 1, 0, 1, 2, 0, 1, 2}, at::kLong)));
  const Spans rows = spans_of({}, 3, 4, at::kCPU);
  EXPECT_EQ(rows.on_host, (std::vector<std::int64_t>{0, 4, 8, 12}));
  EXPECT_EQ(rows.longest, 4);
}

// Joined as [N, h n] against [b, t, h n].
TEST(DeviceOps, TurnsAndAttendsAsTheLoopsDo) {
  constexpr std::int64_t kHeads = 4, kKvHeads = 2, kFloats = 16;
  const RotaryTables tables = rotary_tables(8, kFloats, 10000.0);
  for (const bool isolated : {false, true}) {
    const at::Tensor qkv = leaf({2, 8, (kHeads + 2 * kKvHeads) * kFloats});
    const at::Tensor qkv2 = twin(qkv);
    const Spans spans = spans_of(isolated ? documents() : at::Tensor(), 2, 8, at::kCPU);
    const auto [query, key, value] = device_split_heads_rotary(
        qkv.flatten(0, 1), rotary_of(tables, spans.position_N), kHeads, kKvHeads);
    const at::Tensor ours = device_attention(query, key, value, spans).view({2, 8, -1});
    const at::Tensor position = spans.position_N.view({2, 8});
    const auto [query2, key2, value2] =
        split_heads_rotary(qkv2, position, tables, kHeads, kKvHeads);
    const at::Tensor first = isolated ? at::arange(8) - position : at::Tensor();
    expect_same(ours, causal_attention(query2, key2, value2, first), {{qkv, qkv2}}, 1e-5);
  }
}

TEST(DeviceOps, LossesAndTheirGradientsInPieces) {
  // 70 000 rows of 300 are more logits than one piece.
  for (const std::int64_t n : {9, 70000}) {
    const at::Tensor hidden = leaf({n, 8}), weight = leaf({300, 8});
    const at::Tensor hidden2 = twin(hidden), weight2 = twin(weight);
    const at::Tensor targets = at::randint(300, {n}, at::kLong);
    expect_same(device_cross_entropy(hidden, weight, targets, false),
                cross_entropy(hidden2, weight2, targets, Precision::fp32),
                {{hidden, hidden2}, {weight, weight2}}, 1e-4);
  }
}

Config shape(Family family, bool tied) {
  Config config{.family = family,
                .hidden_size = 64,
                .num_layers = 3,
                .num_heads = 4,
                .num_kv_heads = 2,
                .tie_embeddings = tied};
  return resolved(config, 96);
}

struct Outcome {
  at::Tensor losses;
  std::vector<at::Tensor> gradients;
};

Outcome outcome(const Transformer& network, const at::Tensor& document_bt, Precision precision,
                Activations activations) {
  const at::Tensor ids = (at::arange(16) * 37).remainder(96).view({2, 8});
  const at::Tensor hidden = network.forward(ids, precision, document_bt, activations);
  const at::Tensor losses =
      network.token_losses(hidden.flatten(0, 1), (at::arange(16) * 11).remainder(96), precision);
  losses.sum().backward();
  Outcome result{.losses = losses.detach(), .gradients = {}};
  for (const auto& [name, parameter] : network.parameters()) {
    result.gradients.push_back(parameter.grad().clone());
    at::Tensor again = parameter;
    again.mutable_grad() = at::Tensor();
  }
  return result;
}

double largest_difference(const Outcome& a, const Outcome& b) {
  double largest = largest_difference(a.losses, b.losses);
  for (std::size_t i = 0; i < a.gradients.size(); ++i) {
    largest = std::max(largest, largest_difference(a.gradients[i], b.gradients[i]));
  }
  return largest;
}

TEST(DeviceLayers, AreTheNetworkOfTheLoops) {
  for (const auto& [family, tied] :
       {std::pair(Family::llama, true), {Family::qwen2, false}, {Family::qwen3, true}}) {
    Transformer network(shape(family, tied), 7);
    for (const at::Tensor& document_bt : {at::Tensor(), documents()}) {
      network.use(Kernels::rows);
      const Outcome rows = outcome(network, document_bt, Precision::fp32, Activations::kept);
      const Outcome rows_bf16 = outcome(network, document_bt, Precision::bf16, Activations::kept);
      network.use(Kernels::torch);
      const Outcome kept = outcome(network, document_bt, Precision::fp32, Activations::kept);
      EXPECT_LT(largest_difference(kept, rows), 2e-5);
      const Outcome again = outcome(network, document_bt, Precision::fp32, Activations::recomputed);
      EXPECT_EQ(largest_difference(again, kept), 0.0);
      const Outcome bf16 = outcome(network, document_bt, Precision::bf16, Activations::kept);
      EXPECT_LT(largest_difference(bf16, rows_bf16), 3e-2);
      EXPECT_GT(largest_difference(bf16, kept), 1e-4) << "bf16 is not used";
    }
  }
}

// Other text in one document changes no bit of the next one's.
TEST(DeviceLayers, KeepDocumentsApart) {
  Transformer network(shape(Family::llama, true), 7);
  network.use(Kernels::torch);
  const at::NoGradGuard no_gradients;
  at::Tensor ids = (at::arange(16) * 37).remainder(96).view({2, 8});
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const at::Tensor before = network.forward(ids, precision, documents());
    const at::Tensor other = ids.clone();
    other.narrow(1, 0, 2).add_(1);
    const at::Tensor after = network.forward(other, precision, documents());
    EXPECT_TRUE(at::equal(before.select(0, 0).narrow(0, 3, 5), after.select(0, 0).narrow(0, 3, 5)));
    EXPECT_FALSE(
        at::equal(before.select(0, 0).narrow(0, 0, 3), after.select(0, 0).narrow(0, 0, 3)));
    const at::Tensor joined = network.forward(other, precision);
    EXPECT_FALSE(
        at::equal(joined.select(0, 0).narrow(0, 3, 5), after.select(0, 0).narrow(0, 3, 5)));
  }
}

}  // namespace
}  // namespace tpt::model
