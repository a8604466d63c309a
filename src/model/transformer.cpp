#include "model/transformer.h"

#include "base/error.h"
#include "base/random.h"
#include "model/device_layer.h"
#include "model/fused_linear.h"
#include "model/fused_ops.h"
#include "model/layer_weights.h"
#include "model/recompute.h"
#include "model/rotary_tables.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <optional>

namespace tpt::model {
namespace {

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

// Attention by torch's kernels, for long rows: [b, H, t, n] -> [b, t, H n]. Keys and values are
// repeated where several query heads share one.
at::Tensor attend_by_torch(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                           const std::optional<at::Tensor>& mask, Precision precision) {
  const std::int64_t share = query.size(1) / key.size(1);
  const auto type = precision == Precision::bf16 ? at::kBFloat16 : at::kFloat;
  const auto repeated = [&](const at::Tensor& x) {
    return (share == 1 ? x : x.repeat_interleave(share, 1)).to(type);
  };
  return at::scaled_dot_product_attention(query.to(type), repeated(key), repeated(value), mask, 0.0,
                                          !mask.has_value())
      .to(at::kFloat)
      .transpose(1, 2)
      .flatten(2);
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

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

// Writers may store a tied head all the same, or it alone.
void join_tied_head(std::map<std::string, at::Tensor>& weights, const std::string& origin) {
  const auto head = weights.find("lm_head.weight");
  if (head == weights.end()) return;
  const auto embedding = weights.emplace("model.embed_tokens.weight", head->second).first;
  if (!at::equal(embedding->second, head->second)) {
    data_error(
        "{}: tensor lm_head.weight is not model.embed_tokens.weight, but config.json ties them",
        origin);
  }
  weights.erase(head);
}

// True where position j may be attended to from i: the same document, and not later.
at::Tensor document_mask(const at::Tensor& document_bt) {
  const std::int64_t t = document_bt.size(1);
  const at::Tensor same = document_bt.unsqueeze(2).eq(document_bt.unsqueeze(1));
  const at::Tensor causal = at::ones({t, t}, document_bt.options().dtype(at::kBool)).tril();
  return same.logical_and(causal).unsqueeze(1);
}

}  // namespace

// Gives the tensor of a name and shape.
using Weights = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;

struct Transformer::State {
  Config config;
  at::Tensor embedding;
  std::vector<Layer> layers;
  at::Tensor final_norm;
  at::Tensor head;  // the embedding where tied
  NamedTensors parameters;
  mutable GrowingRotaryTables rotary;
  std::optional<Kernels> chosen;

  State(const Config& shape, const Weights& weights) : config(shape), rotary(shape) {
    TPT_CHECK(config == resolved(config, config.vocab_size), "the config is not resolved");
    const std::int64_t d = config.hidden_size;
    const auto take = [&](const std::string& name, at::IntArrayRef sizes) {
      at::Tensor tensor = weights(name, sizes);
      tensor.set_requires_grad(true);
      parameters.emplace_back(name, tensor);
      return tensor;
    };
    embedding = take("model.embed_tokens.weight", {config.vocab_size, d});
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
      layers.push_back(take_layer(fmt::format("model.layers.{}.", i), take));
    }
    final_norm = take("model.norm.weight", {d});
    head = config.tie_embeddings ? embedding : take("lm_head.weight", {config.vocab_size, d});
  }

  template <typename Take>
  Layer take_layer(const std::string& name, const Take& take) const {
    const std::int64_t d = config.hidden_size;
    const std::int64_t query_width = config.num_heads * config.head_dim;
    const std::int64_t key_width = config.num_kv_heads * config.head_dim;
    Layer layer;
    layer.attention_norm = take(name + "input_layernorm.weight", {d});
    layer.query = take(name + "self_attn.q_proj.weight", {query_width, d});
    layer.key = take(name + "self_attn.k_proj.weight", {key_width, d});
    layer.value = take(name + "self_attn.v_proj.weight", {key_width, d});
    if (config.has_qkv_bias()) {
      layer.query_bias = take(name + "self_attn.q_proj.bias", {query_width});
      layer.key_bias = take(name + "self_attn.k_proj.bias", {key_width});
      layer.value_bias = take(name + "self_attn.v_proj.bias", {key_width});
    }
    if (config.has_head_norms()) {
      layer.query_norm = take(name + "self_attn.q_norm.weight", {config.head_dim});
      layer.key_norm = take(name + "self_attn.k_norm.weight", {config.head_dim});
    }
    layer.attention_out = take(name + "self_attn.o_proj.weight", {d, query_width});
    layer.mlp_norm = take(name + "post_attention_layernorm.weight", {d});
    layer.gate = take(name + "mlp.gate_proj.weight", {config.intermediate_size, d});
    layer.up = take(name + "mlp.up_proj.weight", {config.intermediate_size, d});
    layer.down = take(name + "mlp.down_proj.weight", {d, config.intermediate_size});
    return layer;
  }

