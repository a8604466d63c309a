#include "model/matrix_product.h"

#include "base/error.h"
#include "model/bf16_pairs.h"
#include "model/block_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <tuple>
#include <vector>

namespace tpt::model {
namespace {

using Product = void (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, bool);

void multiply_chosen(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                     bool add) {
  multiply(left, right, out, add);
}

at::Tensor rounded(const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kFloat); }

struct Way {
  const char* name;
  Product product;
  bool bf16;
};

class MatrixProduct : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (GetParam().product == multiply_by_pairs && !can_multiply_by_pairs()) {
      GTEST_SKIP() << "this machine has no instruction for pairs of bf16";
    }
  }
  static void run(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                  bool add) {
    GetParam().product(left, right, out, add);
  }
};

// Each matrix as it is and turned; shapes on both sides of every block's edge, and a sum of none.
TEST_P(MatrixProduct, IsTheSumOfProducts) {
  at::manual_seed(11);
  for (const auto& [m, k, n] :
       std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{{1, 1, 1},
                                                                         {12, 32, 32},
                                                                         {13, 33, 31},
                                                                         {97, 385, 65},
                                                                         {30, 769, 70},
                                                                         {200, 770, 704},
                                                                         {25, 1537, 40},
                                                                         {5, 0, 7},
                                                                         {0, 3, 4},
                                                                         {24, 40, 9000}}) {
    SCOPED_TRACE(testing::Message() << m << " " << k << " " << n);
    for (const bool left_turned : {false, true}) {
      for (const bool right_turned : {false, true}) {
        const at::Tensor left = left_turned ? at::randn({k, m}).t() : at::randn({m, k});
        const at::Tensor right = right_turned ? at::randn({n, k}).t() : at::randn({k, n});
        const auto factor = [](const at::Tensor& x) {
          return (GetParam().bf16 ? rounded(x) : x).to(at::kDouble);
        };
        const at::Tensor wanted = factor(left).mm(factor(right));
        // Wider than the product: what stands beside it stays.
        const at::Tensor room = at::full({m, n + 3}, 7.0F);
        const at::Tensor out = room.narrow(1, 0, n);
        run(left, right, out, false);
        EXPECT_TRUE(at::allclose(out.to(at::kDouble), wanted, 1e-5, 1e-4));
        run(left, right, out, true);
        EXPECT_TRUE(at::allclose(out.to(at::kDouble), 2 * wanted, 1e-5, 2e-4));
        EXPECT_TRUE(room.narrow(1, n, 3).eq(7.0F).all().item<bool>());
      }
    }
  }
}

TEST_P(MatrixProduct, KeepsNumbersThatAreNone) {
  const at::Tensor left = at::zeros({3, 4}), right = at::ones({4, 40}), out = at::empty({3, 40});
  left[1][2] = std::numeric_limits<float>::quiet_NaN();
  run(left, right, out, false);
  EXPECT_TRUE(out[1].isnan().all().item<bool>());
  EXPECT_TRUE(out[0].eq(0).all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(All, MatrixProduct,
                         testing::Values(Way{"chosen", multiply_chosen, false},
                                         Way{"tiles", multiply_by_tiles, false},
                                         Way{"rounded", multiply_rounded_by_tiles, true},
                                         Way{"pairs", multiply_by_pairs, true}),
                         [](const auto& way) { return way.param.name; });

// Ties, the largest numbers, infinities, and numbers whose bits are all in what is cut off.
TEST(Bf16Rounding, IsTorchs) {
  std::vector<float> values{0.0F,
                            -0.0F,
                            std::bit_cast<float>(0x3f808000U),
                            std::bit_cast<float>(0x3f818000U),
                            std::bit_cast<float>(0x3f808001U),
                            std::bit_cast<float>(0x7f7fffffU),
                            std::bit_cast<float>(0x7f800000U),
                            std::bit_cast<float>(0xff800000U),
                            std::bit_cast<float>(0x7f800001U),
                            std::bit_cast<float>(0xffffffffU),
                            std::bit_cast<float>(0x00000001U)};
  at::manual_seed(13);
  const at::Tensor random = at::randn({1001}) * at::exp(at::randn({1001}) * 20);
  values.insert(values.end(), random.const_data_ptr<float>(),
                random.const_data_ptr<float>() + 1001);
  const at::Tensor ours = at::tensor(values);
  const at::Tensor wanted = rounded(ours);
  round_to_bf16(ours.mutable_data_ptr<float>(), ours.numel());
  EXPECT_TRUE(at::equal(ours.isnan(), wanted.isnan()));
  EXPECT_TRUE(at::equal(ours.nan_to_num(1), wanted.nan_to_num(1)));
}

TEST(Bf16Product, IsWithinItsRoundingOfTheSum) {
  at::manual_seed(14);
  const at::Tensor left = at::randn({50, 300}), right = at::randn({300, 60});
  const at::Tensor out = at::empty({50, 60});
  multiply(left, right, out, /*add=*/false, Precision::bf16);
  const at::Tensor wanted = rounded(left).mm(rounded(right));
  EXPECT_TRUE(at::allclose(out, wanted, 5e-3, 5e-3));
  EXPECT_FALSE(at::allclose(out, left.mm(right), 1e-5, 1e-5)) << "nothing was rounded";
  multiply(left, right, out, /*add=*/true, Precision::bf16);
  EXPECT_TRUE(at::allclose(out, 2 * wanted, 5e-3, 1e-2));
}

TEST(TilesOfMatrices, GiveTheSameBitsToAnyCountOfThreads) {
  at::manual_seed(12);
  const at::Tensor left = at::randn({301, 500}), right = at::randn({500, 333});
  const int before = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (const Product product : {multiply_by_tiles, multiply_rounded_by_tiles, multiply_by_pairs}) {
    if (product == multiply_by_pairs && !can_multiply_by_pairs()) continue;
    results.clear();
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      results.push_back(at::empty({301, 333}));
      product(left, right, results.back(), false);
    }
    EXPECT_TRUE(at::equal(results[0], results[1]));
    EXPECT_TRUE(at::equal(results[0], results[2]));
  }
  at::set_num_threads(before);
}

TEST(TilesOfMatrices, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(multiply_by_tiles(at::ones({2, 3}), at::ones({4, 5}), at::empty({2, 5}), false),
               Error);
}

}  // namespace
}  // namespace tpt::model
