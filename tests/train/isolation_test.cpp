#include "train/isolation.h"

#include "train/batches.h"
#include "train/small_run.h"
#include "train/throughput.h"

#include <gtest/gtest.h>

namespace tpt::train {
namespace {

// Lengths on both sides of where attention changes its kernel.
TEST(Isolation, OtherTextInOneDocumentChangesNoBitOfTheNext) {
  model::Config shape = small_model();
  shape.max_positions = 2048;
  const model::Transformer network(model::resolved(shape, 272), 1);
  for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
    for (const std::int64_t positions : {9, 64, 1100}) {
      const Leak apart = probe_isolation(network, positions, precision, true, 3);
      EXPECT_FALSE(apart.in_logits) << positions;
      EXPECT_FALSE(apart.in_gradients) << positions;
      EXPECT_EQ(apart.largest_logit_change, 0.0);
    }
  }
}

TEST(Isolation, WithoutItTheProbeSeesTheLeak) {
  model::Config shape = small_model();
  shape.max_positions = 2048;
  const model::Transformer network(model::resolved(shape, 272), 1);
  for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
    for (const std::int64_t positions : {9, 64, 1100}) {
      const Leak joined = probe_isolation(network, positions, precision, false, 3);
      EXPECT_TRUE(joined.in_logits) << positions;
      EXPECT_TRUE(joined.in_gradients) << positions;
      EXPECT_GT(joined.largest_logit_change, 0.0);
    }
  }
}

TEST(Isolation, LeavesTheGradientsAsTheyWere) {
  const model::Transformer network(model::resolved(small_model(), 272), 1);
  probe_isolation(network, 16, model::Precision::fp32, true, 3);
  for (const auto& [name, parameter] : network.parameters()) {
    EXPECT_FALSE(parameter.grad().defined()) << name;
  }
}

// By hand: what each position attends to, over documents of 3 and 5 tokens and padding behind them.
TEST(Throughput, CountsTheWorkOfTheDocuments) {
  Row row;
  row.ids = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0};
  row.kinds.assign(8, Kind::document);
  row.kinds.resize(10, Kind::padding);
  row.starts = {0, 3};
  Row longer = row;
  longer.kinds.assign(10, Kind::thinking);
  longer.starts = {0};
  Config config = small_config();
  config.cross_document_attention = false;
  const Batch apart = make_batch({row, longer}, config);
  EXPECT_EQ(apart.positions, 8 + 9);
  EXPECT_EQ(apart.attended, (1 + 2 + 3) + (1 + 2 + 3 + 4 + 5) + 9 * 10 / 2);
  EXPECT_EQ(apart.targets(), 7 + 9);
  config.cross_document_attention = true;
  EXPECT_EQ(make_batch({row, longer}, config).attended, 8 * 9 / 2 + 9 * 10 / 2);

  const model::Config shape = model::resolved(small_model(), 272);
  const double width = 32, heads = 4 * 8, key = 2 * 8;
  const double layer = width * heads * 2 + width * key * 2 +
                       3 * width * static_cast<double>(shape.intermediate_size);
  const double expected = 6.0 * 17 * 2 * layer + 6.0 * 16 * width * 272 +
                          12.0 * 2 * heads * static_cast<double>(apart.attended);
  EXPECT_DOUBLE_EQ(flops_of(shape, apart), expected);
}

TEST(Throughput, APeakIsKnownByNameOrUnknown) {
  using model::Precision;
  EXPECT_EQ(peak_flops("NVIDIA H200", Precision::bf16), 989.4e12);
  EXPECT_EQ(peak_flops("NVIDIA H100 PCIe", Precision::bf16), 756.0e12);
  EXPECT_EQ(peak_flops("NVIDIA H100 80GB HBM3", Precision::bf16), 989.4e12);
  EXPECT_EQ(peak_flops("NVIDIA A100-SXM4-80GB", Precision::fp32), 19.5e12);
  EXPECT_EQ(peak_flops("NVIDIA L40S", Precision::bf16), 362e12);
  EXPECT_EQ(peak_flops("NVIDIA L4", Precision::bf16), 121e12);
  for (const char* unknown : {"NVIDIA L40", "NVIDIA A1000", "AMD Instinct MI300X", "", "GA100X"}) {
    EXPECT_FALSE(peak_flops(unknown, Precision::bf16).has_value()) << unknown;
  }
}

TEST(Throughput, TheRateOfMatrixProductsIsMeasured) {
  const double rate = measured_gemm_flops(model::Precision::fp32);
  EXPECT_GT(rate, 1e9);
  EXPECT_LT(rate, 1e15);
}

}  // namespace
}  // namespace tpt::train
