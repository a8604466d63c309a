#include "model/matrix_product.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <tuple>

namespace tpt::model {
namespace {

using Product = void (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, bool);

class MatrixProduct : public testing::TestWithParam<Product> {};

// Each matrix as it is and turned; shapes on both sides of every block's edge, and a sum of none.
TEST_P(MatrixProduct, IsTheSumOfProducts) {
  at::manual_seed(11);
  for (const auto& [m, k, n] :
       std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{{1, 1, 1},
                                                                         {12, 32, 32},
                                                                         {13, 33, 31},
                                                                         {97, 385, 65},
                                                                         {200, 770, 704},
                                                                         {5, 0, 7},
                                                                         {0, 3, 4},
                                                                         {24, 40, 9000}}) {
    SCOPED_TRACE(testing::Message() << m << " " << k << " " << n);
    for (const bool left_turned : {false, true}) {
      for (const bool right_turned : {false, true}) {
        const at::Tensor left = left_turned ? at::randn({k, m}).t() : at::randn({m, k});
        const at::Tensor right = right_turned ? at::randn({n, k}).t() : at::randn({k, n});
        const at::Tensor wanted = left.to(at::kDouble).mm(right.to(at::kDouble));
        // Wider than the product: what stands beside it stays.
        const at::Tensor room = at::full({m, n + 3}, 7.0F);
        const at::Tensor out = room.narrow(1, 0, n);
        GetParam()(left, right, out, false);
        EXPECT_TRUE(at::allclose(out.to(at::kDouble), wanted, 1e-5, 1e-4));
        GetParam()(left, right, out, true);
        EXPECT_TRUE(at::allclose(out.to(at::kDouble), 2 * wanted, 1e-5, 2e-4));
        EXPECT_TRUE(room.narrow(1, n, 3).eq(7.0F).all().item<bool>());
      }
    }
  }
}

TEST_P(MatrixProduct, KeepsNumbersThatAreNone) {
  const at::Tensor left = at::zeros({3, 4}), right = at::ones({4, 40}), out = at::empty({3, 40});
  left[1][2] = std::numeric_limits<float>::quiet_NaN();
  GetParam()(left, right, out, false);
  EXPECT_TRUE(out[1].isnan().all().item<bool>());
  EXPECT_TRUE(out[0].eq(0).all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Both, MatrixProduct, testing::Values(multiply, multiply_by_tiles),
                         [](const auto& chosen) {
                           return chosen.param == multiply_by_tiles ? "tiles" : "chosen";
                         });

TEST(TilesOfMatrices, GiveTheSameBitsToAnyCountOfThreads) {
  at::manual_seed(12);
  const at::Tensor left = at::randn({301, 500}), right = at::randn({500, 333});
  const int before = at::get_num_threads();
  std::vector<at::Tensor> results;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    results.push_back(at::empty({301, 333}));
    multiply_by_tiles(left, right, results.back(), false);
  }
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(results[0], results[1]));
  EXPECT_TRUE(at::equal(results[0], results[2]));
}

TEST(TilesOfMatrices, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(multiply_by_tiles(at::ones({2, 3}), at::ones({4, 5}), at::empty({2, 5}), false),
               Error);
}

}  // namespace
}  // namespace tpt::model
