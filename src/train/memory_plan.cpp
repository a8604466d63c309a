#include "train/memory_plan.h"

#include "model/matrix_product.h"
#include "train/lanes.h"
#include "train/thread_scope.h"

#include <algorithm>
#include <cmath>

namespace tpt::train {
namespace {

constexpr double kFp32 = 4, kBf16 = 2, kInt64 = 8;
// So many logits are worked on at once: model/fused_cross_entropy.cpp,
// model/device_cross_entropy.cpp.
constexpr double kPieceLogits = 1 << 24, kGpuPieceLogits = 1 << 27;
// model/fused_ops.h: rows of up to so many positions go through the program's own attention.
constexpr double kOwnAttentionRow = 1024;
// A context, cuBLAS and NCCL take about this much; the allocator's gaps a share of the tensors.
constexpr double kGpuContextBytes = 1.5 * (1 << 30);
// On a CPU: what the libraries of products lay operands out in, measured.
constexpr double kLibraryBytes = 3 << 20;
constexpr double kGpuGapShare = 0.04;
constexpr std::int64_t kStepsLookedAt = 1000;

// Sizes of one layer and one pass, in elements.
struct Sizes {
  double tokens, rows, positions;
  double width, query, key, inner, heads, kv_heads, vocabulary;
  bool bf16, head_norms, isolated, on_gpu;
  bool adds_in_place;  // gradients of weights to those that stand (model/weight_gradient.h)
  bool copies;         // operands, in bf16, while a product runs (model/matrix_product.h)

  double qkv() const { return query + 2 * key; }
  // Bytes of an operand that a product keeps: the host keeps fp32.
  double product() const { return bf16 && on_gpu ? kBf16 : kFp32; }
};

Sizes sizes_of(const model::Config& model, const Config& config, const Sharing& sharing) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  return {.tokens = number(config.batch_rows * config.seq_length),
          .rows = number(config.batch_rows),
          .positions = number(config.seq_length),
          .width = number(model.hidden_size),
          .query = number(model.num_heads * model.head_dim),
          .key = number(model.num_kv_heads * model.head_dim),
          .inner = number(model.intermediate_size),
          .heads = number(model.num_heads),
          .kv_heads = number(model.num_kv_heads),
          .vocabulary = number(model.vocab_size),
          .bf16 = config.precision == model::Precision::bf16,
          .head_norms = model.has_head_norms(),
          .isolated = !config.cross_document_attention,
          .on_gpu = sharing.on_gpu,
          .adds_in_place = !sharing.on_gpu && sharing.ranks == 1,
          .copies = !sharing.on_gpu && model::copies_operands(config.precision)};
}

// Queries, keys, values and what comes of them. Own kernels and flash attention keep the heads as
// they are and the output once; torch's on the CPU wants keys and values a query head, and gives an
// output in another order than the next product takes.
double attention_bytes(const Sizes& of) {
  const double product = of.product();
  const double lse = kFp32 * of.heads;
  const bool own = of.positions <= kOwnAttentionRow;
  if (of.on_gpu || own) {
    const double first = own && of.isolated && !of.on_gpu ? kInt64 : 0;
    return of.tokens * (product * (of.qkv() + of.query) + lse + first);
  }
  const double operand = of.bf16 ? kBf16 : kFp32;
  const double mask = of.isolated ? of.rows * of.positions * of.positions * operand : 0;
  return of.tokens * (operand * 5 * of.query + lse) + mask;
}

// What a layer keeps for its backward pass, its input among it.
double kept_layer_bytes(const Sizes& of) {
  const double product = of.product();
  const double inner = of.on_gpu ? product : kFp32;   // of gate and up
  const double streams = 2 * kFp32 * (of.width + 1);  // both norms: their input and its scale
  const double operands = product * 2 * of.width;
  double bytes = of.tokens * (streams + operands + inner * 2 * of.inner + product * of.inner);
  if (of.head_norms) {
    bytes += of.tokens * (inner * of.qkv() + kFp32 * (of.heads + of.kv_heads));
  }
  return bytes + attention_bytes(of);
}

// On a GPU products keep what they multiply with: in bf16 a cast of every weight.
double layer_cast_bytes(const Sizes& of) {
  const double joined = of.width * (of.qkv() + 2 * of.inner);
  const double single = of.width * (of.query + of.inner);
  return of.bf16 && of.on_gpu ? kBf16 * (joined + single) : 0;
}

// Beyond what the forward pass kept: the gradients inside the MLP, and the stream's.
double layer_backward_bytes(const Sizes& of) {
  const double product = of.product();
  const double inner = of.on_gpu ? product : kFp32;
  const double gradients = inner * 3 * of.inner - product * of.inner;
  const double joined = 2 * of.inner * of.width;
  const double weight = of.adds_in_place ? 0 : kFp32 * joined / 2;
  const double copies = of.copies ? kBf16 * (joined + of.tokens * (of.width + 2 * of.inner)) : 0;
  return of.tokens * (gradients + 2 * kFp32 * of.width) + weight + copies;
}

struct Head {
  double kept;      // logits from forward to backward, and the hidden states
  double backward;  // what the backward pass of the head adds
};

// Every piece is made again in the backward pass; the head is cast once.
Head head_bytes_on_gpu(const Sizes& of) {
  const double piece = std::min(of.tokens * of.vocabulary, kGpuPieceLogits);
  const double matrix = of.vocabulary * of.width;
  const double stream = kFp32 * of.tokens * of.width;
  const double products = of.bf16 ? kBf16 * (2 * matrix + 2 * piece) : kFp32 * (matrix + piece);
  return {.kept = stream + of.tokens * 4 * kFp32,
          .backward = kFp32 * (piece + matrix) + products + stream};
}

// On a CPU the gradients are made on the way forward, in pieces, and kept: of the head a matrix
// where it is not added in place.
Head head_bytes(const Sizes& of) {
  if (of.on_gpu) {
    return head_bytes_on_gpu(of);
  }
  const double logits = of.tokens * of.vocabulary;
  const double pieces = std::max(1.0, std::ceil(logits / kPieceLogits));
  const double piece_rows = std::ceil(of.tokens / pieces), piece = piece_rows * of.vocabulary;
  const double matrix = of.vocabulary * of.width;
  const double cast = of.copies ? kBf16 * (2 * matrix + piece) : 0;
  const double apart = of.adds_in_place ? 0 : matrix;
  return {.kept = of.tokens * kFp32 * (of.width + 4),
          .backward = kFp32 * (piece + apart + piece_rows * of.width) + cast +
                      kFp32 * of.tokens * of.width};
}

std::int64_t deepest(const model::Config& model, const Config& config) {
  std::int64_t most = 1;
  for (std::int64_t step = 0; step < kStepsLookedAt; ++step) {
    most = std::max(most, model::sampled_repeats(model.recurrence,
                                                 static_cast<std::uint64_t>(config.seed), step));
  }
  return most;
}

void add_step(const Sizes& of, const model::Config& model, const Config& config, MemoryPlan& plan) {
  const model::Config unrolled = model::unrolled(model, deepest(model, config));
  const auto layers = static_cast<double>(unrolled.num_layers);
  const double stream = kFp32 * of.tokens * of.width;
  const double matrix = kFp32 * of.vocabulary * of.width;
  const Head head = head_bytes(of);
  const double layer = kept_layer_bytes(of), casts = layer_cast_bytes(of);
  if (config.recompute_layers) {
    plan.activations = layers * stream + head.kept;
    plan.layer = layer - stream + casts + layer_backward_bytes(of);
  } else {
    plan.activations = layers * layer + head.kept;
    plan.weight_casts = layers * casts;
    plan.layer = layer_backward_bytes(of);
  }
  // The gradient of a tied head waits for the embedding's, which is as large.
  const double waiting = model.tie_embeddings && !of.adds_in_place ? matrix : 0;
  const double in_head = plan.activations + plan.weight_casts + head.backward;
  const double in_layers = plan.activations + plan.weight_casts + waiting + plan.layer;
  const double in_embedding = waiting + (of.adds_in_place ? 0 : matrix) + stream;
  plan.head = in_head >= in_layers ? head.backward : waiting;
  plan.peak = std::max({in_head, in_layers, in_embedding});
}

std::int64_t lanes_of(const model::Config& model, const Config& config, const Sharing& sharing) {
  return sharing.on_gpu || sharing.ranks > 1
             ? 1
             : count_lanes(config.batch_rows, count_threads(config.threads),
                           model::num_parameters(model));
}

}  // namespace

