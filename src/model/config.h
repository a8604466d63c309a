// The shape of a decoder of the Llama, Qwen2 and Qwen3 families, as in the config.json of Hugging
// Face.
#pragma once

#include "base/config.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tpt::model {

// What matrix products are computed in. Weights are fp32 always; bf16 rounds them at each use.
enum class Precision { fp32, bf16 };

// llama: Llama 1 to 3, SmolLM2, and what else is written as LlamaForCausalLM. qwen2 (and 2.5):
// queries, keys and values have biases. qwen3: each query and key head is normalised before it is
// turned.
enum class Family { llama, qwen2, qwen3 };

// Rotary positions stretched for longer texts than the model was first trained with. linear: all
// frequencies over the factor; llama3: the slow ones only, as in Llama 3.1 and later.
enum class RopeType { unscaled, linear, llama3 };
struct RopeScaling {
  RopeType type = RopeType::unscaled;
  double factor = 1.0;
  // Of llama3.
  double low_frequency_factor = 1.0;
  double high_frequency_factor = 4.0;
  std::int64_t original_positions = 8192;

  bool operator==(const RopeScaling&) const = default;
};

// A block of layers in the middle that is run several times, one after another, with the same
// weights. In training the number of times is drawn anew for each step.
struct Recurrence {
  std::int64_t first_layer = 0;
  std::int64_t num_layers = 0;  // 0: no layer is repeated
  double mean_repeats = 4.0;    // of training; see sampled_repeats()
  std::int64_t repeats = 4;     // where nothing else is asked for: in generation and evaluation

  bool operator==(const Recurrence&) const = default;
};

struct Config {
  Family family = Family::llama;
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
  RopeScaling rope_scaling;  // comes from the config.json of a model that is trained on
  Recurrence recurrence;
  double init_std = 0.02;  // outputs of attention and MLP: divided by sqrt(2 L)

  bool has_qkv_bias() const { return family == Family::qwen2; }
  bool has_head_norms() const { return family == Family::qwen3; }
  bool operator==(const Config&) const = default;
};

void describe(Fields& fields, Config& config);

// Fills what is 0 from the rest and from the vocabulary; Error(user) for shapes that do not fit
// together.
Config resolved(Config config, std::int64_t vocab_size);

// The layers in the order of a forward pass that runs the block `repeats` times.
std::vector<std::int64_t> layers_in_order(const Config& config, std::int64_t repeats);
// The plain network that computes the same: each layer of layers_in_order() is one of its own.
Config unrolled(Config config, std::int64_t repeats);
// How often a training step runs the block, as in Geiping et al. 2025 (arXiv 2502.05171): 1 more
// than a Poisson number whose rate is log-normal, with mean `mean_repeats` and deviation 1/2 of its
// logarithm. The same on every rank; 1 where no layer is repeated.
std::int64_t sampled_repeats(const Recurrence& recurrence, std::uint64_t run_seed,
                             std::int64_t step);

// config.json of LlamaForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM, as transformers 4 and 5
// write it. Error(user) names an architecture or a setting that is not supported, or a value that
// is missing, of the wrong type or out of range. A network with a repeated block is written as the
// model_type "tpt_recurrent", which transformers refuses by that name.
Config read_hf_config(const std::filesystem::path& file);
// `others`: the config.json of a model that this one was made from; what it says beside the shape
// (ids of special tokens and such) is kept.
std::string to_hf_config(const Config& config, const std::string& dtype,
                         const Json& others = Json::object());

// Weights in total, and those that take part in matrix products (embedding look-up left out, head
// counted).
std::int64_t num_parameters(const Config& config);
std::int64_t num_matmul_parameters(const Config& config);

}  // namespace tpt::model
