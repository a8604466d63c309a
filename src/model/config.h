// The shape of a Llama-family decoder, as in the config.json of Hugging Face.
#pragma once

#include "base/config.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace tpt::model {

// What matrix products are computed in. Weights are fp32 always; bf16 casts them at each use.
enum class Precision { fp32, bf16 };

// Rotary positions stretched for longer texts than the model was first trained with; as in
// Llama 3.1 and later (rope_type "llama3").
struct RopeScaling {
  double factor = 1.0;  // 1: none
  double low_frequency_factor = 1.0;
  double high_frequency_factor = 4.0;
  std::int64_t original_positions = 8192;

  bool operator==(const RopeScaling&) const = default;
};

struct Config {
  std::int64_t vocab_size = 0;     // 0: taken from the tokenizer, rounded up to a multiple of 16
  std::int64_t hidden_size = 128;  // D
  std::int64_t num_layers = 3;     // L
  std::int64_t num_heads = 4;      // H
  std::int64_t num_kv_heads = 4;   // K, divides H
  std::int64_t head_dim = 0;       // 0: hidden_size / num_heads
  std::int64_t intermediate_size = 0;  // 0: 8/3 of hidden_size, rounded up to a multiple of 32
  std::int64_t max_positions = 2048;
  double rope_theta = 10000.0;
  double norm_epsilon = 1e-5;
  bool tie_embeddings = true;
  // These two come from the config.json of a model that is trained on.
  bool qkv_bias = false;  // queries, keys and values have biases, as in Qwen2
  RopeScaling rope_scaling;
  double init_std = 0.02;  // outputs of attention and MLP: divided by sqrt(2 L)

  bool operator==(const Config&) const = default;
};

void describe(Fields& fields, Config& config);

// Fills what is 0 from the rest and from the vocabulary; Error(user) for shapes that do not fit
// together.
Config resolved(Config config, std::int64_t vocab_size);

// config.json of Hugging Face's LlamaForCausalLM or Qwen2ForCausalLM. Error(user) names an
// architecture or a setting not supported, or a value out of range.
Config read_hf_config(const std::filesystem::path& file);
std::string to_hf_config(const Config& config, const std::string& dtype);

// Weights in total, and those that take part in matrix products (embedding look-up left out, head
// counted).
std::int64_t num_parameters(const Config& config);
std::int64_t num_matmul_parameters(const Config& config);

}  // namespace tpt::model