MemoryPlan plan_memory(const model::Config& model, const Config& config, const Sharing& sharing) {
  MemoryPlan plan;
  const auto parameters = static_cast<double>(model::num_parameters(model));
  const auto ranks = static_cast<double>(sharing.optimizer ? sharing.ranks : 1);
  // Muon keeps one moment of the matrices inside the network, AdamW two of everything.
  const double matrices = static_cast<double>(model::num_matmul_parameters(model) -
                                              model.vocab_size * model.hidden_size);
  const double second = parameters - (config.optimizer == OptimizerKind::muon ? matrices : 0.0);
  plan.weights = kFp32 * parameters;
  plan.gradients = kFp32 * parameters;
  plan.moments = kFp32 * (parameters + second) / ranks;
  plan.average = config.ema_decay > 0.0 ? kFp32 * parameters / ranks : 0;
  // Each lane holds what a run of its rows would, and gradients of its own.
  const std::int64_t lanes = lanes_of(model, config, sharing);
  Config lane = config;
  lane.batch_rows = (config.batch_rows + lanes - 1) / lanes;
  add_step(sizes_of(model, lane, sharing), model, config, plan);
  for (double* part : {&plan.gradients, &plan.activations, &plan.weight_casts, &plan.layer,
                       &plan.head, &plan.peak}) {
    *part *= static_cast<double>(lanes);
  }
  const double held = plan.weights + plan.gradients + plan.moments + plan.average;
  plan.peak += held;
  plan.reserve = sharing.on_gpu ? kGpuContextBytes + kGpuGapShare * plan.peak : kLibraryBytes;
  plan.peak += plan.reserve;
  plan.state_copy = held - plan.gradients;
  return plan;
}

std::int64_t most_rows(const model::Config& model, Config config, const Sharing& sharing,
                       double bytes) {
  const auto fits = [&](std::int64_t rows) {
    config.batch_rows = rows;
    return plan_memory(model, config, sharing).peak <= bytes;
  };
  constexpr std::int64_t kMost = 1 << 24;
  if (!fits(1)) {
    return 0;
  }
  std::int64_t enough = 1;
  while (enough < kMost && fits(2 * enough)) {
    enough *= 2;
  }
  std::int64_t too_many = 2 * enough;
  while (too_many - enough > 1) {
    const std::int64_t middle = (enough + too_many) / 2;
    (fits(middle) ? enough : too_many) = middle;
  }
  return enough;
}

}  // namespace tpt::train
