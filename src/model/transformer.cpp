#include "model/transformer.h"

#include "base/error.h"
#include "base/random.h"
#include "model/fused_ops.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>
#include <optional>

namespace tpt::model {
namespace {

struct Layer {
  at::Tensor attention_norm;
  at::Tensor query, key, value, attention_out;
  at::Tensor mlp_norm;
  at::Tensor gate, up, down;
};

// Independent normal numbers by Box and Muller: the same on every machine, which torch's are not.
at::Tensor normal_tensor(at::IntArrayRef shape, double deviation, std::uint64_t seed,
                         const std::string& name) {
  Random random(derive_seed(seed, name, "initial weights"));
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.mutable_data_ptr<float>();
  const std::int64_t count = tensor.numel();
  for (std::int64_t i = 0; i < count; i += 2) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform())) * deviation;
    const double angle = 2.0 * std::numbers::pi * random.uniform();
    values[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) values[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return tensor;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return at::linear(x, weight);
    case Precision::bf16:
      return at::linear(x.to(at::kBFloat16), weight.to(at::kBFloat16)).to(at::kFloat);
  }
  TPT_CHECK(false, "unknown precision");
  return {};
}

// softmax(q k^T / sqrt(head_dim)) v, by torch's fused kernels. Keys and values are repeated where
// several query heads share one.
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const at::Tensor& mask, bool causal, Precision precision) {
  const std::int64_t share = query.size(1) / key.size(1);
  const std::optional<at::Tensor> given = mask.defined() ? std::optional(mask) : std::nullopt;
  const auto repeated = [&](const at::Tensor& x) {
    return share == 1 ? x : x.repeat_interleave(share, 1);
  };
  if (precision == Precision::bf16) {
    return at::scaled_dot_product_attention(query.to(at::kBFloat16),
                                            repeated(key).to(at::kBFloat16),
                                            repeated(value).to(at::kBFloat16), given, 0.0, causal)
        .to(at::kFloat);
  }
  return at::scaled_dot_product_attention(query, repeated(key), repeated(value), given, 0.0,
                                          causal);
}

// Rotary positions that restart where the document's number changes.
at::Tensor restarting_positions(const at::Tensor& document_bt) {
  const at::Tensor documents = document_bt.contiguous();
  at::Tensor positions = at::empty_like(documents);
  const auto* document = documents.const_data_ptr<std::int64_t>();
  auto* position = positions.mutable_data_ptr<std::int64_t>();
  const std::int64_t t = documents.size(1);
  for (std::int64_t i = 0; i < documents.numel(); ++i) {
    const bool starts = i % t == 0 || document[i] != document[i - 1];
    position[i] = starts ? 0 : position[i - 1] + 1;
  }
  return positions;
}

// True where position j may be attended to from i: the same document, and not later.
at::Tensor document_mask(const at::Tensor& document_bt) {
  const std::int64_t t = document_bt.size(1);
  const at::Tensor same = document_bt.unsqueeze(2).eq(document_bt.unsqueeze(1));
  const at::Tensor causal = at::ones({t, t}, document_bt.options().dtype(at::kBool)).tril();
  return same.logical_and(causal).unsqueeze(1);
}

}  // namespace

struct Transformer::State {
  Config config;
  at::Tensor embedding;
  std::vector<Layer> layers;
  at::Tensor final_norm;
  at::Tensor head;  // the embedding where tied
  NamedTensors parameters;
  RotaryTables rotary;

