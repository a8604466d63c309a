// The shape of a Llama-family decoder, as in the config.json of Hugging Face.
#pragma once

#include "base/config.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace tpt::model {

// What matrix products are computed in. Weights are fp32 always; bf16 casts them at each use.
enum class Precision { fp32, bf16 };

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
  double init_std = 0.02;  // outputs of attention and MLP: divided by sqrt(2 L)

  bool operator==(const Config&) const = default;
};

void describe(Fields& fields, Config& config);

// Fills what is 0 from the rest and from the vocabulary; Error(user) for shapes that do not fit
// together.
Config resolved(Config config, std::int64_t vocab_size);

// config.json of Hugging Face's LlamaForCausalLM. Error(user) names an architecture or a setting
// not supported.
Config read_hf_config(const std::filesystem::path& file);
std::string to_hf_config(const Config& config, const std::string& dtype);

// Weights in total, and those that take part in matrix products (embedding look-up left out, head
// counted).
std::int64_t num_parameters(const Config& config);
std::int64_t num_matmul_parameters(const Config& config);

}  // namespace tpt::model
