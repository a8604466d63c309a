// The network: a Llama-family decoder (RMSNorm, RoPE, grouped-query attention, SwiGLU). It knows
// nothing of data or optimizers. Shapes in names: b rows, t positions, d hidden, v vocabulary.
//
//   Transformer network(config, /*seed=*/1);
//   at::Tensor hidden_btd = network.forward(ids_bt, Precision::fp32);
//   at::Tensor logits_btv = network.logits(hidden_btd, Precision::fp32);
#pragma once

#include "model/config.h"
#include "storage/safetensors.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tpt::model {

// What a forward pass keeps for the backward pass: all activations, or the input of each layer
// alone, which is then run again. The numbers are the same.
enum class Activations { kept, recomputed };

// What computes: the program's own loops over rows, for fp32 in the host's memory; or torch's
// kernels, in any device's memory.
enum class Kernels { rows, torch };

struct WeightedLoss;  // fused_ops.h

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

class Transformer {
 public:
  // Random weights: normal(0, init_std), the same for the same seed on every machine. Config must
  // be resolved().
  Transformer(const Config& config, std::uint64_t seed);
  // These weights, under the names of parameters(). Error(data) naming `origin` for missing,
  // unknown or misshapen tensors.
  Transformer(const Config& config, const NamedTensors& weights, const std::string& origin);
  ~Transformer();
  Transformer(Transformer&&) noexcept;
  // The same weights in the same memory, but parameters of its own: for another thread, with
  // gradients of its own.
  Transformer twin() const;

  // ids_bt: int64 [b, t] -> hidden states after the last norm [b, t, d]. Causal.
  // `document_bt` (int64 [b, t], may be undefined): positions attend only to positions with the
  // same number (which stand together), and rotary positions restart with each document.
  // ids_bt and document_bt may stand in the host's memory wherever the weights are; document_bt
  // must. `repeats`: how often a repeated block is run; 0: as often as the config says.
  at::Tensor forward(const at::Tensor& ids_bt, Precision precision,
                     const at::Tensor& document_bt = {},
                     Activations activations = Activations::kept, std::int64_t repeats = 0) const;
  // [.., d] -> [.., v], fp32.
  at::Tensor logits(const at::Tensor& hidden, Precision precision) const;
  // Cross-entropy of each target in nats: hidden [n, d], targets int64 [n] -> [n], fp32. May work
  // in pieces so that n x v is never held at once. TPT_CHECK that each target is below v.
  at::Tensor token_losses(const at::Tensor& hidden_nd, const at::Tensor& targets_n,
                          Precision precision) const;
  // The backward pass of their sum, each times its coefficient (fp32 [n]), into the gradients of
  // the parameters; gives them. Cheaper than by token_losses, and the same numbers.
  at::Tensor backward(const at::Tensor& hidden_nd, const at::Tensor& targets_n,
                      const at::Tensor& coefficients_n, Precision precision) const;
  // Leaf tensors that require gradients, under the names of Hugging Face
  // ("model.layers.0.self_attn.q_proj.weight"), in the order of a forward pass. A tied head is not
  // listed.
  const NamedTensors& parameters() const;
  const Config& config() const;
  // Where the weights are.
  at::Device device() const;
  // In place of what fits the device: rows where that is the host's memory, torch elsewhere.
  void use(Kernels kernels);

 private:
  struct State;
  explicit Transformer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A folder with config.json and model.safetensors (or its parts and their index) as `transformers`
// writes and reads them.
// Error(user) where files are missing; Error(data) for missing, unknown or misshapen tensors, by
// name, and for files that do not fit the folder's digests.json, where it has one.
Transformer load_transformer(const std::filesystem::path& folder);

struct SaveOptions {
  storage::TensorType type = storage::TensorType::f32;  // the weights are rounded to it
  // Weights that take more are cut into files of at most so many bytes (or of one tensor).
  std::int64_t max_shard_bytes = 5'000'000'000;
  // A model's folder from which the tokenizer's files, generation_config.json and what else
  // config.json says are taken over; empty: none.
  std::filesystem::path companions;
};

// Writes the same bytes as `transformers` does for the same weights. Error(data) naming a weight
// that the type cannot hold.
void save_transformer(const Transformer& network, const std::filesystem::path& folder,
                      const SaveOptions& options = {});

}  // namespace tpt::model
