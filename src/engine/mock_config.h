// How the mock server answers, how slowly, and what goes wrong: all of it can be changed while it
// runs, but for where it listens.
#pragma once

#include "base/config.h"
#include "engine/mock_faults.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::engine {

// Whose wording the errors and the list of models have.
enum class MockDialect { vllm, sglang, openai, llama_server };

// Where the thinking stands in an answer.
enum class MockThink {
  none,               // the content is the thinking, as of a model that was asked to think aloud
  reasoning_content,  // a field beside the content: vLLM's older name, SGLang, llama-server
  reasoning,          // the same field under vLLM's newer name
  tags,               // <think> ... </think> in the content
  end_tag             // only </think>: the chat template wrote the other
};

enum class MockSpread {
  fixed,
  uniform,   // from nothing to twice the mean
  lognormal  // with the stated mean and sigma: most are short, a few very long
};

enum class MockFull { queue, refuse };

struct MockConfig {
  std::string listen = "127.0.0.1:0";
  std::int64_t threads = 1;
  std::string base_path;
  std::string model = "mock";
  std::string api_key;
  MockDialect dialect = MockDialect::vllm;
  std::int64_t context_tokens = 32768;
  std::int64_t seed = 0;

  std::int64_t answer_bytes = 4096;
  std::int64_t answer_tokens = 0;
  MockSpread length_spread = MockSpread::fixed;
  double length_sigma = 0.8;
  MockThink think = MockThink::none;
  double cap_share = 0;
  double loop_share = 0;
  double refusal_share = 0;
  double copy_share = 0;

  double latency_seconds = 0;
  MockSpread latency_spread = MockSpread::fixed;
  double latency_sigma = 0.8;
  double tokens_per_second = 0;
  std::int64_t chunk_tokens = 1;
  std::int64_t max_concurrent = 0;
  MockFull when_full = MockFull::queue;

  std::vector<std::string> fault;  // "NAME=SHARE"
  std::int64_t fault_limit = 2;
  double retry_after_seconds = 1;
  double drip_seconds = 0.05;
  std::vector<std::string> outage;  // "AFTER:SECONDS"
  bool log_requests = false;
};

void describe(Fields& fields, MockConfig& config);

// One time that the server is away, in seconds after it was configured.
struct MockOutage {
  double after_seconds = 0;
  double seconds = 0;
};

// Error(user) for an entry that is not AFTER:SECONDS, such as "30:60".
std::vector<MockOutage> parse_outages(const std::vector<std::string>& entries);

}  // namespace tpt::engine
