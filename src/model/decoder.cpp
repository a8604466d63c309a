#include "model/decoder.h"

#include "base/error.h"
#include "model/decoder_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/BFloat16.h>

#include <algorithm>
#include <map>

namespace tpt::model {
namespace {

std::vector<float> floats(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

void resize_rows(std::vector<float>& buffer, std::int64_t rows, std::int64_t width) {
  buffer.resize(static_cast<std::size_t>(rows * width));
}

}  // namespace

Decoder::Decoder(const Transformer& network, Precision precision, std::int64_t repeats)
    : config_(network.config()),
      precision_(precision),
      order_(layers_in_order(config_, repeats == 0 ? config_.recurrence.repeats : repeats)),
      tables_(network.config()) {
  const c10::InferenceMode inference;
  std::map<std::string, at::Tensor> named;
  for (const auto& [name, tensor] : network.parameters()) named[name] = tensor.detach();
  const auto rounded = [&](const at::Tensor& weight) {
    return precision == Precision::bf16 ? weight.to(at::kBFloat16).to(at::kFloat) : weight;
  };
  embedding_ = floats(named.at("model.embed_tokens.weight"));
  for (std::int64_t i = 0; i < config_.num_layers; ++i) {
    const auto weight = [&](const char* name) {
      return rounded(named.at(fmt::format("model.layers.{}.{}.weight", i, name)));
    };
    const auto norm = [&](const char* name) {
      return floats(named.at(fmt::format("model.layers.{}.{}.weight", i, name)));
    };
    std::vector<float> bias;
    if (config_.has_qkv_bias()) {
      for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
        const std::string name = fmt::format("model.layers.{}.self_attn.{}.bias", i, part);
        const auto values = floats(rounded(named.at(name)));
        bias.insert(bias.end(), values.begin(), values.end());
      }
    }
    layers_.push_back(
        {.attention_norm = norm("input_layernorm"),
         .query_key_value = PackedMatrix(
             {weight("self_attn.q_proj"), weight("self_attn.k_proj"), weight("self_attn.v_proj")}),
         .query_key_value_bias = std::move(bias),
         .query_norm = config_.has_head_norms() ? norm("self_attn.q_norm") : std::vector<float>(),
         .key_norm = config_.has_head_norms() ? norm("self_attn.k_norm") : std::vector<float>(),
         .attention_out = PackedMatrix({weight("self_attn.o_proj")}),
         .mlp_norm = norm("post_attention_layernorm"),
         .gate_up = PackedMatrix({weight("mlp.gate_proj"), weight("mlp.up_proj")}),
         .down = PackedMatrix({weight("mlp.down_proj")})});
  }
  final_norm_ = floats(named.at("model.norm.weight"));
  head_ = PackedMatrix(
      {rounded(named.at(config_.tie_embeddings ? "model.embed_tokens.weight" : "lm_head.weight"))});
}

const std::vector<float>& Decoder::step(const std::vector<DecoderToken>& tokens) {
  const c10::InferenceMode inference;
  take_places(tokens);
  const std::int64_t d = config_.hidden_size;
  resize_rows(x_, std::ssize(tokens), d);
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    std::copy_n(embedding_.data() + tokens[row].id * d, d,
                x_.data() + static_cast<std::int64_t>(row) * d);
  }
  for (std::size_t place = 0; place < order_.size(); ++place) {
    const Layer& layer = layers_[static_cast<std::size_t>(order_[place])];
    add_attention(layer, place);
    add_mlp(layer);
  }
  std::int64_t wanted = 0;
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    if (!tokens[row].wants_logits) continue;
    const auto from = static_cast<std::int64_t>(row);
    if (from != wanted) std::copy_n(x_.data() + from * d, d, x_.data() + wanted * d);
    ++wanted;
  }
  normalize(x_, final_norm_, wanted);
  product(head_, normed_, wanted, logits_);
  return logits_;
}

void Decoder::take_places(const std::vector<DecoderToken>& tokens) {
  places_.clear();
  std::int64_t longest = 0;
  for (const DecoderToken& token : tokens) {
    SequenceCache& sequence = *token.sequence;
    TPT_CHECK(token.id >= 0 && token.id < config_.vocab_size, "id {} of {}", token.id,
              config_.vocab_size);
    TPT_CHECK(sequence.length < config_.max_positions, "the sequence is full at {} positions",
              sequence.length);
    sequence.keys.resize(order_.size());
    sequence.values.resize(order_.size());
    places_.push_back({&sequence, sequence.length});
    longest = std::max(longest, ++sequence.length);
  }
  rotary_ = tables_.reaching(longest);
}

void Decoder::product(const PackedMatrix& matrix, std::vector<float>& x, std::int64_t rows,
                      std::vector<float>& y) const {
  if (precision_ == Precision::bf16) {
    for (float& value : x) value = static_cast<float>(c10::BFloat16(value));
  }
  resize_rows(y, rows, matrix.out());
  matrix.multiply(x.data(), rows, y.data());
}

