#include "augment/request.h"

#include "base/digest.h"
#include "base/random.h"

#include <fmt/format.h>

namespace tpt::augment {

namespace {

std::string hash_of(const engine::Request& request, const std::string& engine_name) {
  Sha256 hash;
  // Each with its length, so that no two requests run together into the same bytes.
  const auto add = [&hash](std::string_view part) {
    hash.update(fmt::format("{}:", part.size())).update(part);
  };
  add(engine_name);
  add(request.prompt);
  add(request.document);
  add(request.answer_start);
  const engine::Sampling& sampling = request.sampling;
  add(fmt::format("{} {} {} {} {} {}", request.chat, sampling.temperature, sampling.top_p,
                  sampling.top_k, sampling.max_tokens, sampling.seed));
  for (const std::string& stop : sampling.stop) {
    add(stop);
  }
  return hash.hex();
}

}  // namespace

DocumentRequest make_request(const Config& config, const Prompt& prompt, const Document& document,
                             const engine::Engine& engine) {
  const auto run_seed = static_cast<std::uint64_t>(config.seed);
  const std::size_t shown = context_bytes(document.text, config.context_tokens, engine.tokens());
  DocumentRequest made;
  made.context_bytes = static_cast<std::int64_t>(shown);
  engine::Request& request = made.request;
  request.key = document.id;
  request.prompt = prompt.render(std::string_view(document.text).substr(0, shown),
                                 derive_seed(run_seed, document.id, "focus"));
  request.chat = config.chat;
  request.answer_start = config.think_start;
  request.document = document.text;
  request.sampling.temperature = config.temperature;
  request.sampling.top_p = config.top_p;
  request.sampling.top_k = config.top_k;
  request.sampling.max_tokens = config.max_thinking_tokens;
  request.sampling.seed = derive_seed(run_seed, document.id, "augment");
  if (!config.think_end.empty()) {
    request.sampling.stop = {config.think_end};
  }
  made.hash = hash_of(request, engine.name());
  return made;
}

}  // namespace tpt::augment
