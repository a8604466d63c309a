// Layers run again in the backward pass: the same bits for less memory. And what the cross-entropy
// holds at once.
#include "base/error.h"
#include "base/random.h"
#include "model/fused_ops.h"
#include "model/transformer.h"
#include "own_process.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <malloc.h>
#include <sstream>
#include <string>

namespace tpt::model {
namespace {

Transformer network_of(std::int64_t layers, std::int64_t hidden) {
  Config config;
  config.hidden_size = hidden;
  config.num_layers = layers;
  config.num_kv_heads = 2;
  return {resolved(config, 512), 1};
}

at::Tensor some_ids(std::int64_t rows, std::int64_t positions) {
  Random random(4);
  at::Tensor ids = at::empty({rows, positions}, at::kLong);
  auto* values = ids.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < ids.numel(); ++i) {
    values[i] = static_cast<std::int64_t>(random.below(512));
  }
  return ids;
}

// The loss of next tokens; gradients land in the network's leaves.
double backward(const Transformer& network, const at::Tensor& ids, Precision precision,
                Activations activations, const at::Tensor& documents = {}) {
  for (const auto& [name, parameter] : network.parameters()) {
    at::Tensor leaf = parameter;
    leaf.mutable_grad() = at::Tensor();
  }
  const at::Tensor hidden = network.forward(ids, precision, documents, activations);
  const at::Tensor targets = ids.roll({1}).reshape({-1});
  const at::Tensor loss =
      network.token_losses(hidden.reshape({-1, hidden.size(-1)}), targets, precision).mean();
  loss.backward();
  return loss.item<double>();
}

TEST(Recompute, GivesTheSameBits) {
  const Transformer kept = network_of(3, 64);
  const Transformer again = network_of(3, 64);
  const at::Tensor ids = some_ids(2, 40);
  const at::Tensor documents = (at::arange(40) / 17).to(at::kLong).expand({2, 40}).contiguous();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const at::Tensor& apart : {at::Tensor(), documents}) {
      EXPECT_EQ(backward(kept, ids, precision, Activations::kept, apart),
                backward(again, ids, precision, Activations::recomputed, apart));
      for (std::size_t i = 0; i < kept.parameters().size(); ++i) {
        const auto& [name, parameter] = kept.parameters()[i];
        ASSERT_TRUE(again.parameters()[i].second.grad().defined()) << name;
        EXPECT_TRUE(at::equal(parameter.grad(), again.parameters()[i].second.grad())) << name;
      }
    }
  }
}

TEST(Recompute, AddsToGradientsThatAreThere) {
  const Transformer network = network_of(2, 64);
  const at::Tensor ids = some_ids(1, 16);
  backward(network, ids, Precision::fp32, Activations::recomputed);
  const at::Tensor parameter = network.parameters()[3].second;
  const at::Tensor once = parameter.grad().clone();
  const at::Tensor hidden =
      network.forward(ids, Precision::fp32, {}, Activations::recomputed).reshape({-1, 64});
  network.token_losses(hidden, ids.roll({1}).reshape({-1}), Precision::fp32).mean().backward();
  EXPECT_TRUE(at::equal(parameter.grad(), once * 2.0));
}

// Bytes beyond those in use before that the process held at most while `work` ran; 0 where the
// system does not say.
std::int64_t peak_bytes_of(const std::function<void()>& work) {
  const auto kilobytes = [](const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key)) {
        return std::stoll(line.substr(key.size()));
      }
    }
    return 0LL;
  };
  // What earlier work freed would otherwise be taken again without being counted, and what this
  // work frees would be kept in pieces: tensors' own use is measured, not the allocator's.
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  malloc_trim(0);
  // The peak starts anew from what is left: before the trim it would start too high.
  {
    std::ofstream reset("/proc/self/clear_refs");
    reset << "5";
    reset.close();
    if (!reset) return 0;
  }
  const auto before = kilobytes("VmRSS:");
  work();
  return (kilobytes("VmHWM:") - before) * 1024;
}

TEST(RecomputeSlow, TakesAFractionOfTheMemory) {
  if (!in_own_process()) return;
  const Transformer network = network_of(10, 128);
  const at::Tensor ids = some_ids(4, 512);
  const auto peak = [&](Activations activations) {
    return peak_bytes_of([&] { backward(network, ids, Precision::fp32, activations); });
  };
  backward(network, some_ids(1, 8), Precision::fp32, Activations::kept);
  const std::int64_t again = peak(Activations::recomputed);
  const std::int64_t kept = peak(Activations::kept);
  if (again == 0 || kept == 0) GTEST_SKIP() << "needs /proc/self/clear_refs";
  RecordProperty("recomputed_bytes", std::to_string(again));
  RecordProperty("kept_bytes", std::to_string(kept));
  EXPECT_LT(again, kept / 2) << again << " and " << kept;
}

// 4,096 targets of 40,000 classes are 655 MB of logits: of them 64 MiB are held at a time, thrice.
TEST(CrossEntropySlow, NeverHoldsTheLogitsOfTheBatch) {
  if (!in_own_process()) return;
  constexpr std::int64_t kTargets = 4096, kClasses = 40'000;
  const at::Tensor hidden = at::randn({kTargets, 16}).set_requires_grad(true);
  const at::Tensor weight = at::randn({kClasses, 16}).set_requires_grad(true);
  const at::Tensor targets = at::arange(kTargets);
  const std::int64_t peak = peak_bytes_of(
      [&] { cross_entropy(hidden, weight, targets, Precision::fp32).mean().backward(); });
  if (peak == 0) GTEST_SKIP() << "needs /proc/self/clear_refs";
  RecordProperty("peak_bytes", std::to_string(peak));
  EXPECT_LT(peak, kTargets * kClasses * 4 / 3) << peak;
  EXPECT_GT(peak, 1 << 24) << "something was measured";
}

}  // namespace
}  // namespace tpt::model
