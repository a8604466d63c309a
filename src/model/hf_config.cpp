#include "base/error.h"
#include "model/config.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tpt::model {
namespace {

struct FamilyName {
  Family family;
  std::string_view model_type;
  std::string_view architecture;
};
constexpr std::array kFamilies = {
    FamilyName{Family::llama, "llama", "LlamaForCausalLM"},
    FamilyName{Family::qwen2, "qwen2", "Qwen2ForCausalLM"},
    FamilyName{Family::qwen3, "qwen3", "Qwen3ForCausalLM"},
};

constexpr FamilyName kRecurrent = {Family::llama, "tpt_recurrent", "TptRecurrentForCausalLM"};

const FamilyName& name_of(Family family) {
  for (const FamilyName& name : kFamilies) {
    if (name.family == family) return name;
  }
  TPT_CHECK(false, "unknown family");
  return kFamilies[0];
}

// Settings of these families, of their forks and of other families that would change what the
// network computes, with the value that changes nothing; null always does not.
const std::vector<std::pair<std::string, Json>>& neutral_settings() {
  static const std::vector<std::pair<std::string, Json>> kNeutral = {
      {"mlp_bias", false},
      {"hidden_act", "silu"},
      {"hidden_activation", "silu"},
      {"attention_dropout", 0.0},
      {"embd_pdrop", 0.0},
      {"resid_pdrop", 0.0},
      {"hidden_dropout", 0.0},
      {"partial_rotary_factor", 1.0},
      {"rope_interleaved", false},
      {"no_rope_layers", Json::array()},
      {"no_rope_layer_interval", 0},
      {"use_qk_norm", false},
      {"qk_layernorm", false},
      {"clip_qkv", nullptr},
      {"attn_logit_softcapping", nullptr},
      {"final_logit_softcapping", nullptr},
      {"query_pre_attn_scalar", nullptr},
      {"attention_multiplier", 1.0},
      {"embedding_multiplier", 1.0},
      {"residual_multiplier", 1.0},
      {"logits_scaling", 1.0},
      {"logit_scale", 1.0},
      {"scale_embeddings", false},
      {"parallel_attn", false},
      {"use_parallel_residual", false},
      {"is_encoder_decoder", false},
      {"add_cross_attention", false},
      {"quantization_config", nullptr},
      {"auto_map", nullptr},
  };
  return kNeutral;
}

class Reader {
 public:
  Reader(const Json& json, std::string file) : json_(json), file_(std::move(file)) {}

  Config read() {
    take_family();
    refuse_what_changes_the_network();
    take_sizes();
    take_rope();
    take_recurrence();
    take_number(json_, "rms_norm_eps", config_.norm_epsilon);
    take_number(json_, "initializer_range", config_.init_std);
    take_flag("tie_word_embeddings", config_.tie_embeddings);
    check_ranges();
    return resolved(config_, config_.vocab_size);
  }

 private:
  static bool has(const Json& object, const std::string& key) {
    return object.contains(key) && !object.at(key).is_null();
  }
  [[noreturn]] void refuse(const std::string& key, const Json& value) const {
    user_error("{}: {} = {} is not supported", file_, key, dump_json(value));
  }
  [[noreturn]] void refuse_type(const std::string& key, const Json& value) const {
    user_error("{}: {} is {}, of the wrong type", file_, key, dump_json(value));
  }

  void take_integer(const Json& object, const char* key, std::int64_t& value) const {
    if (!has(object, key)) return;
    if (!object.at(key).is_number_integer()) refuse_type(key, object.at(key));
    value = object.at(key).get<std::int64_t>();
  }
  void take_number(const Json& object, const char* key, double& value) const {
    if (!has(object, key)) return;
    if (!object.at(key).is_number()) refuse_type(key, object.at(key));
    value = object.at(key).get<double>();
  }
  void take_flag(const char* key, bool& value) const {
    if (!has(json_, key)) return;
    if (!json_.at(key).is_boolean()) refuse_type(key, json_.at(key));
    value = json_.at(key).get<bool>();
  }
  std::int64_t needed_integer(const char* key) const {
    if (!has(json_, key)) user_error("{}: {} is missing", file_, key);
    std::int64_t value = 0;
    take_integer(json_, key, value);
    return value;
  }

