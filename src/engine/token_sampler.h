// Draws the next token from a model's logits: temperature, then top-k, then top-p. Exact, but made
// for vocabularies of 50,000 to 250,000 tokens of which a handful can be drawn: no full sort.
#pragma once

#include "base/random.h"
#include "engine/engine.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tpt::engine {

class TokenSampler {
 public:
  explicit TokenSampler(const Sampling& sampling);

  // The index drawn; equal logits are ordered by index. Nothing where the logits hold no
  // distribution (all -inf, or NaN or +inf among them).
  std::optional<std::int32_t> draw(std::span<const float> logits);

 private:
  struct Candidate {
    float logit = 0;
    std::int32_t index = 0;
    double weight = 0;  // exp((logit - largest) / temperature)
  };

  static bool comes_before(const Candidate& a, const Candidate& b);
  void measure(std::span<const float> logits);
  void gather(std::span<const float> logits, double gap);
  void keep_largest(std::size_t count);
  std::int32_t draw_from_all(std::span<const float> logits);
  std::int32_t draw_from_candidates();

  double temperature_;
  double top_p_;
  std::size_t top_k_;
  Random random_;
  float largest_ = 0;
  double total_ = 0;                  // of all weights, or of those that top_k left
  std::vector<float> block_largest_;  // of each block of logits
  std::vector<double> block_total_;
  std::vector<Candidate> candidates_;
  double candidates_total_ = 0;
};

}  // namespace tpt::engine
