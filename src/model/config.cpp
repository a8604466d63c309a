#include "model/config.h"

#include "base/error.h"
#include "storage/atomic_file.h"

#include <array>
#include <cmath>

namespace tpt::model {
namespace {

constexpr std::int64_t kVocabularyMultiple = 16;
constexpr std::int64_t kIntermediateMultiple = 32;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

template <typename T>
void take(const Json& json, const char* key, T& value, const std::string& file) {
  if (!json.contains(key) || json.at(key).is_null()) return;
  try {
    value = json.at(key).get<T>();
  } catch (const Json::exception&) {
    user_error("{}: {} is {}, of the wrong type", file, key, dump_json(json.at(key)));
  }
}

std::string text_of(const Json& json, const char* key, const std::string& file) {
  std::string text;
  take(json, key, text, file);
  return text;
}

bool is_off(const Json& json, const char* key) {
  return !json.contains(key) || json.at(key).is_null() || json.at(key) == false;
}

// Settings that would change the result and are not implemented: refused unless they say "off".
void refuse_unsupported(const Json& json, const std::string& file) {
  const auto refuse = [&](const char* key) {
    user_error("{}: {} = {} is not supported", file, key, dump_json(json.at(key)));
  };
  const std::string type = text_of(json, "model_type", file);
  if (type != "llama" && type != "qwen2") {
    user_error("{}: model_type is {}, supported: \"llama\", \"qwen2\"", file,
               json.contains("model_type") ? dump_json(json.at("model_type")) : "missing");
  }
  for (const char* key : {"attention_bias", "mlp_bias", "use_sliding_window"}) {
    if (!is_off(json, key)) refuse(key);
  }
  if (json.contains("hidden_act") && json.at("hidden_act") != "silu") refuse("hidden_act");
  if (type == "llama" && !is_off(json, "sliding_window")) refuse("sliding_window");
  if (json.contains("layer_types") && json.at("layer_types").is_array()) {
    for (const Json& layer : json.at("layer_types")) {
      if (layer != "full_attention") refuse("layer_types");
    }
  }
}

// "rope_scaling" of older files, "rope_parameters" of newer ones (which holds rope_theta too).
void take_rope(const Json& json, const char* key, Config& config, const std::string& file) {
  if (!json.contains(key) || json.at(key).is_null()) return;
  const Json& rope = json.at(key);
  if (!rope.is_object()) user_error("{}: {} is {}, of the wrong type", file, key, dump_json(rope));
  take(rope, "rope_theta", config.rope_theta, file);
  std::string type = text_of(rope, "rope_type", file);
  if (type.empty()) type = text_of(rope, "type", file);
  if (type.empty() || type == "default") return;
  if (type != "llama3") {
    user_error("{}: {} = {} is not supported: only \"default\" and \"llama3\"", file, key,
               dump_json(rope));
  }
  RopeScaling& scaling = config.rope_scaling;
  take(rope, "factor", scaling.factor, file);
  take(rope, "low_freq_factor", scaling.low_frequency_factor, file);
  take(rope, "high_freq_factor", scaling.high_frequency_factor, file);
  take(rope, "original_max_position_embeddings", scaling.original_positions, file);
  const bool fits = scaling.factor >= 1 && scaling.low_frequency_factor > 0 &&
                    scaling.high_frequency_factor > scaling.low_frequency_factor &&
                    scaling.original_positions > 0;
  if (!fits) user_error("{}: {} = {} does not fit together", file, key, dump_json(rope));
}

void check_ranges(const Config& config, const std::string& file) {
  constexpr std::int64_t kMost = 1 << 24;
  const std::array<std::pair<const char*, std::int64_t>, 8> sizes = {{
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"num_hidden_layers", config.num_layers},
      {"num_attention_heads", config.num_heads},
      {"num_key_value_heads", config.num_kv_heads},
      {"head_dim", config.head_dim},
      {"intermediate_size", config.intermediate_size},
      {"max_position_embeddings", config.max_positions},
  }};
  for (const auto& [key, value] : sizes) {
    if (value <= 0 || value > kMost) {
      user_error("{}: {} is {}, allowed 1 to {}", file, key, value, kMost);
    }
  }
  const bool numbers_fit = config.rope_theta >= 1 && std::isfinite(config.rope_theta) &&
                           config.norm_epsilon >= 0 && config.norm_epsilon < 1;
  if (!numbers_fit) {
    user_error("{}: rope_theta {} or rms_norm_eps {} is out of range", file, config.rope_theta,
               config.norm_epsilon);
  }
}

}  // namespace