  void take_family() {
    Json type = has(json_, "model_type") ? json_.at("model_type") : Json("missing");
    is_recurrent_ = type == kRecurrent.model_type;
    if (is_recurrent_ && has(json_, "base_model_type")) type = json_.at("base_model_type");
    std::string known;
    for (const FamilyName& name : kFamilies) {
      known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name.model_type);
      if (type != name.model_type) continue;
      config_.family = name.family;
      if (!has(json_, "architectures")) return;
      const FamilyName& written = is_recurrent_ ? kRecurrent : name;
      if (json_.at("architectures") == Json::array({written.architecture})) return;
      user_error("{}: architectures is {}, supported for {}: {}", file_,
                 dump_json(json_.at("architectures")), written.model_type, written.architecture);
    }
    user_error("{}: model_type is {}, supported: {}", file_, dump_json(type), known);
  }

  void refuse_what_changes_the_network() const {
    for (const auto& [key, neutral] : neutral_settings()) {
      if (has(json_, key) && json_.at(key) != neutral) refuse(key, json_.at(key));
    }
    // Qwen2 has its biases whatever this says; elsewhere it gives attention's output one too.
    if (config_.family != Family::qwen2 && has(json_, "attention_bias") &&
        json_.at("attention_bias") != false) {
      refuse("attention_bias", json_.at("attention_bias"));
    }
    refuse_sliding_window();
  }

  // A window is in use where use_sliding_window says so, for the layers from max_window_layers on
  // or for those that layer_types names.
  void refuse_sliding_window() const {
    if (has(json_, "layer_types")) {
      if (!json_.at("layer_types").is_array()) {
        refuse_type("layer_types", json_.at("layer_types"));
      }
      for (const Json& layer : json_.at("layer_types")) {
        if (layer != "full_attention") refuse("layer_types", json_.at("layer_types"));
      }
    }
    if (!has(json_, "sliding_window")) return;
    if (config_.family == Family::llama) refuse("sliding_window", json_.at("sliding_window"));
    bool in_use = false;
    take_flag("use_sliding_window", in_use);
    std::int64_t first_layer = 28;  // as these families have it
    take_integer(json_, "max_window_layers", first_layer);
    std::int64_t layers = 0;
    take_integer(json_, "num_hidden_layers", layers);
    if (in_use && !has(json_, "layer_types") && first_layer < layers) {
      refuse("sliding_window", json_.at("sliding_window"));
    }
  }

  // What is left out has the value that transformers gives it.
  void take_sizes() {
    config_.vocab_size = needed_integer("vocab_size");
    config_.hidden_size = needed_integer("hidden_size");
    config_.num_layers = needed_integer("num_hidden_layers");
    config_.num_heads = needed_integer("num_attention_heads");
    config_.intermediate_size = needed_integer("intermediate_size");
    config_.num_kv_heads = config_.family == Family::llama && !has(json_, "num_key_value_heads")
                               ? config_.num_heads
                               : needed_integer("num_key_value_heads");
    if (config_.family == Family::qwen3) config_.head_dim = 128;
    take_integer(json_, "head_dim", config_.head_dim);
    if (config_.head_dim == 0 && config_.num_heads > 0) {
      config_.head_dim = config_.hidden_size / config_.num_heads;
    }
    config_.max_positions = config_.family == Family::llama ? 2048 : 32768;
    take_integer(json_, "max_position_embeddings", config_.max_positions);
    config_.norm_epsilon = 1e-6;
    config_.tie_embeddings = false;
  }

