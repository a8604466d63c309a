// Text in, text out. An engine may be a model in this process, a server, a rule, or a fake for
// tests.
//
//   std::unique_ptr<Engine> engine = ...;
//   engine->submit({.key = "doc-1", .prompt = "..."}, [&](Response response) {
//   results.push(std::move(response)); });
#pragma once

#include "records/trajectory.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

// How the next token is chosen. The defaults are the paper's (section 3: temperature 0.6, top-p
// 0.9).
struct Sampling {
  double temperature = 0.6;  // 0 is greedy
  double top_p = 0.9;
  std::int64_t top_k = 0;  // 0: all
  std::int64_t max_tokens = 8192;
  std::uint64_t seed = 0;
  std::vector<std::string> stop;  // the text ends before the first of these; it is not part of it

  bool operator==(const Sampling&) const = default;
};

// Why there is no whole answer, and so what may be done about it.
enum class Failure {
  none,
  busy,          // 429, 503: come back later, after `retry_after_seconds` where it was said
  unreachable,   // no connection, or one that was reset or cut
  timed_out,     // the deadline of the request, or of a stream that fell silent
  broken,        // another 5xx, or an answer that is none: torn JSON, a wrong length
  too_long,      // prompt and answer do not fit in the model's context: hopeless as it is
  refused,       // any other 4xx: hopeless as it is
  unauthorized,  // 401, 403: nothing will be answered here
  cancelled,     // `cancel` of the request was asked for
  internal       // the engine in this process could not do it
};

// "none", "busy", "unreachable", ...
std::string_view failure_name(Failure failure);

struct Request {
  std::string key;     // names the request in messages; not sent to the model
  std::string prompt;  // the user's turn where `chat`, the whole text to be continued otherwise
  bool chat = true;    // wrap the prompt in the model's chat template
  std::string answer_start;  // put at the start of the answer, for example "<think>\n"; not part of
                             // the response
  Sampling sampling;
  std::string document;  // the document the prompt was made from, for engines that follow a rule
  std::int64_t predicted_tokens = 0;  // how long the answer will be, for a fair share of the work;
                                      // 0: not known
  // Called with the text so far as it grows, by engines that see it grow; false ends the answer
  // there (Finish::loop). Must be quick; called from a thread of the engine's.
  std::function<bool(std::string_view)> keep_going;
  std::stop_token cancel;  // asked to stop: the engine may end the request at once (cancelled)
};

struct Response {
  std::string text;
  Finish finish = Finish::stop;
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  bool tokens_estimated = false;    // an endpoint told no counts: these were counted here
  double seconds = 0;               // from submit to the last token
  std::string error;                // what went wrong, where finish is error; never holds a key
  Failure failure = Failure::none;  // its kind
  double retry_after_seconds = -1;  // as the endpoint said; -1: it did not
  std::string endpoint;             // which of several answered; "" where there is one
  std::string engine;               // its name() where they serve different models; else ""
  std::int64_t attempts = 1;        // how often it was asked in all
  // Spent on attempts whose answer was not used: retries, hedges that lost.
  std::int64_t wasted_prompt_tokens = 0;
  std::int64_t wasted_generated_tokens = 0;
};

// Counts and cuts text by the engine's own tokens.
class TokenCounter {
 public:
  virtual ~TokenCounter() = default;
  virtual std::int64_t count(std::string_view text) const = 0;
  // Bytes of the longest prefix of `text` that has at most `max_tokens` tokens and ends on a whole
  // code point.
  virtual std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const = 0;
};

class Engine {
 public:
  using Done = std::function<void(Response)>;

  // Waits for what is in flight, or drops it: after the destructor `done` is not called any more.
  virtual ~Engine() = default;
  // Queues one request; never blocks for the answer. `done` is called once, from a thread of the
  // engine's, and must be short. Failures come as a Response with Finish::error. Any thread may
  // call it.
  virtual void submit(Request request, Done done) = 0;
  // How many requests are worth having in flight at once; may change with time.
  virtual std::int64_t capacity() const = 0;
  // What wrote the text, for the record: "llama:SmolLM2-135M-Instruct.Q4_1.gguf".
  virtual std::string name() const = 0;
  // True where the same request always gives the same text, whatever else is in flight.
  virtual bool deterministic() const = 0;
  virtual const TokenCounter& tokens() const = 0;
  // Whether it reads `Request::document`; false saves the copy.
  virtual bool needs_document() const { return true; }
};

// One text scored by a model: the natural-log probability of each token given all before it.

struct TextScore {
  double log_probability = 0;  // summed over the tokens scored, natural log
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;
};

// Log-probabilities of given text: a second interface, because not every engine can.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // Scores `continuation` given `context` (which may be empty).
  virtual TextScore score(std::string_view context, std::string_view continuation) = 0;
};

// Counts bytes as tokens and cuts at whole code points: for engines without a vocabulary.
class ByteCounter : public TokenCounter {
 public:
  std::int64_t count(std::string_view text) const override {
    return static_cast<std::int64_t>(text.size());
  }
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const override;
};

}  // namespace tpt::engine
