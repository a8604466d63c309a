// Generation with a transformer, many sequences at once: each has its own keys and values, so that
// unequal lengths need no padding and a finished one leaves at any step. What a sequence computes
// does not depend, to the last bit, on the others in the step or on the thread count.
#pragma once

#include "model/packed_matrix.h"
#include "model/rotary_tables.h"
#include "model/transformer.h"

#include <cstdint>
#include <vector>

namespace tpt::model {

// Keys and values of the positions of one sequence, a vector [t, K head_dim] for each layer of a
// pass: a repeated layer has one for each time.
struct SequenceCache {
  std::vector<std::vector<float>> keys;
  std::vector<std::vector<float>> values;
  std::int64_t length = 0;
};

// The next token of a sequence. Several of one sequence in a step stand in their order.
struct DecoderToken {
  SequenceCache* sequence = nullptr;
  std::int32_t id = 0;
  bool wants_logits = false;
};

class Decoder {
 public:
  // Copies the weights. With Precision::bf16 the weights and what is multiplied with them are
  // rounded to bf16; sums are fp32. `repeats`: how often a repeated block is run; 0: as often as
  // the config says.
  Decoder(const Transformer& network, Precision precision, std::int64_t repeats = 0);

  // Appends the tokens to their sequences; logits [wanted, v] in the order of the tokens, valid
  // until the next step. At most max_positions tokens a sequence.
  const std::vector<float>& step(const std::vector<DecoderToken>& tokens);
  const Config& config() const { return config_; }

 private:
  struct Layer {
    std::vector<float> attention_norm;
    PackedMatrix query_key_value;
    std::vector<float> query_key_value_bias;  // empty where there is none
    std::vector<float> query_norm, key_norm;  // likewise
    PackedMatrix attention_out;
    std::vector<float> mlp_norm;
    PackedMatrix gate_up;
    PackedMatrix down;
  };
  struct Place {  // of one token in the step
    SequenceCache* sequence;
    std::int64_t position;
  };

  void take_places(const std::vector<DecoderToken>& tokens);
  void product(const PackedMatrix& matrix, std::vector<float>& x, std::int64_t rows,
               std::vector<float>& y) const;
  void normalize(const std::vector<float>& x, const std::vector<float>& weight, std::int64_t rows);
  void normalize_heads(const Layer& layer);
  void turn_and_store(std::size_t place);
  void attend(std::size_t number);
  void add_attention(const Layer& layer, std::size_t place);
  void add_mlp(const Layer& layer);

  Config config_;
  Precision precision_;
  std::vector<float> embedding_;
  std::vector<Layer> layers_;
  std::vector<std::int64_t> order_;  // of layers_ in a pass; a place in it has its own cache
  std::vector<float> final_norm_;
  PackedMatrix head_;
  GrowingRotaryTables tables_;
  RotaryTables rotary_;  // long enough for the step
  // Of the step under way: rows are its tokens.
  std::vector<Place> places_;
  std::vector<float> x_, normed_, qkv_, attended_, gate_up_, inner_, added_, logits_;
};

}  // namespace tpt::model
