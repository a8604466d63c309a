#include "model/model_scorer.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <vector>

namespace tpt::model {

ModelScorer::ModelScorer(std::shared_ptr<const Transformer> network,
                         std::shared_ptr<const tokenize::Tokenizer> tokenizer, Precision precision)
    : network_(std::move(network)), tokenizer_(std::move(tokenizer)), precision_(precision) {}

engine::TextScore ModelScorer::score(std::string_view context, std::string_view continuation) {
  std::vector<tokenize::TokenId> ids = tokenizer_->encode(context);
  const auto context_tokens = static_cast<std::int64_t>(ids.size());
  tokenizer_->encode(continuation, ids);
  const auto total = static_cast<std::int64_t>(ids.size());
  if (total - 1 > network_->config().max_positions) {
    user_error("{} tokens to score, the model has {} positions", total,
               network_->config().max_positions);
  }
  const std::int64_t first = std::max<std::int64_t>(context_tokens, 1);
  engine::TextScore score{.bytes = static_cast<std::int64_t>(continuation.size())};
  if (total <= first) return score;
  const c10::InferenceMode inference;
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const at::Tensor all = at::tensor(wide);
  const at::Tensor hidden_btd =
      network_->forward(all.narrow(0, 0, total - 1).unsqueeze(0), precision_);
  const at::Tensor losses =
      network_->token_losses(hidden_btd[0].narrow(0, first - 1, total - first),
                             all.narrow(0, first, total - first), precision_);
  score.log_probability = -losses.to(at::kDouble).sum().item<double>();
  score.tokens = total - first;
  return score;
}

}  // namespace tpt::model
