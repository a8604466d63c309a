#include "train/flat_layout.h"

#include "train/small_run.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace tpt::train {
namespace {

model::NamedTensors parameters_of_a_model() {
  return model::Transformer(model::resolved(small_model(), 300), 1).parameters();
}

Config config_of(bool is_sharded, OptimizerKind kind, double bucket_mib) {
  Config config;
  config.shard_optimizer = is_sharded;
  config.optimizer = kind;
  config.bucket_mib = bucket_mib;
  return config;
}

// The ranges fill [0, total) without a gap or an overlap.
void expect_partition(std::vector<Range> ranges, std::int64_t total) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.from < b.from; });
  std::int64_t next = 0;
  for (const Range& range : ranges) {
    EXPECT_EQ(range.from, next);
    EXPECT_GT(range.to, range.from);
    next = range.to;
  }
  EXPECT_EQ(next, total);
}

void expect_whole(const model::NamedTensors& parameters, const Config& config, std::int64_t size) {
  const FlatLayout first(parameters, config, 0, size);
  std::set<std::string> names;
  std::int64_t end = 0;
  for (const FlatLayout::Part& part : first.parts()) {
    EXPECT_TRUE(names.insert(part.name).second);
    EXPECT_GE(part.from, end) << "parts overlap";
    end = part.range().to;
    EXPECT_EQ(parameters[static_cast<std::size_t>(part.parameter)].first, part.name);
  }
  EXPECT_EQ(names.size(), parameters.size());
  EXPECT_LE(end, first.total());
  if (size > 1) {
    std::vector<Range> buckets;
    for (const FlatLayout::Bucket& bucket : first.buckets()) {
      buckets.push_back(bucket.range);
    }
    expect_partition(buckets, first.total());
  }
  for (const std::int64_t from : {std::int64_t{0}, first.matrices_end()}) {
    std::vector<Range> owned;
    for (std::int64_t rank = 0; rank < size; ++rank) {
      const FlatLayout layout(parameters, config, rank, size);
      EXPECT_EQ(layout.total(), first.total());
      std::int64_t place = 0;
      for (const FlatLayout::Own& own : layout.own({from, layout.total()}, from)) {
        EXPECT_EQ(own.place, place);
        place += own.range.count();
        owned.push_back({own.range.from - from, own.range.to - from});
      }
      EXPECT_EQ(place, layout.own_count(from));
      if (!layout.is_sharded()) {
        EXPECT_EQ(place, layout.total() - from);
        owned.resize(1);
      }
    }
    if (first.total() > from) {
      expect_partition(owned, first.total() - from);
    }
  }
}

TEST(FlatLayout, EveryElementIsStepped) {
  const model::NamedTensors parameters = parameters_of_a_model();
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::muon}) {
    for (const bool is_sharded : {false, true}) {
      for (const double bucket_mib : {0.001, 0.01, 25.0}) {
        for (const std::int64_t size : {1, 2, 3, 4, 7, 64}) {
          SCOPED_TRACE(testing::Message() << (kind == OptimizerKind::muon ? "muon" : "adamw") << " "
                                          << is_sharded << " " << bucket_mib << " MiB, " << size);
          expect_whole(parameters, config_of(is_sharded, kind, bucket_mib), size);
        }
      }
    }
  }
}

TEST(FlatLayout, MatricesOfMuonBelongToOneProcessAndAreSharedOutEvenly) {
  const model::NamedTensors parameters = parameters_of_a_model();
  const Config config = config_of(true, OptimizerKind::muon, 0.01);
  const FlatLayout alone(parameters, config, 0, 1);
  std::int64_t matrices = 0;
  for (std::int64_t rank = 0; rank < 4; ++rank) {
    const FlatLayout layout(parameters, config, rank, 4);
    EXPECT_LE(layout.stripes().front().each, alone.matrices_end() / 3) << "unevenly";
    for (const FlatLayout::Part& part : layout.parts()) {
      if (part.from < layout.matrices_end()) {
        const auto own = layout.own(part.range());
        ASSERT_LE(own.size(), 1U);
        if (!own.empty()) {
          EXPECT_EQ(own.front().range.count(), part.count());
          ++matrices;
        }
      }
    }
  }
  EXPECT_EQ(matrices, 7 * 2) << "of two layers";
}

TEST(FlatLayout, OneProcessHasNoPaddingAndBucketsComeBackToFront) {
  const model::NamedTensors parameters = parameters_of_a_model();
  const FlatLayout alone(parameters, config_of(true, OptimizerKind::adamw, 0.01), 0, 1);
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : parameters) {
    elements += tensor.numel();
  }
  EXPECT_EQ(alone.total(), elements);
  EXPECT_FALSE(alone.is_sharded());
  const FlatLayout two(parameters, config_of(false, OptimizerKind::adamw, 0.01), 0, 2);
  ASSERT_GT(two.buckets().size(), 5U);
  const FlatLayout::Part& last_layer =
      *std::find_if(two.parts().begin(), two.parts().end(), [](const FlatLayout::Part& part) {
        return part.name == "model.layers.1.mlp.down_proj.weight";
      });
  const Range begun_first = two.buckets().front().range;
  EXPECT_LT(begun_first.from, last_layer.range().to);
  EXPECT_GT(begun_first.to, last_layer.from);
}

}  // namespace
}  // namespace tpt::train
