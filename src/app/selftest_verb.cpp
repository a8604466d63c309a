#include "app/command_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "model/transformer.h"
#include "train/isolation.h"

#include <fmt/core.h>

namespace tpt::app {
namespace {

model::Transformer small_network() {
  model::Config shape;
  shape.hidden_size = 64;
  shape.num_layers = 2;
  shape.num_kv_heads = 2;
  return {model::resolved(shape, 512), 1};
}

}  // namespace

void selftest_verb(Arguments arguments, Run /*run*/) {
  std::string folder;
  std::string device = "auto";
  CommandLine line("selftest",
                   "Shows on this machine that documents in one row are kept apart where they are "
                   "to be: other text in the first changes no bit of the second's logits and "
                   "gradients. The same with isolation off must show a change.");
  line.text("model", folder, "a Hugging Face folder to try; else a small random model");
  line.text("device", device, "cpu, cuda, cuda:N; auto: a GPU where there is one");
  line.example("tpt selftest --model models/SmolLM2-135M");
  if (!line.parse(arguments)) return;
  const auto network = folder.empty() ? small_network() : model::load_transformer(folder);
  train::move_to_device(network, device);
  Json results = Json::array();
  bool passed = true;
  for (const auto& [word, precision] :
       {std::pair("fp32", model::Precision::fp32), std::pair("bf16", model::Precision::bf16)}) {
    // Rows on both sides of the length up to which the program's own attention works.
    for (const std::int64_t positions : {64, 1100}) {
      if (positions > network.config().max_positions) continue;
      const train::Leak apart = train::probe_isolation(network, positions, precision, true, 1);
      const train::Leak together = train::probe_isolation(network, positions, precision, false, 1);
      results.push_back({{"precision", word},
                         {"positions", positions},
                         {"isolated_logits_changed", apart.in_logits},
                         {"isolated_gradients_changed", apart.in_gradients},
                         {"joined_logits_changed", together.in_logits},
                         {"joined_gradients_changed", together.in_gradients},
                         {"joined_largest_logit_change", together.largest_logit_change}});
      passed = passed && !apart.any() && together.in_logits && together.in_gradients;
    }
  }
  fmt::print("{}\n", dump_json_pretty({{"isolation", results}, {"passed", passed}}));
  if (!passed)
    throw Error(ErrorKind::bug, "selftest: documents are not kept apart as they are to be");
}

}  // namespace tpt::app