void describe(Fields& fields, Config& config) {
  constexpr std::int64_t kMany = 1 << 24;
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
  fields.integer("max_positions", config.max_positions, "longest sequence", 1, 1LL << 32);
  fields.number("rope_theta", config.rope_theta, "base of the rotary frequencies", 1.0);
  fields.number("norm_epsilon", config.norm_epsilon, "of RMSNorm", 0.0, 1.0);
  fields.flag("tie_embeddings", config.tie_embeddings, "the head is the embedding, transposed");
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
  if (config.intermediate_size == 0) {
    config.intermediate_size = round_up(8 * config.hidden_size / 3, kIntermediateMultiple);
  }
  return config;
}

Config read_hf_config(const std::filesystem::path& file) {
  const std::string name = file.string();
  const Json json = parse_json(storage::read_file(file), name);
  if (!json.is_object()) data_error("{}: not a JSON object", name);
  refuse_unsupported(json, name);
  Config config;
  config.tie_embeddings = false;
  config.num_kv_heads = 0;
  take(json, "vocab_size", config.vocab_size, name);
  take(json, "hidden_size", config.hidden_size, name);
  take(json, "num_hidden_layers", config.num_layers, name);
  take(json, "num_attention_heads", config.num_heads, name);
  take(json, "num_key_value_heads", config.num_kv_heads, name);
  take(json, "head_dim", config.head_dim, name);
  take(json, "intermediate_size", config.intermediate_size, name);
  take(json, "max_position_embeddings", config.max_positions, name);
  take(json, "rope_theta", config.rope_theta, name);
  take_rope(json, "rope_scaling", config, name);
  take_rope(json, "rope_parameters", config, name);
  config.qkv_bias = json.at("model_type") == "qwen2";
  take(json, "rms_norm_eps", config.norm_epsilon, name);
  take(json, "tie_word_embeddings", config.tie_embeddings, name);
  take(json, "initializer_range", config.init_std, name);
  if (config.num_kv_heads == 0) config.num_kv_heads = config.num_heads;
  if (config.head_dim == 0 && config.num_heads > 0) {
    config.head_dim = config.hidden_size / config.num_heads;
  }
  check_ranges(config, name);
  return resolved(config, config.vocab_size);
}

std::string to_hf_config(const Config& config, const std::string& dtype) {
  Json json = {
      {"architectures", {config.qkv_bias ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
      {"model_type", config.qkv_bias ? "qwen2" : "llama"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_layers},
      {"num_attention_heads", config.num_heads},
      {"num_key_value_heads", config.num_kv_heads},
      {"head_dim", config.head_dim},
      {"max_position_embeddings", config.max_positions},
      {"rope_theta", config.rope_theta},
      {"rms_norm_eps", config.norm_epsilon},
      {"tie_word_embeddings", config.tie_embeddings},
      {"initializer_range", config.init_std},
      {"hidden_act", "silu"},
      {"torch_dtype", dtype},
  };
  if (!config.qkv_bias) json["attention_bias"] = json["mlp_bias"] = false;
  if (const RopeScaling& scaling = config.rope_scaling; scaling.factor != 1.0) {
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", scaling.factor},
                            {"low_freq_factor", scaling.low_frequency_factor},
                            {"high_freq_factor", scaling.high_frequency_factor},
                            {"original_max_position_embeddings", scaling.original_positions}};
  }
  return dump_json_pretty(json);
}

namespace {

std::int64_t layer_matmul_parameters(const Config& config) {
  const std::int64_t query = config.num_heads * config.head_dim;
  const std::int64_t key = config.num_kv_heads * config.head_dim;
  return config.hidden_size * (2 * query + 2 * key) +
         3 * config.hidden_size * config.intermediate_size;
}

}  // namespace

std::int64_t num_parameters(const Config& config) {
  const std::int64_t embedding = config.vocab_size * config.hidden_size;
  const std::int64_t norms = (2 * config.num_layers + 1) * config.hidden_size;
  const std::int64_t biases =
      config.qkv_bias
          ? config.num_layers * (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
          : 0;
  return embedding * (config.tie_embeddings ? 1 : 2) + norms + biases +
         config.num_layers * layer_matmul_parameters(config);
}

std::int64_t num_matmul_parameters(const Config& config) {
  return config.vocab_size * config.hidden_size +
         config.num_layers * layer_matmul_parameters(config);
}

}  // namespace tpt::model