  static at::Tensor query_key_value(const Layer& layer, const at::Tensor& x_btd,
                                    Precision precision) {
    std::optional<at::Tensor> bias;
    if (layer.query_bias.defined()) {
      bias = at::cat({layer.query_bias, layer.key_bias, layer.value_bias});
    }
    return joined_linear(x_btd, layer.query, layer.key, layer.value, bias, precision);
  }

  // What the heads of each position give, side by side.
  at::Tensor attended(const Layer& layer, const at::Tensor& x_btd, const at::Tensor& position_bt,
                      const at::Tensor& document_bt, const RotaryTables& tables,
                      Precision precision) const {
    at::Tensor qkv = query_key_value(layer, x_btd, precision);
    if (layer.query_norm.defined()) {
      qkv = norm_heads(qkv, layer.query_norm, layer.key_norm, config.num_heads, config.num_kv_heads,
                       config.norm_epsilon);
    }
    const auto [query, key, value] =
        split_heads_rotary(qkv, position_bt, tables, config.num_heads, config.num_kv_heads);
    if (x_btd.size(1) <= kMaxAttentionRow) {
      at::Tensor first_bt;
      if (document_bt.defined()) {
        first_bt = at::arange(x_btd.size(1), position_bt.options()) - position_bt;
      }
      return causal_attention(query, key, value, first_bt);
    }
    std::optional<at::Tensor> mask;
    if (document_bt.defined()) mask = document_mask(document_bt);
    return attend_by_torch(query, key, value, mask, precision);
  }

  at::Tensor run_layer(const Layer& layer, const at::Tensor& x_btd, const at::Tensor& position_bt,
                       const at::Tensor& document_bt, const RotaryTables& tables,
                       Precision precision) const {
    const double epsilon = config.norm_epsilon;
    const at::Tensor mixed = attended(layer, rms_norm(x_btd, layer.attention_norm, epsilon),
                                      position_bt, document_bt, tables, precision);
    return add_gated_mlp(add_linear(x_btd, mixed, layer.attention_out, precision), layer.mlp_norm,
                         epsilon, layer.gate, layer.up, layer.down, precision);
  }

  Kernels kernels() const {
    return chosen.value_or(embedding.is_cpu() ? Kernels::rows : Kernels::torch);
  }

  at::Tensor run_by_torch(const at::Tensor& ids_bt, const at::Tensor& document_bt,
                          Precision precision, Activations activations,
                          std::int64_t repeats) const {
    const at::Device device = embedding.device();
    const std::int64_t b = ids_bt.size(0), t = ids_bt.size(1);
    DevicePass pass{spans_of(document_bt, b, t, device),
                    {},
                    precision == Precision::bf16 ? at::kBFloat16 : at::kFloat};
    pass.rotary = rotary_of(rotary.reaching(t, device), pass.spans.position_N);
    const bool again = activations == Activations::recomputed && at::GradMode::is_enabled();
    at::Tensor x_Nd = at::embedding(embedding, moved(ids_bt, device).flatten());
    for (const std::int64_t number : layers_in_order(config, times(repeats))) {
      const Layer& layer = layers[static_cast<std::size_t>(number)];
      const auto part = [pass, this, &layer](const at::Tensor& x) {
        return device_layer(config, layer, pass, x);
      };
      x_Nd = again ? recomputed(part, x_Nd) : part(x_Nd);
    }
    return device_rms_norm(x_Nd, final_norm, config.norm_epsilon, at::kFloat).view({b, t, -1});
  }

  std::int64_t times(std::int64_t repeats) const {
    return repeats == 0 ? config.recurrence.repeats : repeats;
  }

