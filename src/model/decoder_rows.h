// The loops of the decoder, over plain rows of floats. Sums are in a fixed order, so that a row
// gives the same bits whatever stands beside it.
#pragma once

#include <cstdint>

namespace tpt::model {

// x / sqrt(mean(x^2) + epsilon) * weight.
void norm_row(const float* x, const float* weight, float* y, std::int64_t d, float epsilon);

// silu(gate) * up; gate_up holds `f` of gate, then `f` of up.
void swiglu_row(const float* gate_up, float* out, std::int64_t f);

// Turns one head of 2 `half` floats in place by its position.
void turn_row(float* head, const float* cosines, const float* sines, std::int64_t half);

// One query head over `t` positions: softmax(q k / sqrt(n)) v. `stride` floats lie between
// positions; `weights` has room for t.
void attend_head(const float* query, const float* keys, const float* values, float* weights,
                 float* out, std::int64_t t, std::int64_t stride, std::int64_t n);

// Columns of y [rows, out] = x [rows, in] tile [in, kTileColumns]; only the first `columns` of them
// are written.
constexpr std::int64_t kTileColumns = 32;
void multiply_tile(const float* x, std::int64_t rows, std::int64_t in, const float* tile, float* y,
                   std::int64_t out, std::int64_t columns);

}  // namespace tpt::model
