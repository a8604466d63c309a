// Log-probabilities of given text under a transformer.
#pragma once

#include "engine/engine.h"
#include "model/transformer.h"
#include "tokenize/tokenizer.h"

#include <memory>
#include <string_view>

namespace tpt::model {

class ModelScorer : public engine::Scorer {
 public:
  ModelScorer(std::shared_ptr<const Transformer> network,
              std::shared_ptr<const tokenize::Tokenizer> tokenizer, Precision precision);
  // Context and continuation are tokenised apart. Without a context the first token is given, not
  // scored. Error(user) where both are longer than the model's positions.
  engine::TextScore score(std::string_view context, std::string_view continuation) override;

 private:
  std::shared_ptr<const Transformer> network_;
  std::shared_ptr<const tokenize::Tokenizer> tokenizer_;
  Precision precision_;
};

}  // namespace tpt::model