  // "rope_scaling" beside rope_theta in older files, "rope_parameters" with rope_theta in it in
  // newer ones.
  void take_rope() {
    take_number(json_, "rope_theta", config_.rope_theta);
    const bool old_form = has(json_, "rope_scaling");
    const bool new_form = has(json_, "rope_parameters");
    if (old_form && new_form && json_.at("rope_scaling") != json_.at("rope_parameters")) {
      user_error("{}: rope_scaling = {} and rope_parameters = {} contradict each other", file_,
                 dump_json(json_.at("rope_scaling")), dump_json(json_.at("rope_parameters")));
    }
    if (old_form || new_form) take_rope(old_form ? "rope_scaling" : "rope_parameters");
  }

  void take_rope(const std::string& key) {
    const Json& rope = json_.at(key);
    if (!rope.is_object()) refuse_type(key, rope);
    RopeScaling& scaling = config_.rope_scaling;
    scaling.type = rope_type(key, rope);
    refuse_unknown_rope_keys(key, rope);
    take_number(rope, "rope_theta", config_.rope_theta);
    double share = 1.0;
    take_number(rope, "partial_rotary_factor", share);
    if (share != 1.0) refuse(key + ".partial_rotary_factor", rope.at("partial_rotary_factor"));
    if (scaling.type == RopeType::unscaled) return;
    const auto need = [&](const char* name, double& value) {
      if (!has(rope, name)) user_error("{}: {}.{} is missing", file_, key, name);
      take_number(rope, name, value);
    };
    need("factor", scaling.factor);
    if (scaling.type == RopeType::llama3) {
      need("low_freq_factor", scaling.low_frequency_factor);
      need("high_freq_factor", scaling.high_frequency_factor);
      scaling.original_positions = config_.max_positions;
      take_integer(rope, "original_max_position_embeddings", scaling.original_positions);
      take_integer(json_, "original_max_position_embeddings", scaling.original_positions);
    }
    const bool fits = scaling.factor >= 1 && std::isfinite(scaling.factor) &&
                      scaling.low_frequency_factor > 0 &&
                      scaling.high_frequency_factor > scaling.low_frequency_factor &&
                      scaling.original_positions > 0;
    if (!fits) user_error("{}: {} = {} does not fit together", file_, key, dump_json(rope));
  }

  RopeType rope_type(const std::string& key, const Json& rope) const {
    const Json unscaled = "default";
    const Json& type = has(rope, "rope_type") ? rope.at("rope_type")
                       : has(rope, "type")    ? rope.at("type")
                                              : unscaled;
    if (type == "default") return RopeType::unscaled;
    if (type == "linear") return RopeType::linear;
    if (type == "llama3") return RopeType::llama3;
    user_error("{}: {} = {} is not supported: only \"default\", \"linear\" and \"llama3\"", file_,
               key, dump_json(rope));
  }

  void refuse_unknown_rope_keys(const std::string& key, const Json& rope) const {
    static constexpr std::array<std::string_view, 8> kKnown = {"rope_type",
                                                               "type",
                                                               "rope_theta",
                                                               "factor",
                                                               "low_freq_factor",
                                                               "high_freq_factor",
                                                               "original_max_position_embeddings",
                                                               "partial_rotary_factor"};
    for (const auto& [name, value] : rope.items()) {
      const bool known = std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
      if (!known && !value.is_null()) refuse(key + "." + name, value);
    }
  }

  void take_recurrence() {
    if (!is_recurrent_) {
      if (has(json_, "recurrent_layers")) {
        user_error("{}: recurrent_layers is given, but model_type is not \"{}\"", file_,
                   kRecurrent.model_type);
      }
      return;
    }
    Recurrence& block = config_.recurrence;
    block.first_layer = needed_integer("recurrent_first_layer");
    block.num_layers = needed_integer("recurrent_layers");
    block.repeats = needed_integer("recurrent_repeats");
    take_number(json_, "recurrent_mean_repeats", block.mean_repeats);
    const bool fits =
        block.first_layer >= 0 && block.num_layers >= 1 && block.num_layers <= config_.num_layers &&
        block.first_layer <= config_.num_layers - block.num_layers && block.repeats >= 1 &&
        block.repeats <= 1000 && block.mean_repeats >= 0.01 && block.mean_repeats <= 1000;
    if (!fits) {
      user_error(
          "{}: recurrent_layers {} from {} on, {} times (in training {}), do not fit {} layers",
          file_, block.num_layers, block.first_layer, block.repeats, block.mean_repeats,
          config_.num_layers);
    }
  }

