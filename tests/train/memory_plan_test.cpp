// The plan of memory against what a step of training is measured to take, in a process of its own.
#include "train/memory_plan.h"

#include "model/named_shapes.h"
#include "model/transformer.h"
#include "own_process.h"
#include "pack/shard_reader.h"
#include "small_run.h"
#include "train/devices.h"
#include "train/learner.h"
#include "train/thread_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <malloc.h>
#include <string>

namespace tpt::train {
namespace {

double status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) * 1024;
  }
  return -1;
}

struct Case {
  const char* name;
  model::Config model;
  Config config;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

void take_one_step(const model::Config& model, const Config& config,
                   const pack::ShardReader& shards) {
  Ranks alone;
  Learner learner(config, model::Transformer(model, 1), shards, alone);
  learner.step();
}

// What one step takes beyond what the process held after the same step of a network that weighs
// nothing: code and buffers of libraries come with their first use.
double measured_peak(const Case& one, const std::filesystem::path& shards) {
  // Freed tensors go back to the system at once, so that the peak is that of the tensors.
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 64 << 10);
  mallopt(M_ARENA_MAX, 1);
  const ThreadScope threads(one.config.threads);
  const pack::ShardReader reader(shards);
  model::Config light = one.model;
  light.vocab_size = 304;
  light.hidden_size = 64;
  light.intermediate_size = 64;
  light.num_layers = 1;
  take_one_step(light, one.config, reader);
  malloc_trim(0);
  const double before = status_bytes("VmRSS");
  std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM starts anew
  take_one_step(one.model, one.config, reader);
  return status_bytes("VmHWM") - before;
}

class MemoryPlanSlow : public testing::TestWithParam<Case> {};

TEST_P(MemoryPlanSlow, HoldsWhatAStepIsMeasuredToTake) {
  if (!in_own_process()) return;
  const TemporaryFolder folder;
  write_sum_shards(folder / "shards", 4000);
  const double measured = measured_peak(GetParam(), folder / "shards");
  ASSERT_GT(measured, 0);
  const MemoryPlan plan = plan_memory(GetParam().model, GetParam().config, {});
  std::printf("%-28s planned %7.1f MiB, measured %7.1f MiB, ratio %.3f\n", GetParam().name,
              plan.peak / (1 << 20), measured / (1 << 20), plan.peak / measured);
  EXPECT_NEAR(plan.peak / measured, 1.0, 0.1);
}

model::Config shape(std::int64_t vocabulary, std::int64_t width, std::int64_t layers,
                    std::int64_t kv_heads, bool tied, model::Family family) {
  model::Config config{.family = family,
                       .hidden_size = width,
                       .num_layers = layers,
                       .num_heads = width / 32,
                       .num_kv_heads = kv_heads,
                       .max_positions = 4096,
                       .tie_embeddings = tied};
  config.vocab_size = vocabulary;
  return model::resolved(config, 300);
}

Config steps(std::int64_t positions, std::int64_t rows, bool recompute, model::Precision precision,
             bool isolated = false, std::int64_t threads = 1) {
  Config config;
  config.threads = threads;
  config.seq_length = positions;
  config.batch_rows = rows;
  config.recompute_layers = recompute;
  config.precision = precision;
  config.cross_document_attention = !isolated;
  config.train_tokens = 1'000'000;
  return config;
}

constexpr auto kFp32 = model::Precision::fp32;
constexpr auto kBf16 = model::Precision::bf16;
constexpr auto kLlama = model::Family::llama;