void Decoder::normalize(const std::vector<float>& x, const std::vector<float>& weight,
                        std::int64_t rows) {
  const std::int64_t d = config_.hidden_size;
  resize_rows(normed_, rows, d);
  for (std::int64_t r = 0; r < rows; ++r) {
    norm_row(x.data() + r * d, weight.data(), normed_.data() + r * d, d,
             static_cast<float>(config_.norm_epsilon));
  }
}

void Decoder::normalize_heads(const Layer& layer) {
  if (layer.query_norm.empty()) return;
  const std::int64_t n = config_.head_dim;
  const std::int64_t heads = config_.num_heads + config_.num_kv_heads;
  const std::int64_t width = (heads + config_.num_kv_heads) * n;
  for (std::int64_t row = 0; row < std::ssize(places_); ++row) {
    for (std::int64_t head = 0; head < heads; ++head) {
      float* values = qkv_.data() + row * width + head * n;
      const auto& weight = head < config_.num_heads ? layer.query_norm : layer.key_norm;
      norm_row(values, weight.data(), values, n, static_cast<float>(config_.norm_epsilon));
    }
  }
}

// Turns queries and keys by their positions; keys and values go to their sequences.
void Decoder::turn_and_store(std::size_t place) {
  const std::int64_t n = config_.head_dim;
  const std::int64_t turned = config_.num_heads + config_.num_kv_heads;
  const std::int64_t key_width = config_.num_kv_heads * n;
  const std::int64_t width = turned * n + key_width;
  const float* cosines = rotary_.cosines.const_data_ptr<float>();
  const float* sines = rotary_.sines.const_data_ptr<float>();
  for (std::size_t row = 0; row < places_.size(); ++row) {
    float* qkv = qkv_.data() + static_cast<std::int64_t>(row) * width;
    const std::int64_t table = places_[row].position * (n / 2);
    for (std::int64_t head = 0; head < turned; ++head) {
      turn_row(qkv + head * n, cosines + table, sines + table, n / 2);
    }
    const float* key = qkv + config_.num_heads * n;
    auto& keys = places_[row].sequence->keys[place];
    auto& values = places_[row].sequence->values[place];
    keys.insert(keys.end(), key, key + key_width);
    values.insert(values.end(), key + key_width, key + 2 * key_width);
  }
}

void Decoder::attend(std::size_t number) {
  const std::int64_t n = config_.head_dim;
  const std::int64_t key_width = config_.num_kv_heads * n;
  const std::int64_t width = config_.num_heads * n + 2 * key_width;
  const std::int64_t share = config_.num_heads / config_.num_kv_heads;
  resize_rows(attended_, std::ssize(places_), config_.num_heads * n);
  at::parallel_for(0, std::ssize(places_), 8, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weights;
    for (std::int64_t row = begin; row < end; ++row) {
      const Place& place = places_[static_cast<std::size_t>(row)];
      const std::int64_t t = place.position + 1;
      weights.resize(static_cast<std::size_t>(t));
      for (std::int64_t head = 0; head < config_.num_heads; ++head) {
        const std::int64_t shared = head / share * n;
        attend_head(qkv_.data() + row * width + head * n,
                    place.sequence->keys[number].data() + shared,
                    place.sequence->values[number].data() + shared, weights.data(),
                    attended_.data() + (row * config_.num_heads + head) * n, t, key_width, n);
      }
    }
  });
}

void Decoder::add_attention(const Layer& layer, std::size_t place) {
  const std::int64_t rows = std::ssize(places_);
  normalize(x_, layer.attention_norm, rows);
  product(layer.query_key_value, normed_, rows, qkv_);
  const std::vector<float>& bias = layer.query_key_value_bias;
  for (std::size_t i = 0; !bias.empty() && i < qkv_.size(); ++i) qkv_[i] += bias[i % bias.size()];
  normalize_heads(layer);
  turn_and_store(place);
  attend(place);
  product(layer.attention_out, attended_, rows, added_);
  for (std::size_t i = 0; i < added_.size(); ++i) x_[i] += added_[i];
}

void Decoder::add_mlp(const Layer& layer) {
  const std::int64_t rows = std::ssize(places_);
  const std::int64_t f = config_.intermediate_size;
  normalize(x_, layer.mlp_norm, rows);
  product(layer.gate_up, normed_, rows, gate_up_);
  resize_rows(inner_, rows, f);
  for (std::int64_t r = 0; r < rows; ++r) {
    swiglu_row(gate_up_.data() + r * 2 * f, inner_.data() + r * f, f);
  }
  product(layer.down, inner_, rows, added_);
  for (std::size_t i = 0; i < added_.size(); ++i) x_[i] += added_[i];
}

}  // namespace tpt::model
