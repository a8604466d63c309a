#include "model/named_shapes.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace tpt::model {
namespace {

struct Shape {
  std::string_view name;
  Family family;
  std::int64_t vocabulary, width, layers, heads, kv_heads, head_dim, inner, positions;
  bool tied;
};

// From the config.json that each was published with.
constexpr std::array<Shape, 18> kShapes = {{
    {"smollm2-135m", Family::llama, 49152, 576, 30, 9, 3, 64, 1536, 8192, true},
    {"smollm2-360m", Family::llama, 49152, 960, 32, 15, 5, 64, 2560, 8192, true},
    {"smollm2-1.7b", Family::llama, 49152, 2048, 24, 32, 32, 64, 8192, 8192, true},
    {"tinyllama-1.1b", Family::llama, 32000, 2048, 22, 32, 4, 64, 5632, 2048, false},
    {"llama-3.2-1b", Family::llama, 128256, 2048, 16, 32, 8, 64, 8192, 131072, true},
    {"llama-3.2-3b", Family::llama, 128256, 3072, 28, 24, 8, 128, 8192, 131072, true},
    {"llama-3.1-8b", Family::llama, 128256, 4096, 32, 32, 8, 128, 14336, 131072, false},
    {"llama-3.1-70b", Family::llama, 128256, 8192, 80, 64, 8, 128, 28672, 131072, false},
    {"qwen2.5-0.5b", Family::qwen2, 151936, 896, 24, 14, 2, 64, 4864, 32768, true},
    {"qwen2.5-1.5b", Family::qwen2, 151936, 1536, 28, 12, 2, 128, 8960, 32768, true},
    {"qwen2.5-3b", Family::qwen2, 151936, 2048, 36, 16, 2, 128, 11008, 32768, true},
    {"qwen2.5-7b", Family::qwen2, 152064, 3584, 28, 28, 4, 128, 18944, 32768, false},
    {"qwen2.5-math-1.5b", Family::qwen2, 151936, 1536, 28, 12, 2, 128, 8960, 4096, true},
    {"qwen2.5-math-7b", Family::qwen2, 152064, 3584, 28, 28, 4, 128, 18944, 4096, false},
    {"qwen3-0.6b", Family::qwen3, 151936, 1024, 28, 16, 8, 128, 3072, 40960, true},
    {"qwen3-1.7b", Family::qwen3, 151936, 2048, 28, 16, 8, 128, 6144, 40960, true},
    {"qwen3-4b", Family::qwen3, 151936, 2560, 36, 32, 8, 128, 9728, 40960, true},
    {"qwen3-8b", Family::qwen3, 151936, 4096, 36, 32, 8, 128, 12288, 40960, false},
}};

}  // namespace

Config named_shape(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Shape& shape : kShapes) {
    if (shape.name == lower) {
      return {.family = shape.family,
              .vocab_size = shape.vocabulary,
              .hidden_size = shape.width,
              .num_layers = shape.layers,
              .num_heads = shape.heads,
              .num_kv_heads = shape.kv_heads,
              .head_dim = shape.head_dim,
              .intermediate_size = shape.inner,
              .max_positions = shape.positions,
              .tie_embeddings = shape.tied};
    }
  }
  std::string known;
  for (const Shape& shape : kShapes) {
    known += (known.empty() ? "" : ", ") + std::string(shape.name);
  }
  user_error("there is no folder {} with a config.json, and no shape of that name; known: {}", name,
             known);
}

}  // namespace tpt::model
