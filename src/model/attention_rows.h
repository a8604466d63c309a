// Causal attention of one head and its backward, over plain rows of floats: for rows short enough
// that all weights of a head fit the cache.
#pragma once

#include <cstdint>
#include <vector>

namespace tpt::model {

// Rows of `n` floats, `stride` floats apart.
struct HeadRows {
  float* rows = nullptr;
  std::int64_t stride = 0;
};
struct ConstHeadRows {
  const float* rows = nullptr;
  std::int64_t stride = 0;
};

class HeadAttention {
 public:
  // `t` positions, `n` floats a head. Position i attends to first[i] .. i, or to 0 .. i where
  // `first` is null; first never falls.
  HeadAttention(std::int64_t t, std::int64_t n);

  // Keys and values may serve several query heads. They are laid out for one direction.
  enum class Direction { forward, backward };
  void set_keys_values(ConstHeadRows keys, ConstHeadRows values, Direction direction);
  // out = softmax(q k^T / sqrt(n)) v; lse [t] is what the backward needs of the weights.
  void forward(ConstHeadRows query, const std::int64_t* first, HeadRows out, float* lse);
  // Sets grad_query; adds to grad_key and grad_value.
  void backward(ConstHeadRows query, const std::int64_t* first, ConstHeadRows out, const float* lse,
                ConstHeadRows grad_out, HeadRows grad_query, HeadRows grad_key,
                HeadRows grad_value);

 private:
  std::int64_t t_;
  std::int64_t n_;
  std::int64_t padded_;  // t, rounded up to whole tiles: rows of weights_ are so long
  // By tiles of 32 columns: lanes are positions in the first two, floats of a head in the others.
  std::vector<float> keys_across_, values_across_;
  std::vector<float> keys_, values_, query_, grad_out_;
  std::vector<float> weights_, grad_weights_;  // [t, padded]
};

}  // namespace tpt::model