INSTANTIATE_TEST_SUITE_P(
    Shapes, MemoryPlanSlow,
    testing::Values(
        Case{"few_rows", shape(4096, 128, 4, 4, true, kLlama), steps(256, 4, false, kFp32)},
        Case{"more_rows", shape(4096, 128, 4, 4, true, kLlama), steps(256, 16, false, kFp32)},
        Case{"run_again", shape(4096, 128, 4, 4, true, kLlama), steps(256, 16, true, kFp32)},
        Case{"grouped", shape(4096, 256, 6, 2, true, kLlama), steps(512, 2, false, kFp32)},
        Case{"grouped_again", shape(4096, 256, 6, 2, true, kLlama), steps(512, 4, true, kFp32)},
        Case{"untied_isolated", shape(32768, 128, 2, 4, false, kLlama),
             steps(256, 2, false, kFp32, true)},
        Case{"qwen3", shape(1024, 256, 4, 4, true, model::Family::qwen3),
             steps(256, 4, false, kFp32)},
        Case{"qwen2_bf16", shape(1024, 256, 4, 2, true, model::Family::qwen2),
             steps(128, 4, false, kBf16)},
        Case{"bf16_again", shape(1024, 256, 4, 2, true, kLlama), steps(128, 4, true, kBf16)},
        Case{"two_lanes", shape(4096, 128, 4, 4, true, kLlama),
             steps(256, 16, false, kFp32, false, 2)},
        Case{"four_lanes_again", shape(8192, 256, 6, 2, true, kLlama),
             steps(256, 4, true, kFp32, true, 4)},
        Case{"long_row", shape(512, 128, 3, 2, true, kLlama), steps(1536, 1, false, kFp32)}),
    [](const testing::TestParamInfo<Case>& one) { return std::string(one.param.name); });

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

Config large_run() { return steps(8192, 1, true, kBf16); }

TEST(MemoryPlan, EightBillionFitEightH200WithMomentsInParts) {
  const model::Config model = model::named_shape("llama-3.1-8b");
  const double memory = known_device("h200")->memory_gib * kGib;
  const Sharing sharded{.ranks = 8, .optimizer = true, .on_gpu = true};
  const MemoryPlan plan = plan_memory(model, large_run(), sharded);
  EXPECT_LT(plan.peak, memory);
  EXPECT_DOUBLE_EQ(plan.weights, 4.0 * 8030261248);
  EXPECT_DOUBLE_EQ(plan.moments, 8030261248);
  EXPECT_GE(most_rows(model, large_run(), sharded, memory), 4);
  // With all moments on each there is room for a row or two, and none for an average.
  const Sharing whole{.ranks = 8, .optimizer = false, .on_gpu = true};
  EXPECT_LE(most_rows(model, large_run(), whole, memory), 2);
  Config with_average = large_run();
  with_average.ema_decay = 0.999;
  EXPECT_EQ(most_rows(model, with_average, whole, memory), 0);
  EXPECT_GE(most_rows(model, with_average, sharded, memory), 4);
  // Nor on eight of 80 GB.
  EXPECT_GT(plan.peak, known_device("h100")->memory_gib * kGib);
}

TEST(MemoryPlan, TheMostRowsAreTheMost) {
  const model::Config model = model::named_shape("SmolLM2-135M");
  Config config = steps(2048, 1, false, kBf16);
  const Sharing alone{.on_gpu = true};
  const double memory = known_device("rtx-4090")->memory_gib * kGib;
  const std::int64_t rows = most_rows(model, config, alone, memory);
  ASSERT_GT(rows, 1);
  config.batch_rows = rows;
  EXPECT_LE(plan_memory(model, config, alone).peak, memory);
  config.batch_rows = rows + 1;
  EXPECT_GT(plan_memory(model, config, alone).peak, memory);
}

TEST(MemoryPlan, EachOptionThatSavesMemorySaves) {
  const model::Config model = model::named_shape("qwen2.5-0.5b");
  const Config plain = steps(2048, 4, false, kBf16);
  const double peak = plan_memory(model, plain, {}).peak;
  Config other = plain;
  other.recompute_layers = true;
  EXPECT_LT(plan_memory(model, other, {}).peak, peak);
  other = plain;
  other.optimizer = OptimizerKind::muon;
  EXPECT_LT(plan_memory(model, other, {}).peak, peak);
  other = plain;
  other.ema_decay = 0.9;
  EXPECT_DOUBLE_EQ(plan_memory(model, other, {}).peak, peak + 4.0 * 494032768);
  EXPECT_LT(plan_memory(model, plain, {.ranks = 4, .optimizer = true}).peak, peak);
}

TEST(MemoryPlan, ARepeatedBlockCountsAsOftenAsItIsRun) {
  model::Config model = shape(1024, 256, 4, 4, true, kLlama);
  const double once = plan_memory(model, steps(256, 4, false, kFp32), {}).activations;
  model.recurrence = {.first_layer = 1, .num_layers = 2, .mean_repeats = 4};
  const double often = plan_memory(model, steps(256, 4, false, kFp32), {}).activations;
  EXPECT_GT(often, 3 * once);
}

}  // namespace
}  // namespace tpt::train
