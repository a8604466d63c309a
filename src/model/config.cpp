#include "model/config.h"

#include "base/error.h"

namespace tpt::model {
namespace {

constexpr std::int64_t kVocabularyMultiple = 16;
constexpr std::int64_t kIntermediateMultiple = 32;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::int64_t layer_matmul_parameters(const Config& config) {
  const std::int64_t query = config.num_heads * config.head_dim;
  const std::int64_t key = config.num_kv_heads * config.head_dim;
  return config.hidden_size * (2 * query + 2 * key) +
         3 * config.hidden_size * config.intermediate_size;
}

std::int64_t layer_vector_parameters(const Config& config) {
  const std::int64_t biases = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim;
  return 2 * config.hidden_size + (config.has_qkv_bias() ? biases : 0) +
         (config.has_head_norms() ? 2 * config.head_dim : 0);
}

}  // namespace

void describe(Fields& fields, Config& config) {
  constexpr std::int64_t kMany = 1 << 24;
  fields.choice("family", config.family,
                {{"llama", Family::llama}, {"qwen2", Family::qwen2}, {"qwen3", Family::qwen3}},
                "qwen2 adds biases to queries, keys and values; qwen3 normalises heads");
  fields.integer("vocab_size", config.vocab_size,
                 "rows of the embedding; 0: of the tokenizer, rounded up to a multiple of 16", 0,
                 kMany);
  fields.integer("hidden_size", config.hidden_size, "width of the residual stream", 1, kMany);
  fields.integer("num_layers", config.num_layers, "decoder layers", 1, 10000);
  fields.integer("num_heads", config.num_heads, "query heads of a layer", 1, 10000);
  fields.integer("num_kv_heads", config.num_kv_heads, "key and value heads; divides num_heads", 1,
                 10000);
  fields.integer("head_dim", config.head_dim, "width of a head; 0: hidden_size / num_heads", 0,
                 kMany);
  fields.integer("intermediate_size", config.intermediate_size,
                 "width inside the MLP; 0: 8/3 of hidden_size, rounded up to a multiple of 32", 0,
                 kMany);
  fields.integer("max_positions", config.max_positions,
                 "longest sequence; with init_from: raised to so many", 1, kMany);
  fields.number("rope_theta", config.rope_theta, "base of the rotary frequencies", 1.0, 1e30);
  fields.number("norm_epsilon", config.norm_epsilon, "of RMSNorm", 0.0, 1.0);
  fields.flag("tie_embeddings", config.tie_embeddings, "the head is the embedding, transposed");
  fields.integer("recurrent_layers", config.recurrence.num_layers,
                 "layers of a block in the middle that is run several times; 0: none", 0, 10000);
  fields.integer("recurrent_first_layer", config.recurrence.first_layer,
                 "the first of them, counted from 0", 0, 10000);
  fields.number("recurrent_mean_repeats", config.recurrence.mean_repeats,
                "how often a training step runs it: 1 + Poisson(log-normal of this mean)", 0.01,
                1000.0);
  fields.integer("recurrent_repeats", config.recurrence.repeats,
                 "how often generation and evaluation run it", 1, 1000);
  fields.number("init_std", config.init_std,
                "deviation of random weights; outputs of attention and MLP: over sqrt(2 layers)",
                0.0, 10.0);
}

Config resolved(Config config, std::int64_t vocab_size) {
  if (config.vocab_size == 0) config.vocab_size = round_up(vocab_size, kVocabularyMultiple);
  if (config.vocab_size < vocab_size) {
    user_error("model.vocab_size: got {}, the tokenizer has {} ids", config.vocab_size, vocab_size);
  }
  if (config.vocab_size == 0) user_error("model.vocab_size: 0 and no tokenizer to take it from");
  if (config.head_dim == 0) {
    if (config.hidden_size % config.num_heads != 0) {
      user_error("model.hidden_size: got {}, not a multiple of num_heads {}", config.hidden_size,
                 config.num_heads);
    }
    config.head_dim = config.hidden_size / config.num_heads;
  }
  if (config.head_dim % 2 != 0) {
    user_error("model.head_dim: got {}, must be even for rotary positions", config.head_dim);
  }
  if (config.num_heads % config.num_kv_heads != 0) {
    user_error("model.num_kv_heads: got {}, must divide num_heads {}", config.num_kv_heads,
               config.num_heads);
  }
  const Recurrence& block = config.recurrence;
  if (block.first_layer + block.num_layers > config.num_layers) {
    user_error("model.recurrent_layers: got {} from layer {} on, the model has {} layers",
               block.num_layers, block.first_layer, config.num_layers);
  }
  if (block.num_layers == 0 && block != Recurrence()) {
    user_error("model.recurrent_layers: 0, but other settings of a repeated block are given");
  }
  if (config.intermediate_size == 0) {
    config.intermediate_size = round_up(8 * config.hidden_size / 3, kIntermediateMultiple);
  }
  return config;
}

std::int64_t num_parameters(const Config& config) {
  const std::int64_t embedding = config.vocab_size * config.hidden_size;
  return embedding * (config.tie_embeddings ? 1 : 2) + config.hidden_size +
         config.num_layers * (layer_vector_parameters(config) + layer_matmul_parameters(config));
}

std::int64_t num_matmul_parameters(const Config& config) {
  return config.vocab_size * config.hidden_size +
         config.num_layers * layer_matmul_parameters(config);
}

}  // namespace tpt::model
