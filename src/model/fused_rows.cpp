#include "model/fused_rows.h"

#include "model/vector_clones.h"

#include <cmath>

namespace tpt::model {

TPT_VECTOR_CLONES
void norm_rows(const float* x, const float* weight, float* y, float* inverse, std::int64_t rows,
               std::int64_t d, float epsilon) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * d;
    float sum = 0;
    for (std::int64_t i = 0; i < d; ++i) sum += row[i] * row[i];
    const float scale = 1.0F / std::sqrt(sum / static_cast<float>(d) + epsilon);
    inverse[r] = scale;
    for (std::int64_t i = 0; i < d; ++i) y[r * d + i] = row[i] * scale * weight[i];
  }
}

// grad_x = s (g w - x s^2 mean(g w x)); grad_w += g x s.
TPT_VECTOR_CLONES
void norm_rows_backward(const float* grad, const float* x, const float* weight,
                        const float* inverse, const float* residual, float* grad_x,
                        float* grad_weight, std::int64_t rows, std::int64_t d) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* g = grad + r * d;
    const float* row = x + r * d;
    const float scale = inverse[r];
    float dot = 0;
    for (std::int64_t i = 0; i < d; ++i) dot += g[i] * weight[i] * row[i];
    const float back = dot * scale * scale * scale / static_cast<float>(d);
    for (std::int64_t i = 0; i < d; ++i) {
      grad_x[r * d + i] = g[i] * weight[i] * scale - row[i] * back;
      grad_weight[i] += g[i] * row[i] * scale;
    }
    if (residual != nullptr) {
      for (std::int64_t i = 0; i < d; ++i) grad_x[r * d + i] += residual[r * d + i];
    }
  }
}

TPT_VECTOR_CLONES
void swiglu_rows(const float* gate_up, float* out, std::int64_t rows, std::int64_t f) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* gate = gate_up + r * 2 * f;
    const float* up = gate + f;
    for (std::int64_t i = 0; i < f; ++i) {
      out[r * f + i] = gate[i] * up[i] / (1.0F + fast_exp(-gate[i]));
    }
  }
}

TPT_VECTOR_CLONES
void swiglu_rows_backward(const float* grad, const float* gate_up, float* out, std::int64_t rows,
                          std::int64_t f) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* gate = gate_up + r * 2 * f;
    const float* up = gate + f;
    float* grad_gate = out + r * 2 * f;
    float* grad_up = grad_gate + f;
    const float* g = grad + r * f;
    for (std::int64_t i = 0; i < f; ++i) {
      const float sigmoid = 1.0F / (1.0F + fast_exp(-gate[i]));
      grad_gate[i] = g[i] * up[i] * sigmoid * (1.0F + gate[i] * (1.0F - sigmoid));
      grad_up[i] = g[i] * gate[i] * sigmoid;
    }
  }
}

TPT_VECTOR_CLONES
void turn_head(const float* in, float* out, const float* cosines, const float* sines,
               std::int64_t half, float direction) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float sine = sines[i] * direction;
    out[i] = in[i] * cosines[i] - in[i + half] * sine;
    out[i + half] = in[i + half] * cosines[i] + in[i] * sine;
  }
}

TPT_VECTOR_CLONES
void losses_of_rows(const float* logits, const std::int64_t* targets, float* losses, float* lse,
                    std::int64_t rows, std::int64_t v) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = logits + r * v;
    const float top = largest(row, v);
    float sum = 0;
    for (std::int64_t i = 0; i < v; ++i) sum += fast_exp(row[i] - top);
    lse[r] = top + std::log(sum);
    losses[r] = lse[r] - row[targets[r]];
  }
}

TPT_VECTOR_CLONES
void gradients_of_rows(float* logits, const std::int64_t* targets, const float* lse,
                       const float* grad, std::int64_t rows, std::int64_t v) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = logits + r * v;
    for (std::int64_t i = 0; i < v; ++i) row[i] = fast_exp(row[i] - lse[r]) * grad[r];
    row[targets[r]] -= grad[r];
  }
}

}  // namespace tpt::model
