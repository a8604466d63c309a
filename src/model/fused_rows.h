// The loops of the fused operations, over plain rows of floats.
#pragma once

#include <cstdint>

namespace tpt::model {

// y = x / sqrt(mean(x^2) + epsilon) * weight, rows of d; `inverse` takes what each row was scaled
// with.
void norm_rows(const float* x, const float* weight, float* y, float* inverse, std::int64_t rows,
               std::int64_t d, float epsilon);
// Sets grad_x, with `residual` [rows, d] added where it is not null; adds to grad_weight.
void norm_rows_backward(const float* grad, const float* x, const float* weight,
                        const float* inverse, const float* residual, float* grad_x,
                        float* grad_weight, std::int64_t rows, std::int64_t d);

// out [rows, f] = silu(gate) * up; gate_up [rows, 2 f] holds gate, then up.
void swiglu_rows(const float* gate_up, float* out, std::int64_t rows, std::int64_t f);
// out [rows, 2 f]: the gradient of gate_up.
void swiglu_rows_backward(const float* grad, const float* gate_up, float* out, std::int64_t rows,
                          std::int64_t f);

// Turns one head of 2 `half` floats by its position: halves are paired. `direction` -1 turns back.
void turn_head(const float* in, float* out, const float* cosines, const float* sines,
               std::int64_t half, float direction);

// Logits [rows, v] -> their log-sum-exp and the loss of the target, in nats.
void losses_of_rows(const float* logits, const std::int64_t* targets, float* losses, float* lse,
                    std::int64_t rows, std::int64_t v);
// Turns logits into their gradient in place: (softmax - one hot) * grad.
void gradients_of_rows(float* logits, const std::int64_t* targets, const float* lse,
                       const float* grad, std::int64_t rows, std::int64_t v);

}  // namespace tpt::model