  at::Tensor run(const at::Tensor& ids_bt, const at::Tensor& position_bt,
                 const at::Tensor& document_bt, Precision precision, Activations activations,
                 std::int64_t repeats) const {
    const RotaryTables tables = rotary.reaching(ids_bt.size(1));
    const bool again = activations == Activations::recomputed && at::GradMode::is_enabled();
    at::Tensor x_btd = embed(embedding, ids_bt);
    for (const std::int64_t number : layers_in_order(config, times(repeats))) {
      const Layer& layer = layers[static_cast<std::size_t>(number)];
      const auto part = [=, this, &layer](const at::Tensor& x) {
        return run_layer(layer, x, position_bt, document_bt, tables, precision);
      };
      x_btd = again ? recomputed(part, x_btd) : part(x_btd);
    }
    return rms_norm(x_btd, final_norm, config.norm_epsilon);
  }
};

Transformer::Transformer(const Config& config, std::uint64_t seed) {
  const double out_std = config.init_std / std::sqrt(2.0 * static_cast<double>(config.num_layers));
  state_ = std::make_unique<State>(config, [&](const std::string& name, at::IntArrayRef shape) {
    if (name.ends_with("bias")) return at::zeros(shape);
    if (name.ends_with("norm.weight")) return at::ones(shape);
    const bool is_out = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    return normal_tensor(shape, is_out ? out_std : config.init_std, seed, name);
  });
}

Transformer::Transformer(const Config& config, const NamedTensors& weights,
                         const std::string& origin) {
  std::map<std::string, at::Tensor> left(weights.begin(), weights.end());
  if (config.tie_embeddings) join_tied_head(left, origin);
  state_ = std::make_unique<State>(config, [&](const std::string& name, at::IntArrayRef shape) {
    const auto found = left.find(name);
    if (found == left.end()) data_error("{}: tensor {} is missing", origin, name);
    if (found->second.sizes() != shape) {
      data_error("{}: tensor {} is {}, config.json makes it {}", origin, name,
                 shape_text(found->second.sizes()), shape_text(shape));
    }
    const at::Tensor tensor = found->second.detach().contiguous();
    TPT_CHECK(tensor.scalar_type() == at::kFloat, "{} is not fp32", name);
    if (!at::isfinite(tensor).all().item<bool>()) {
      data_error("{}: tensor {} holds numbers that are not finite", origin, name);
    }
    left.erase(found);
    return tensor;
  });
  // Old writers stored the rotary frequencies.
  for (const auto& [name, tensor] : left) {
    if (!name.ends_with("rotary_emb.inv_freq")) {
      data_error("{}: tensor {} is not part of the model that config.json describes", origin, name);
    }
  }
}

Transformer::Transformer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transformer::~Transformer() = default;
Transformer::Transformer(Transformer&&) noexcept = default;

Transformer Transformer::twin() const {
  auto next = state_->parameters.begin();
  auto same = std::make_unique<State>(state_->config, [&](const std::string&, at::IntArrayRef) {
    return (next++)->second.detach();
  });
  same->chosen = state_->chosen;
  return Transformer(std::move(same));
}

at::Tensor Transformer::forward(const at::Tensor& ids_bt, Precision precision,
                                const at::Tensor& document_bt, Activations activations,
                                std::int64_t repeats) const {
  if (state_->kernels() == Kernels::torch) {
    return state_->run_by_torch(ids_bt, document_bt, precision, activations, repeats);
  }
  if (document_bt.defined()) {
    return state_->run(ids_bt, restarting_positions(document_bt), document_bt, precision,
                       activations, repeats);
  }
  const at::Tensor positions = at::arange(ids_bt.size(1), ids_bt.options()).expand_as(ids_bt);
  return state_->run(ids_bt, positions, {}, precision, activations, repeats);
}

at::Tensor Transformer::logits(const at::Tensor& hidden, Precision precision) const {
  if (precision == Precision::fp32) return at::linear(hidden, state_->head);
  return at::linear(hidden.to(at::kBFloat16), state_->head.to(at::kBFloat16)).to(at::kFloat);
}

at::Tensor Transformer::token_losses(const at::Tensor& hidden_nd, const at::Tensor& targets_n,
                                     Precision precision) const {
  if (state_->kernels() == Kernels::torch) {
    return device_cross_entropy(hidden_nd, state_->head, moved(targets_n, device()),
                                precision == Precision::bf16);
  }
  return cross_entropy(hidden_nd, state_->head, targets_n, precision);
}

at::Tensor Transformer::backward(const at::Tensor& hidden_nd, const at::Tensor& targets_n,
                                 const at::Tensor& coefficients_n, Precision precision) const {
  if (state_->kernels() == Kernels::rows) {
    return backward_weighted_loss(hidden_nd, state_->head, targets_n, coefficients_n, precision);
  }
  const at::Tensor losses_n = token_losses(hidden_nd, targets_n, precision);
  at::dot(losses_n, moved(coefficients_n, device())).backward();
  return losses_n.detach();
}

void Transformer::use(Kernels kernels) { state_->chosen = kernels; }

at::Device Transformer::device() const { return state_->embedding.device(); }

const NamedTensors& Transformer::parameters() const { return state_->parameters; }

const Config& Transformer::config() const { return state_->config; }

}  // namespace tpt::model
