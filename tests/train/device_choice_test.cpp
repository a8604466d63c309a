#include "train/device_choice.h"

#include "base/error.h"
#include "small_run.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tpt::train {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& word) {
  try {
    device_from(word, 0);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(DeviceChoice, WordsThatNameNoDeviceAreRefused) {
  EXPECT_TRUE(device_from("cpu", 0).is_cpu());
  EXPECT_TRUE(device_from("cpu", 7).is_cpu());
  for (const char* word : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU"}) {
    EXPECT_THAT(refusal(word), HasSubstr("allowed: auto, cpu, cuda, cuda:N")) << word;
  }
}

TEST(DeviceChoice, AGpuThatIsNotThereIsRefused) {
  if (at::hasCUDA()) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_TRUE(device_from("auto", 0).is_cpu());
  EXPECT_THAT(refusal("cuda"), HasSubstr("without CUDA"));
  EXPECT_THAT(refusal("cuda:3"), HasSubstr("without CUDA"));
}

TEST(DeviceChoice, ARunOnAGpuIsTheRunOnTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU here";
  const TemporaryFolder folder;
  write_sum_shards(folder / "shards", 200);
  Config config = small_config();
  config.train_tokens = 4000;
  config.cross_document_attention = false;
  config.device = "cpu";
  const Result on_cpu = run_quietly(config, folder / "shards", folder / "cpu");
  config.device = "cuda:0";
  const Result on_gpu = run_quietly(config, folder / "shards", folder / "gpu");
  EXPECT_NEAR(on_gpu.final_loss, on_cpu.final_loss, 1e-3 * on_cpu.final_loss);
  const Result again = run_quietly(config, folder / "shards", folder / "again");
  EXPECT_EQ(weights_of(again), weights_of(on_gpu));
  config.precision = model::Precision::bf16;
  const Result rounded = run_quietly(config, folder / "shards", folder / "bf16");
  EXPECT_NEAR(rounded.final_loss, on_cpu.final_loss, 0.05 * on_cpu.final_loss);
}

}  // namespace
}  // namespace tpt::train
