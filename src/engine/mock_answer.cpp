#include "engine/mock_answer.h"

#include "base/error.h"
#include "base/random.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

namespace tpt::engine {
namespace {

constexpr std::size_t kNameWords = 8;
constexpr std::int64_t kBytesOfPromptToken = 4;
constexpr std::size_t kShortestNamedBytes = 120;

enum class Kind { plain, looping, capped, refusal, copy };

Kind kind_of(const MockRules& rules, const MockRequest& request) {
  const MockConfig& config = rules.config;
  double left = draw_share(rules.kind_seed, request.text_key);
  for (const auto& [kind, share] :
       {std::pair(Kind::looping, config.loop_share), std::pair(Kind::capped, config.cap_share),
        std::pair(Kind::refusal, config.refusal_share), std::pair(Kind::copy, config.copy_share)}) {
    if (left < share) return kind;
    left -= share;
  }
  return Kind::plain;
}

// The mean times this. Lognormal with that mean, not that median.
double spread_factor(MockSpread spread, double sigma, std::uint64_t seed, MockKey key) {
  switch (spread) {
    case MockSpread::fixed:
      return 1;
    case MockSpread::uniform:
      return 2 * draw_share(seed, key);
    case MockSpread::lognormal: {
      const double radius = std::sqrt(-2 * std::log(1 - draw_share(seed, key, 1)));
      const double normal = radius * std::cos(2 * std::numbers::pi * draw_share(seed, key, 2));
      return std::exp(sigma * normal - sigma * sigma / 2);
    }
  }
  return 1;
}

// How many tokens an answer may have.
std::size_t cap_of(const MockRules& rules, const MockRequest& request) {
  const std::int64_t room =
      std::max<std::int64_t>(1, rules.config.context_tokens - prompt_tokens_of(request));
  const std::int64_t asked = request.max_tokens;
  return static_cast<std::size_t>(asked > 0 ? std::min(asked, room) : room);
}

// Words that no other prompt's thinking starts with.
void add_name(const MockPool& pool, const MockRules& rules, MockKey key, MockText& text) {
  for (std::size_t i = 0; i < kNameWords; ++i) {
    const auto chosen = draw(rules.text_seed, key, i + 1) % pool.words().count;
    text.add({.first = pool.words().first + static_cast<std::uint32_t>(chosen), .count = 1});
  }
}

// Thinking of exactly so many bytes or tokens.
void add_thinking(const MockRules& rules, const MockRequest& request, MockText& text) {
  const MockPool& pool = *rules.pool;
  const MockConfig& config = rules.config;
  const double factor =
      spread_factor(config.length_spread, config.length_sigma, rules.length_seed, request.text_key);
  const std::size_t start = draw(rules.text_seed, request.text_key) % pool.prose().count;
  if (config.answer_tokens > 0) {
    const auto tokens = static_cast<std::size_t>(
        std::max(1.0, std::round(factor * static_cast<double>(config.answer_tokens))));
    if (tokens > 2 * kNameWords) add_name(pool, rules, request.text_key, text);
    const std::size_t left = tokens - text.tokens();
    text.add_prose(start, left - 1);
    text.add({.first = pool.fillers().first, .count = 1});
    return;
  }
  const auto bytes = static_cast<std::size_t>(
      std::max(1.0, std::round(factor * static_cast<double>(config.answer_bytes))));
  if (bytes >= kShortestNamedBytes) add_name(pool, rules, request.text_key, text);
  // What the last whole token leaves is filled by the end of a sentence of that length.
  const std::size_t left = bytes - text.raw_bytes();
  const std::size_t count = pool.prose_tokens_within(start, left - 1);
  text.add_prose(start, count);
  const std::size_t rest = left - pool.prose_bytes(start, count);
  text.add({.first = pool.fillers().first + static_cast<std::uint32_t>(rest) - 1, .count = 1});
}

void add_looping(const MockRules& rules, const MockRequest& request, std::size_t cap,
                 MockText& text) {
  add_thinking(rules, request, text);
  const MockPool& pool = *rules.pool;
  text.cut(std::max<std::size_t>(1, text.tokens() / 2));
  if (text.tokens() >= cap) return;
  const std::uint64_t drawn = draw(rules.text_seed, request.text_key, 100);
  text.add_prose(drawn % pool.prose().count, cap - text.tokens(), 3 + (drawn >> 32U) % 40);
}

void add_endless(const MockRules& rules, const MockRequest& request, std::size_t cap,
                 MockText& text) {
  add_thinking(rules, request, text);
  if (text.tokens() > cap) return;
  // Past the cap, so that it is cut.
  text.add_prose(draw(rules.text_seed, request.text_key, 101) % rules.pool->prose().count,
                 cap + 1 - text.tokens());
}

// The line after the thinking, where there is a place for it.
void add_final_line(const MockRules& rules, const MockRequest& request, MockText& text) {
  const MockPool& pool = *rules.pool;
  const std::size_t start = draw(rules.text_seed, request.text_key, 102) % pool.prose().count;
  text.add_prose(start, 12);
  text.add({.first = pool.fillers().first, .count = 1});
}

// The parts in the order they are said, the thinking in its place.
void place(const MockRules& rules, const MockRequest& request, const MockText& thinking,
           bool with_final_line, MockAnswer& answer) {
  const MockPool& pool = *rules.pool;
  MockThink think = rules.config.think;
  const bool has_field = think == MockThink::reasoning || think == MockThink::reasoning_content;
  if (has_field && request.chat) {
    answer.reasoning = thinking;
  } else if (think == MockThink::none) {
    answer.content = thinking;
    return;
  } else {
    // A plain completion has no fields: there the server leaves the model's own marks.
    if (think == MockThink::tags) answer.content.add(pool.think_start());
    answer.content.add(thinking);
    answer.content.add(pool.think_end());
  }
  if (with_final_line) add_final_line(rules, request, answer.content);
}

void cut_to(std::size_t cap, MockAnswer& answer) {
  if (answer.tokens() <= cap) return;
  answer.capped = true;
  answer.reasoning.cut(cap);
  answer.content.cut(cap - answer.reasoning.tokens());
}

// The text ends before the first stop string.
void cut_at_stop(const MockPool& pool, const MockRequest& request, MockAnswer& answer) {
  if (request.stop.empty()) return;
  const std::string text = answer.content.raw();
  std::size_t end = std::string::npos;
  for (const std::string& stop : request.stop) {
    if (!stop.empty()) end = std::min(end, text.find(stop));
  }
  if (end == std::string::npos) return;
  answer.content = MockText(pool);
  answer.content.add_own(std::string_view(text).substr(0, end));
  answer.capped = false;
  answer.stopped = true;
}

}  // namespace

std::string MockKey::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

MockRules::MockRules(MockConfig given, std::shared_ptr<const MockPool> made)
    : config(std::move(given)),
      pool(made != nullptr ? std::move(made)
                           : std::make_shared<MockPool>(static_cast<std::uint64_t>(config.seed))),
      faults(config.fault, config.fault_limit,
             derive_seed(static_cast<std::uint64_t>(config.seed), "mock", "fault")),
      text_seed(derive_seed(static_cast<std::uint64_t>(config.seed), "mock", "text")),
      length_seed(derive_seed(static_cast<std::uint64_t>(config.seed), "mock", "length")),
      kind_seed(derive_seed(static_cast<std::uint64_t>(config.seed), "mock", "kind")),
      latency_seed(derive_seed(static_cast<std::uint64_t>(config.seed), "mock", "latency")) {
  const double shares =
      config.loop_share + config.cap_share + config.refusal_share + config.copy_share;
  if (shares > 1 + 1e-9) {
    user_error("loop_share, cap_share, refusal_share and copy_share sum to {}, allowed at most 1",
               shares);
  }
  parse_outages(config.outage);
  append_json_escaped(config.model, model_json);
}

std::int64_t prompt_tokens_of(const MockRequest& request) {
  return std::max<std::int64_t>(
      1, (request.prompt_bytes + kBytesOfPromptToken - 1) / kBytesOfPromptToken);
}

double latency_of(const MockRules& rules, const MockRequest& request) {
  const MockConfig& config = rules.config;
  if (config.latency_seconds <= 0) return 0;
  return config.latency_seconds * spread_factor(config.latency_spread, config.latency_sigma,
                                                rules.latency_seed, request.text_key);
}

MockAnswer compose(const MockRules& rules, const MockRequest& request) {
  const MockPool& pool = *rules.pool;
  MockAnswer answer(pool);
  const std::size_t cap = cap_of(rules, request);
  MockText thinking(pool);
  const Kind kind = kind_of(rules, request);
  switch (kind) {
    case Kind::plain:
      add_thinking(rules, request, thinking);
      break;
    case Kind::looping:
      add_looping(rules, request, cap, thinking);
      break;
    case Kind::capped:
      add_endless(rules, request, cap, thinking);
      break;
    case Kind::refusal:
      answer.content.add(pool.refusal());
      break;
    case Kind::copy:
      thinking.add_own(request.last_message);
      break;
  }
  if (kind != Kind::refusal) {
    place(rules, request, thinking, kind != Kind::looping && kind != Kind::capped, answer);
  }
  cut_to(cap, answer);
  // A loop fills the room to its last token and was still not at its end.
  if (kind == Kind::looping && answer.tokens() >= cap) answer.capped = true;
  cut_at_stop(pool, request, answer);
  return answer;
}

}  // namespace tpt::engine
