#include "model/named_shapes.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace tpt::model {
namespace {

// As the models were published.
TEST(NamedShapes, HaveThePublishedCountsOfParameters) {
  const std::pair<const char*, std::int64_t> published[] = {
      {"smollm2-135m", 134515008},       {"smollm2-360m", 361821120},
      {"smollm2-1.7b", 1711376384},      {"tinyllama-1.1b", 1100048384},
      {"llama-3.2-1b", 1235814400},      {"llama-3.2-3b", 3212749824},
      {"llama-3.1-8b", 8030261248},      {"llama-3.1-70b", 70553706496},
      {"qwen2.5-0.5b", 494032768},       {"qwen2.5-1.5b", 1543714304},
      {"qwen2.5-3b", 3085938688},        {"qwen2.5-7b", 7615616512},
      {"qwen2.5-math-1.5b", 1543714304}, {"qwen2.5-math-7b", 7615616512},
      {"qwen3-0.6b", 596049920},         {"qwen3-1.7b", 1720574976},
      {"qwen3-4b", 4022468096},          {"qwen3-8b", 8190735360}};
  for (const auto& [name, parameters] : published) {
    EXPECT_EQ(num_parameters(resolved(named_shape(name), 0)), parameters) << name;
  }
}

TEST(NamedShapes, NameTheKnownOnes) {
  EXPECT_EQ(named_shape("Llama-3.1-8B").num_layers, 32);
  try {
    named_shape("llama-9-1b");
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("smollm2-135m"), std::string::npos);
  }
}

}  // namespace
}  // namespace tpt::model
