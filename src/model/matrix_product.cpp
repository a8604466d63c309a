#include "model/matrix_product.h"

#include "base/error.h"
#include "model/block_product.h"

#include <ATen/ATen.h>

namespace tpt::model {
namespace {

void multiply_by_library(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                         bool add) {
  at::Tensor to = out.detach();
  if (add) {
    to.addmm_(left, right);
  } else {
    at::mm_out(to, left, right);
  }
}

void multiply_bf16_by_library(const at::Tensor& left, const at::Tensor& right,
                              const at::Tensor& out, bool add) {
  const at::Tensor product = at::mm(left.to(at::kBFloat16), right.to(at::kBFloat16));
  if (add) {
    out.detach().add_(product);
  } else {
    out.detach().copy_(product);
  }
}

using Product = void (*)(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                         bool add);

#ifdef __x86_64__
// MKL is at about half of what AMD's processors can do.
Product best_fp32_product() {
  const bool by_tiles = at::hasMKL() && __builtin_cpu_is("amd") && __builtin_cpu_supports("avx2") &&
                        __builtin_cpu_supports("fma");
  return by_tiles ? multiply_by_tiles : multiply_by_library;
}

// Pairs of bf16 are multiplied at twice the rate of fp32 by AMD's processors, by Intel's at half.
Product best_bf16_product() {
  if (__builtin_cpu_supports("amx-bf16")) return multiply_bf16_by_library;
  return __builtin_cpu_is("amd") && can_multiply_by_pairs() ? multiply_by_pairs
                                                            : multiply_rounded_by_tiles;
}
#else
Product best_fp32_product() { return multiply_by_library; }
Product best_bf16_product() { return multiply_bf16_by_library; }
#endif

Product best_product(Precision precision) {
  static const Product fp32 = best_fp32_product(), bf16 = best_bf16_product();
  switch (precision) {
    case Precision::fp32:
      return fp32;
    case Precision::bf16:
      return bf16;
  }
  TPT_CHECK(false, "unknown precision");
  return nullptr;
}

}  // namespace

void multiply(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out, bool add,
              Precision precision) {
  best_product(precision)(left, right, out, add);
}

bool copies_operands(Precision precision) {
  return best_product(precision) == multiply_bf16_by_library;
}

}  // namespace tpt::model
