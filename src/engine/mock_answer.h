// The answer of the mock server to one request: what it says, and the JSON around it.
#pragma once

#include "engine/mock_config.h"
#include "engine/mock_faults.h"
#include "engine/mock_request.h"
#include "engine/mock_text.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tpt::engine {

// A configuration made ready: the same for every request until it is changed.
struct MockRules {
  // Error(user) for faults or outages that are none.
  explicit MockRules(MockConfig given, std::shared_ptr<const MockPool> made = nullptr);

  MockConfig config;
  std::shared_ptr<const MockPool> pool;
  MockFaultPlan faults;
  std::uint64_t text_seed, length_seed, kind_seed, latency_seed;
  std::string model_json;  // the model's name as the inside of a JSON string
};

struct MockAnswer {
  explicit MockAnswer(const MockPool& pool) : reasoning(pool), content(pool) {}

  MockText reasoning;  // a field of its own; empty where the thinking is in the content
  MockText content;
  bool capped = false;   // finish_reason is "length"
  bool stopped = false;  // by one of the request's stop strings

  std::size_t tokens() const { return reasoning.tokens() + content.tokens(); }
};

// The same for the same rules and request, whoever asks and however often. Refers to the pool of
// the rules.
MockAnswer compose(const MockRules& rules, const MockRequest& request);

// Seconds from the request to the first token.
double latency_of(const MockRules& rules, const MockRequest& request);

std::int64_t prompt_tokens_of(const MockRequest& request);

// The 400 for a prompt that does not fit with its max_tokens, in the dialect's words; nothing where
// it does.
std::optional<std::string> context_error(const MockRules& rules, const MockRequest& request);

// {"error": ...} as the dialect writes it.
std::string error_json(MockDialect dialect, int status, std::string_view message,
                       std::string_view type);

// Appends a whole answer. `fault` is one that changes the JSON, or none.
void append_whole(const MockRules& rules, const MockRequest& request, const MockAnswer& answer,
                  MockFault fault, std::string& out);

// The events of a streamed answer, piece by piece.
class MockEvents {
 public:
  MockEvents(const MockRules& rules, const MockRequest& request, MockAnswer answer,
             MockFault fault);

  // Appends the events of the next `tokens` tokens, with the first event before and what ends the
  // stream behind where those are due. False when nothing is left.
  bool append(std::size_t tokens, std::string& out);
  std::size_t tokens() const { return answer_.tokens(); }
  std::size_t next_token() const { return next_; }

 private:
  void append_start(std::string& out) const;
  void append_tokens(std::size_t count, std::string& out);
  void append_end(std::string& out) const;
  std::string_view line_end() const { return fault_ == MockFault::extra_lines ? "\r\n" : "\n"; }

  const MockRules& rules_;
  bool chat_;
  bool include_usage_;
  std::int64_t prompt_tokens_;
  MockAnswer answer_;
  MockFault fault_;
  std::string event_start_;  // data: {"id":...,"choices":[{"index":0,
  std::size_t next_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace tpt::engine
