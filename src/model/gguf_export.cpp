#include "model/gguf_export.h"

#include "base/error.h"
#include "model/gguf_file.h"
#include "model/gguf_vocabulary.h"
#include "model/rotary_tables.h"

#include <ATen/ATen.h>

#include <array>
#include <map>
#include <string>
#include <string_view>

namespace tpt::model {
namespace {

using storage::TensorType;

std::string architecture_of(Family family) {
  switch (family) {
    case Family::llama:
      return "llama";
    case Family::qwen2:
      return "qwen2";
    case Family::qwen3:
      return "qwen3";
  }
  TPT_CHECK(false, "unknown family");
  return "";
}

std::int64_t file_type(TensorType type) {
  return type == TensorType::f32 ? 0 : type == TensorType::f16 ? 1 : 32;
}

void add_shape(const Config& config, TensorType type, GgufFile& file) {
  const std::string name = architecture_of(config.family);
  file.add_text("general.architecture", name);
  file.add_text("general.type", "model");
  file.add_count("general.file_type", file_type(type));
  const auto count = [&](const char* key, std::int64_t value) {
    file.add_count(name + "." + key, value);
  };
  count("block_count", config.num_layers);
  count("context_length", config.max_positions);
  count("embedding_length", config.hidden_size);
  count("feed_forward_length", config.intermediate_size);
  count("attention.head_count", config.num_heads);
  count("attention.head_count_kv", config.num_kv_heads);
  count("attention.key_length", config.head_dim);
  count("attention.value_length", config.head_dim);
  count("rope.dimension_count", config.head_dim);
  count("vocab_size", config.vocab_size);
  file.add_number(name + ".rope.freq_base", config.rope_theta);
  file.add_number(name + ".attention.layer_norm_rms_epsilon", config.norm_epsilon);
  if (config.rope_scaling.type == RopeType::linear) {
    file.add_text(name + ".rope.scaling.type", "linear");
    file.add_number(name + ".rope.scaling.factor", config.rope_scaling.factor);
  }
}

// llama.cpp turns neighbours of a Llama head together where Hugging Face turns halves.
at::Tensor with_neighbours_paired(const at::Tensor& weight, std::int64_t heads) {
  return weight.reshape({heads, 2, weight.size(0) / heads / 2, -1})
      .transpose(1, 2)
      .reshape(weight.sizes());
}

// Names within a layer, here and there.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kLayerNames = {{
    {"input_layernorm.weight", "attn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.v_proj.bias", "attn_v.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"},
    {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"post_attention_layernorm.weight", "ffn_norm.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
}};

void add_tensors(const Transformer& network, TensorType type, GgufFile& file) {
  const Config& config = network.config();
  std::map<std::string, at::Tensor> named;
  for (const auto& [name, tensor] : network.parameters()) named[name] = tensor.detach();
  file.add_tensor("token_embd.weight", named.at("model.embed_tokens.weight"), type);
  std::int64_t place = 0;
  for (const std::int64_t layer : layers_in_order(config, config.recurrence.repeats)) {
    for (const auto& [ours, theirs] : kLayerNames) {
      const auto found = named.find(fmt::format("model.layers.{}.{}", layer, ours));
      if (found == named.end()) continue;  // of another family
      at::Tensor tensor = found->second;
      if (config.family == Family::llama) {
        if (theirs == "attn_q.weight") tensor = with_neighbours_paired(tensor, config.num_heads);
        if (theirs == "attn_k.weight") tensor = with_neighbours_paired(tensor, config.num_kv_heads);
      }
      file.add_tensor(fmt::format("blk.{}.{}", place, theirs), tensor, type);
    }
    ++place;
  }
  file.add_tensor("output_norm.weight", named.at("model.norm.weight"), type);
  if (!config.tie_embeddings) file.add_tensor("output.weight", named.at("lm_head.weight"), type);
}

// What llama3's scaling divides each frequency by, as a tensor that every layer shares.
void add_rope_factors(const Config& config, GgufFile& file) {
  if (config.rope_scaling.type != RopeType::llama3) return;
  if (config.family != Family::llama) {
    user_error("rope_scaling \"llama3\": llama.cpp reads it for Llama alone, this model is {}",
               architecture_of(config.family));
  }
  const at::Tensor plain = rotary_frequencies(config.head_dim, config.rope_theta, {});
  const at::Tensor scaled =
      rotary_frequencies(config.head_dim, config.rope_theta, config.rope_scaling);
  file.add_tensor("rope_freqs.weight", plain / scaled, TensorType::f32);
}

}  // namespace

void export_gguf(const Transformer& network, const std::filesystem::path& folder, TensorType type,
                 const std::filesystem::path& path) {
  const Config laid_out = unrolled(network.config(), network.config().recurrence.repeats);
  if (laid_out.family == Family::qwen2 &&
      laid_out.head_dim * laid_out.num_heads != laid_out.hidden_size) {
    user_error("head_dim {}: llama.cpp takes Qwen2 only with heads of hidden_size / num_heads = {}",
               laid_out.head_dim, laid_out.hidden_size / laid_out.num_heads);
  }
  GgufFile file;
  add_shape(laid_out, type, file);
  add_vocabulary(folder, laid_out.vocab_size, file);
  add_rope_factors(laid_out, file);
  add_tensors(network, type, file);
  file.write(path);
}

}  // namespace tpt::model