  State(const Config& shape, std::uint64_t seed) : config(shape) {
    const std::int64_t d = config.hidden_size;
    const std::int64_t query_width = config.num_heads * config.head_dim;
    const std::int64_t key_width = config.num_kv_heads * config.head_dim;
    const double std = config.init_std;
    const double out_std = std / std::sqrt(2.0 * static_cast<double>(config.num_layers));
    const auto weight = [&](const std::string& name, at::IntArrayRef sizes, double deviation) {
      return add(name, normal_tensor(sizes, deviation, seed, name));
    };
    const auto ones = [&](const std::string& name) { return add(name, at::ones({d})); };
    embedding = weight("model.embed_tokens.weight", {config.vocab_size, d}, std);
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
      const std::string name = fmt::format("model.layers.{}.", i);
      Layer layer;
      layer.attention_norm = ones(name + "input_layernorm.weight");
      layer.query = weight(name + "self_attn.q_proj.weight", {query_width, d}, std);
      layer.key = weight(name + "self_attn.k_proj.weight", {key_width, d}, std);
      layer.value = weight(name + "self_attn.v_proj.weight", {key_width, d}, std);
      layer.attention_out = weight(name + "self_attn.o_proj.weight", {d, query_width}, out_std);
      layer.mlp_norm = ones(name + "post_attention_layernorm.weight");
      layer.gate = weight(name + "mlp.gate_proj.weight", {config.intermediate_size, d}, std);
      layer.up = weight(name + "mlp.up_proj.weight", {config.intermediate_size, d}, std);
      layer.down = weight(name + "mlp.down_proj.weight", {d, config.intermediate_size}, out_std);
      layers.push_back(std::move(layer));
    }
    final_norm = ones("model.norm.weight");
    head =
        config.tie_embeddings ? embedding : weight("lm_head.weight", {config.vocab_size, d}, std);
    rotary = rotary_tables(config.max_positions, config.head_dim, config.rope_theta);
  }

  at::Tensor add(const std::string& name, at::Tensor tensor) {
    tensor.set_requires_grad(true);
    parameters.emplace_back(name, tensor);
    return tensor;
  }

  // Attention of one layer; with a cache, keys and values of earlier positions go first.
  at::Tensor attention(const Layer& layer, const at::Tensor& x_btd, const at::Tensor& position_bt,
                       const at::Tensor& mask, KeyValueCache* cache, std::size_t number,
                       Precision precision) const {
    const at::Tensor joined = at::cat({layer.query, layer.key, layer.value});
    auto [query, key, value] = split_heads_rotary(linear(x_btd, joined, precision), position_bt,
                                                  rotary, config.num_heads, config.num_kv_heads);
    if (cache != nullptr) {
      if (cache->keys.size() <= number) {
        cache->keys.push_back(key);
        cache->values.push_back(value);
      } else {
        cache->keys[number] = at::cat({cache->keys[number], key}, 2);
        cache->values[number] = at::cat({cache->values[number], value}, 2);
      }
      key = cache->keys[number];
      value = cache->values[number];
    }
    const bool causal = !mask.defined() && query.size(2) > 1;
    TPT_CHECK(!causal || key.size(2) == query.size(2),
              "several positions after a cache need a mask");
    const at::Tensor out = attend(query, key, value, mask, causal, precision);
    return linear(out.transpose(1, 2).flatten(2), layer.attention_out, precision);
  }

  at::Tensor run(const at::Tensor& ids_bt, const at::Tensor& position_bt, const at::Tensor& mask,
                 KeyValueCache* cache, Precision precision) const {
    at::Tensor x_btd = at::embedding(embedding, ids_bt);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Layer& layer = layers[i];
      const at::Tensor normed = rms_norm(x_btd, layer.attention_norm, config.norm_epsilon);
      x_btd = x_btd + attention(layer, normed, position_bt, mask, cache, i, precision);
      const at::Tensor inner = rms_norm(x_btd, layer.mlp_norm, config.norm_epsilon);
      const at::Tensor gate_up = linear(inner, at::cat({layer.gate, layer.up}), precision);
      x_btd = x_btd + linear(swiglu(gate_up), layer.down, precision);
    }
    return rms_norm(x_btd, final_norm, config.norm_epsilon);
  }
};

Transformer::Transformer(const Config& config, std::uint64_t seed)
    : state_(std::make_unique<State>(config, seed)) {
  TPT_CHECK(config == resolved(config, config.vocab_size), "the config is not resolved");
}

Transformer::~Transformer() = default;
Transformer::Transformer(Transformer&&) noexcept = default;

at::Tensor Transformer::forward(const at::Tensor& ids_bt, Precision precision,
                                const at::Tensor& document_bt) const {
  TPT_CHECK(ids_bt.size(1) <= state_->config.max_positions, "{} positions, at most {}",
            ids_bt.size(1), state_->config.max_positions);
  if (document_bt.defined()) {
    return state_->run(ids_bt, restarting_positions(document_bt), document_mask(document_bt),
                       nullptr, precision);
  }
  const at::Tensor positions = at::arange(ids_bt.size(1), ids_bt.options()).expand_as(ids_bt);
  return state_->run(ids_bt, positions, {}, nullptr, precision);
}

at::Tensor Transformer::logits(const at::Tensor& hidden, Precision precision) const {
  return linear(hidden, state_->head, precision);
}

at::Tensor Transformer::token_losses(const at::Tensor& hidden_nd, const at::Tensor& targets_n,
                                     Precision precision) const {
  return cross_entropy(hidden_nd, state_->head, targets_n, precision == Precision::bf16);
}

at::Tensor Transformer::extend(const at::Tensor& ids_bt, const at::Tensor& position_bt,
                               const at::Tensor& mask, KeyValueCache& cache,
                               Precision precision) const {
  return state_->run(ids_bt, position_bt, mask, &cache, precision);
}

const NamedTensors& Transformer::parameters() const { return state_->parameters; }

const Config& Transformer::config() const { return state_->config; }

}  // namespace tpt::model
