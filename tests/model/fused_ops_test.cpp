// Each fused operation against its plain formula, with gradients.
#include "model/fused_ops.h"

#include "against_formula.h"
#include "base/error.h"
#include "base/random.h"
#include "model/decoder_rows.h"
#include "model/row_passes.h"
#include "model/tile_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

namespace tpt::model {
namespace {

// ATen's loops are templates that stay on one thread where our code is compiled without OpenMP.
TEST(FusedOpsTest, LoopsRunOnAllThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  at::parallel_for(0, 2, 1, [&](std::int64_t, std::int64_t) {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  at::set_num_threads(before);
  EXPECT_EQ(threads.size(), 2U);
}

TEST(FusedOpsTest, EveryTileProductIsTheSame) {
  constexpr std::int64_t kIn = 19, kTileRows = 23, kStride = 150;
  Random random(5);
  const auto numbers = [&](std::int64_t count) {
    std::vector<float> all(static_cast<std::size_t>(count));
    for (float& one : all) one = static_cast<float>(random.uniform() - 0.5);
    return all;
  };
  const std::vector<float> x = numbers(kStride * kStride);
  const std::vector<float> tiles = numbers(4 * kTile * kTileRows);
  const std::vector<float> start = numbers(kRows * kStride);
  for (const TileProduct product :
       {portable_tile_product(), avx2_tile_product(), avx512_tile_product()}) {
    if (product == nullptr || (product == avx2_tile_product() && !__builtin_cpu_supports("avx2")) ||
        (product == avx512_tile_product() && !__builtin_cpu_supports("avx512f"))) {
      continue;
    }
    for (const std::int64_t columns : {1, 7, 8, 16, 31, 32, 40, 64, 100}) {
      for (const std::int64_t rows : {1, 3, 4}) {
        for (const bool add : {false, true}) {
          for (const auto& [row_stride, in_stride] :
               {std::pair{kStride, std::int64_t{1}}, std::pair{std::int64_t{1}, kStride}}) {
            std::vector<float> y = start;
            product(x.data(), row_stride, in_stride, kIn, tiles.data(), kTileRows, y.data(),
                    kStride, columns, rows, add);
            for (std::int64_t r = 0; r < kRows; ++r) {
              for (std::int64_t c = 0; c < kStride; ++c) {
                const auto at = static_cast<std::size_t>(r * kStride + c);
                double wanted = start[at];
                if (r < rows && c < columns) {
                  wanted = add ? wanted : 0.0;
                  for (std::int64_t i = 0; i < kIn; ++i) {
                    wanted += static_cast<double>(
                                  x[static_cast<std::size_t>(r * row_stride + i * in_stride)]) *
                              tiles[static_cast<std::size_t>(c / kTile * kTile * kTileRows +
                                                             i * kTile + c % kTile)];
                  }
                }
                ASSERT_NEAR(y[at], wanted, 1e-5)
                    << rows << " x " << columns << " at " << r << ", " << c;
              }
            }
          }
        }
      }
    }
  }
  EXPECT_NE(tile_product(), nullptr);
}

TEST(FusedOpsTest, RmsNorm) {
  at::manual_seed(1);
  for (const std::int64_t d : {1, 7, 16, 128, 131}) {
    SCOPED_TRACE(d);
    expect_same([](const Inputs& in) { return rms_norm(in[0], in[1], 1e-5); },
                [](const Inputs& in) {
                  return in[0] * (in[0].square().mean(-1, true) + 1e-5).rsqrt() * in[1];
                },
                {leaf({3, 700, d}, 3.0), leaf({d})});
  }
}

TEST(FusedOpsTest, Gate) {
  at::manual_seed(2);
  for (const std::int64_t f : {1, 15, 64, 352}) {
    SCOPED_TRACE(f);
    const at::Tensor gate_up = leaf({5, 300, 2 * f}, 4.0);
    const auto parts = gate_up.chunk(2, -1);
    const at::Tensor wanted = at::silu(parts[0]) * parts[1], grad = at::randn(wanted.sizes());
    wanted.backward(grad);
    const at::Tensor x = gate_up.detach();
    EXPECT_TRUE(at::allclose(gate_pass(x), wanted, 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(gate_pass_backward(grad, x), gate_up.grad(), 1e-5, 1e-5));
  }
  const at::Tensor far = at::tensor({-500.0F, 500.0F, -90.0F, 90.0F, 1.0F, 2.0F, 3.0F, 4.0F});
  const at::Tensor out = gate_pass(far.reshape({1, 8}));
  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
  EXPECT_FLOAT_EQ(out[0][1].item<float>(), 1000.0F);
  EXPECT_NEAR(out[0][0].item<double>(), 0, 1e-30);
}

TEST(FusedOpsTest, CrossEntropyInOnePieceAndInMany) {
  at::manual_seed(3);
  // 2^24 logits are one piece: 300 rows of 70,000 are two.
  for (const auto& [n, v] :
       {std::pair<std::int64_t, std::int64_t>{40, 272}, {1, 3}, {300, 70000}}) {
    SCOPED_TRACE(v);
    const at::Tensor targets = at::randint(v, {n}, at::kLong);
    expect_same(
        [&](const Inputs& in) { return cross_entropy(in[0], in[1], targets, Precision::fp32); },
        [&](const Inputs& in) {
          return at::cross_entropy_loss(at::mm(in[0], in[1].t()), targets, {}, 0);
        },
        {leaf({n, 12}), leaf({v, 12})});
  }
}

// The loss times 3: as where it is one of several.
TEST(FusedOpsTest, WeightedLoss) {
  at::manual_seed(3);
  for (const auto& [n, v] :
       {std::pair<std::int64_t, std::int64_t>{40, 272}, {1, 3}, {300, 70000}}) {
    SCOPED_TRACE(v);
    const at::Tensor targets = at::randint(v, {n}, at::kLong);
    const at::Tensor coefficients = at::rand({n});
    expect_same(
        [&](const Inputs& in) {
          return 3.0 * weighted_loss(in[0], in[1], targets, coefficients, Precision::fp32).sum;
        },
        [&](const Inputs& in) {
          const at::Tensor losses =
              at::cross_entropy_loss(at::mm(in[0], in[1].t()), targets, {}, 0);
          return 3.0 * at::dot(losses, coefficients.to(losses.scalar_type()));
        },
        {leaf({n, 12}), leaf({v, 12})});
  }
}

TEST(FusedOpsTest, WeightedLossGivesTheLossesOfCrossEntropy) {
  const at::Tensor hidden = leaf({50, 12}), weight = leaf({300, 12});
  const at::Tensor targets = at::randint(300, {50}, at::kLong);
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const WeightedLoss loss = weighted_loss(hidden, weight, targets, at::ones({50}), precision);
    EXPECT_TRUE(at::equal(loss.losses_n, cross_entropy(hidden, weight, targets, precision)));
    EXPECT_FALSE(loss.losses_n.requires_grad());
  }
}

TEST(FusedOpsTest, CrossEntropyRefusesTargetsThatAreNoClass) {
  const at::Tensor hidden = at::randn({2, 4});
  const at::Tensor weight = at::randn({5, 4});
  for (const std::int64_t target : {-1, -100, 5, 1 << 30}) {
    EXPECT_THROW(
        cross_entropy(hidden, weight, at::tensor({std::int64_t{0}, target}), Precision::fp32),
        Error);
  }
  EXPECT_THROW(cross_entropy(hidden, weight, at::tensor({std::int64_t{0}}), Precision::fp32),
               Error);
}

TEST(FusedOpsTest, NotANumberStaysOne) {
  const at::Tensor hidden = at::full({1, 4}, std::numeric_limits<float>::quiet_NaN());
  const at::Tensor loss =
      cross_entropy(hidden, at::randn({40, 4}), at::tensor({std::int64_t{0}}), Precision::fp32);
  EXPECT_FALSE(at::isfinite(loss).any().item<bool>());
}

TEST(FusedOpsTest, SplitHeadsRotary) {
  at::manual_seed(4);
  const std::int64_t b = 2, t = 70, heads = 4, kv = 2, n = 6;
  const RotaryTables tables = rotary_tables(100, n, 10000.0);
  const at::Tensor positions = at::randint(100, {b, t}, at::kLong);
  const auto plain = [&](const Inputs& in) {
    const at::Tensor split = in[0].reshape({b, t, heads + 2 * kv, n}).transpose(1, 2);
    const auto cosine = tables.cosines.index_select(0, positions.flatten())
                            .reshape({b, 1, t, n / 2})
                            .to(at::kDouble);
    const auto sine =
        tables.sines.index_select(0, positions.flatten()).reshape({b, 1, t, n / 2}).to(at::kDouble);
    const auto halves = split.narrow(1, 0, heads + kv).chunk(2, -1);
    const at::Tensor turned =
        at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine}, -1);
    return at::cat({turned, split.narrow(1, heads + kv, kv)}, 1);
  };
  expect_same(
      [&](const Inputs& in) {
        const auto [query, key, value] = split_heads_rotary(in[0], positions, tables, heads, kv);
        return at::cat({query, key, value}, 1);
      },
      plain, {leaf({b, t, (heads + 2 * kv) * n})});
}

TEST(FusedOpsTest, NormHeads) {
  at::manual_seed(6);
  // 700 positions are several of the pieces that the gradients of the weights are summed in.
  for (const auto& [heads, kv, n] :
       {std::array<std::int64_t, 3>{4, 2, 16}, {1, 1, 6}, {6, 3, 33}}) {
    SCOPED_TRACE(n);
    const auto plain = [heads = heads, kv = kv, n = n](const Inputs& in) {
      const at::Tensor split = in[0].reshape({2, 350, heads + 2 * kv, n});
      const auto normed = [&](std::int64_t first, std::int64_t count, const at::Tensor& weight) {
        const at::Tensor x = split.narrow(2, first, count);
        return x * (x.square().mean(-1, true) + 1e-6).rsqrt() * weight;
      };
      return at::cat({normed(0, heads, in[1]), normed(heads, kv, in[2]),
                      split.narrow(2, heads + kv, kv)},
                     2)
          .flatten(2);
    };
    expect_same([heads = heads, kv = kv](
                    const Inputs& in) { return norm_heads(in[0], in[1], in[2], heads, kv, 1e-6); },
                plain, {leaf({2, 350, (heads + 2 * kv) * n}, 3.0), leaf({n}), leaf({n})});
  }
}

TEST(FusedOpsTest, CausalAttention) {
  at::manual_seed(5);
  struct Case {
    std::int64_t heads, kv_heads, t, n;
    bool documents;
  };
  for (const Case& one :
       {Case{4, 4, 128, 32, false}, Case{4, 2, 61, 24, true}, Case{3, 1, 1, 2, false},
        Case{2, 1, 97, 64, true}, Case{2, 2, 33, 70, false}}) {
    SCOPED_TRACE(fmt::format("{} positions, {} a head", one.t, one.n));
    const auto count = at::arange(one.t);
    at::Tensor first;
    at::Tensor mask = at::ones({one.t, one.t}, at::kBool).tril();
    if (one.documents) {
      first = count.div(13, "floor").mul(13).expand({2, one.t});
      mask = mask.logical_and(count.ge(first[0].unsqueeze(1)));
    }
    expect_same(
        [&](const Inputs& in) { return causal_attention(in[0], in[1], in[2], first); },
        [&](const Inputs& in) {
          const std::int64_t share = one.heads / one.kv_heads;
          const at::Tensor scores =
              at::matmul(in[0], in[1].repeat_interleave(share, 1).transpose(2, 3)) /
              std::sqrt(static_cast<double>(one.n));
          const at::Tensor weights = scores.masked_fill(mask.logical_not(), -INFINITY).softmax(-1);
          return at::matmul(weights, in[2].repeat_interleave(share, 1)).transpose(1, 2).flatten(2);
        },
        {leaf({2, one.heads, one.t, one.n}), leaf({2, one.kv_heads, one.t, one.n}),
         leaf({2, one.kv_heads, one.t, one.n})});
  }
}

TEST(FusedOpsTest, RotaryTablesGrowToTheSameNumbers) {
  Config config;
  config.head_dim = 32;
  config.max_positions = 1 << 24;  // 2 GiB of tables, were they made at once
  GrowingRotaryTables growing(config);
  growing.reaching(3);
  const RotaryTables grown = growing.reaching(50);
  EXPECT_LT(grown.cosines.size(0), 1000);
  const RotaryTables whole = rotary_tables(50, 32, config.rope_theta);
  EXPECT_TRUE(at::equal(grown.sines.narrow(0, 0, 50), whole.sines));
  EXPECT_TRUE(at::equal(grown.cosines.narrow(0, 0, 50), whole.cosines));
  config.max_positions = 8;
  EXPECT_THROW(GrowingRotaryTables(config).reaching(9), Error);
}

TEST(DecoderRowsTest, AttentionOfOneHead) {
  at::manual_seed(6);
  const std::int64_t t = 21, n = 20, stride = 2 * n;
  const at::Tensor query = at::randn({n});
  const at::Tensor keys = at::randn({t, stride});
  const at::Tensor values = at::randn({t, stride});
  std::vector<float> weights(t);
  const at::Tensor got = at::empty({n});
  attend_head(query.const_data_ptr<float>(), keys.const_data_ptr<float>() + n,
              values.const_data_ptr<float>() + n, weights.data(), got.mutable_data_ptr<float>(), t,
              stride, n);
  const at::Tensor scores = at::mv(keys.narrow(1, n, n), query) / std::sqrt(static_cast<double>(n));
  const at::Tensor wanted = at::mv(values.narrow(1, n, n).t(), at::softmax(scores, 0));
  EXPECT_LT((got - wanted).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace tpt::model