  void check_ranges() const {
    constexpr std::int64_t kMost = 1 << 24;
    const std::array<std::pair<const char*, std::int64_t>, 8> sizes = {{
        {"vocab_size", config_.vocab_size},
        {"hidden_size", config_.hidden_size},
        {"num_hidden_layers", config_.num_layers},
        {"num_attention_heads", config_.num_heads},
        {"num_key_value_heads", config_.num_kv_heads},
        {"head_dim", config_.head_dim},
        {"intermediate_size", config_.intermediate_size},
        {"max_position_embeddings", config_.max_positions},
    }};
    for (const auto& [key, value] : sizes) {
      if (value <= 0 || value > kMost) {
        user_error("{}: {} is {}, allowed 1 to {}", file_, key, value, kMost);
      }
    }
    const bool numbers_fit = config_.rope_theta >= 1 && std::isfinite(config_.rope_theta) &&
                             config_.norm_epsilon >= 0 && config_.norm_epsilon <= 1;
    if (!numbers_fit) {
      user_error("{}: rope_theta {} or rms_norm_eps {} is out of range", file_, config_.rope_theta,
                 config_.norm_epsilon);
    }
  }

  const Json& json_;
  std::string file_;
  bool is_recurrent_ = false;
  Config config_;
};

Json rope_scaling_json(const RopeScaling& scaling) {
  switch (scaling.type) {
    case RopeType::unscaled:
      return nullptr;
    case RopeType::linear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeType::llama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_frequency_factor},
              {"high_freq_factor", scaling.high_frequency_factor},
              {"original_max_position_embeddings", scaling.original_positions}};
  }
  TPT_CHECK(false, "unknown rope type");
  return nullptr;
}

}  // namespace

Config read_hf_config(const std::filesystem::path& file) {
  const std::string name = file.string();
  const Json json = parse_json(storage::read_file(file), name);
  if (!json.is_object()) data_error("{}: not a JSON object", name);
  return Reader(json, name).read();
}

std::string to_hf_config(const Config& config, const std::string& dtype, const Json& others) {
  const Recurrence& block = config.recurrence;
  const FamilyName& base = name_of(config.family);
  const FamilyName& name = block.num_layers > 0 ? kRecurrent : base;
  Json json = {{"architectures", Json::array({name.architecture})},
               {"model_type", name.model_type},
               // Where nothing is said, transformers would take ids of its own.
               {"bos_token_id", nullptr},
               {"eos_token_id", nullptr}};
  json.update(others);
  json["architectures"] = Json::array({name.architecture});
  json["model_type"] = name.model_type;
  for (const char* key : {"rope_parameters", "rope_scaling", "dtype", "layer_types",
                          "sliding_window", "max_window_layers", "transformers_version"}) {
    json.erase(key);
  }
  json.update({{"vocab_size", config.vocab_size},
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
               {"torch_dtype", dtype}});
  if (config.family != Family::qwen2) json["attention_bias"] = false;
  if (config.family == Family::llama) json["mlp_bias"] = false;
  if (config.family != Family::llama) json["use_sliding_window"] = false;
  if (config.rope_scaling.type != RopeType::unscaled) {
    json["rope_scaling"] = rope_scaling_json(config.rope_scaling);
  }
  if (block.num_layers > 0) {
    json.update({{"base_model_type", base.model_type},
                 {"recurrent_first_layer", block.first_layer},
                 {"recurrent_layers", block.num_layers},
                 {"recurrent_mean_repeats", block.mean_repeats},
                 {"recurrent_repeats", block.repeats}});
  }
  return dump_json_pretty(json);
}

}  // namespace tpt::model
