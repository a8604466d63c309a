#include "engine/mock_config.h"

#include "base/error.h"

#include <charconv>

namespace tpt::engine {
namespace {

constexpr double kYear = 366.0 * 86400;

void describe_place(Fields& fields, MockConfig& config) {
  fields.text("listen", config.listen, "HOST:PORT; :8000 is every address, port 0 any free one");
  fields.integer("threads", config.threads, "event loops that answer", 1, 256);
  fields.text("base_path", config.base_path, "put in front of /v1/..., such as /team/api");
  fields.text("model", config.model, "the model's name; requests that name another get 404");
  fields.text("api_key", config.api_key,
              "ask for this key and answer 401 without it; never use a real one");
  fields.choice("dialect", config.dialect,
                {{"vllm", MockDialect::vllm},
                 {"sglang", MockDialect::sglang},
                 {"openai", MockDialect::openai},
                 {"llama-server", MockDialect::llama_server}},
                "whose wording errors have");
  fields.integer("context_tokens", config.context_tokens,
                 "max_model_len: more of prompt and max_tokens gets 400; a token of a prompt is "
                 "four bytes",
                 1, 1 << 30);
  fields.integer("seed", config.seed, "texts, lengths and faults come from this and the request",
                 0);
}

void describe_answers(Fields& fields, MockConfig& config) {
  const std::vector<std::pair<std::string, MockSpread>> spreads = {
      {"fixed", MockSpread::fixed},
      {"uniform", MockSpread::uniform},
      {"lognormal", MockSpread::lognormal}};
  fields.integer("answer_bytes", config.answer_bytes, "mean length of the thinking, in bytes", 1,
                 1 << 28);
  fields.integer("answer_tokens", config.answer_tokens,
                 "the same in tokens (words); 0: answer_bytes says it", 0, 1 << 24);
  fields.choice("length_spread", config.length_spread, spreads, "of the lengths");
  fields.number("length_sigma", config.length_sigma, "of lognormal lengths", 0, 4);
  fields.choice("think", config.think,
                {{"none", MockThink::none},
                 {"reasoning_content", MockThink::reasoning_content},
                 {"reasoning", MockThink::reasoning},
                 {"tags", MockThink::tags},
                 {"end_tag", MockThink::end_tag}},
                "where the thinking stands: in the content, in a field, between <think> tags, "
                "before a lone </think>");
  fields.number("cap_share", config.cap_share, "prompts whose answer runs into max_tokens", 0, 1);
  fields.number("loop_share", config.loop_share,
                "prompts whose answer repeats itself until max_tokens", 0, 1);
  fields.number("refusal_share", config.refusal_share, "prompts that are refused politely", 0, 1);
  fields.number("copy_share", config.copy_share, "prompts that are said back", 0, 1);
  fields.number("latency_seconds", config.latency_seconds, "mean time to the first token", 0,
                kYear);
  fields.choice("latency_spread", config.latency_spread, spreads, "of that time");
  fields.number("latency_sigma", config.latency_sigma, "of lognormal times", 0, 4);
  fields.number("tokens_per_second", config.tokens_per_second, "of one answer; 0: all at once", 0,
                1e9);
  fields.integer("chunk_tokens", config.chunk_tokens, "tokens in one event of a stream", 1,
                 1 << 20);
  fields.integer("max_concurrent", config.max_concurrent,
                 "answers being written at one time; 0: any number", 0, 1 << 30);
  fields.choice("when_full", config.when_full,
                {{"queue", MockFull::queue}, {"refuse", MockFull::refuse}},
                "requests above that wait as in vLLM, or get 429");
}

double parse_seconds(std::string_view digits, const std::string& entry) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      !(seconds >= 0 && seconds <= kYear)) {
    user_error("outage: got {}, expected AFTER:SECONDS such as 30:60", entry);
  }
  return seconds;
}

}  // namespace

void describe(Fields& fields, MockConfig& config) {
  describe_place(fields, config);
  describe_answers(fields, config);
  fields.texts("fault", config.fault,
               "NAME=SHARE: this share of the requests goes wrong so; several may be given");
  fields.integer("fault_limit", config.fault_limit,
                 "faults that one request meets at most before it is answered; 0: any number", 0,
                 1 << 30);
  fields.number("retry_after_seconds", config.retry_after_seconds,
                "what Retry-After says, whole seconds", 0, 1e6);
  fields.number("drip_seconds", config.drip_seconds, "between two bytes of a slow drip", 0, 3600);
  fields.texts("outage", config.outage,
               "AFTER:SECONDS: gone for that long, port closed and connections reset");
  fields.flag("log_requests", config.log_requests,
              "keep a line of each request for GET /mock/requests");
}

std::vector<MockOutage> parse_outages(const std::vector<std::string>& entries) {
  std::vector<MockOutage> outages;
  for (const std::string& entry : entries) {
    const std::size_t colon = entry.find(':');
    if (colon == std::string::npos) parse_seconds("", entry);
    const std::string_view text = entry;
    outages.push_back({.after_seconds = parse_seconds(text.substr(0, colon), entry),
                       .seconds = parse_seconds(text.substr(colon + 1), entry)});
  }
  return outages;
}

}  // namespace tpt::engine
