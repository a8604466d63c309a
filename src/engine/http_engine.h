// One OpenAI-compatible server (vLLM, SGLang, llama-server, hosted) as an engine. Several share one
// HttpClient.
//
//   HttpClient client;
//   HttpEngine engine(client, {.url = "http://gpu-3:8000"});
//   engine.submit({.key = "doc-1", .prompt = "..."}, [&](Response response) { ... });
#pragma once

#include "engine/api_key.h"
#include "engine/chat_answer.h"
#include "engine/engine.h"
#include "engine/estimated_counter.h"
#include "engine/http_client.h"
#include "engine/http_config.h"
#include "engine/http_url.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tpt::engine {

// What GET /models gave.
struct ModelListing {
  Failure failure = Failure::none;
  std::string error;  // in words, where there is a failure; never holds a key
  std::vector<ListedModel> models;
  double seconds = 0;

  // Of all models, for a message.
  std::string ids() const;
};

// The text of a response is the thinking (AnswerPart), whichever way the server gives it. Counts of
// tokens are the server's; where it tells none, or the answer was cut, they are counted here, and
// `tokens_estimated` says so. On a failure the text is what had come until then.
//
// Loops are seen (`keep_going`) with `stream` only. A stream whose thinking is over is closed
// there, where a stop string of the request is a closing tag: what follows would be paid for
// nothing.
class HttpEngine : public Engine {
 public:
  // `counter`: the model's vocabulary where it is at hand; it must outlive the engine. Asks the
  // server for its model where none is named. Error(user) for settings that are wrong,
  // Error(remote) where the server does not list exactly one model or cannot be reached.
  HttpEngine(HttpClient& client, HttpConfig config, const TokenCounter* counter = nullptr);
  // Drops what is in flight.
  ~HttpEngine() override;
  HttpEngine(const HttpEngine&) = delete;
  HttpEngine& operator=(const HttpEngine&) = delete;

  void submit(Request request, Done done) override;
  std::int64_t capacity() const override { return config_.in_flight; }
  // "http:MODEL" or "http:MODEL@REVISION": the same for every server of a fleet.
  std::string name() const override;
  bool deterministic() const override { return false; }
  const TokenCounter& tokens() const override { return *counter_; }

  // As the server calls it.
  const std::string& model() const { return config_.model; }
  // The address without user, password and query.
  const std::string& endpoint() const { return url_.shown(); }
  // Asks for the list of models, with the key: cheap, and says whether the server is alive and
  // would let us in. `done` is called once, from the client's thread.
  void probe(std::function<void(ModelListing)> done);
  // The same, waiting.
  ModelListing list();
  // The one model of a list. Error(user) where there is none or several.
  std::string only_model(const ModelListing& listing) const;
  // Most tokens of prompt and answer, as the last listing told; 0: not known.
  std::int64_t context_tokens() const { return context_tokens_.load(); }

 private:
  struct Gate;
  struct Flight;

  void learn_model();
  HttpCall call_for(const std::string& path) const;
  std::string redact(std::string text) const;
  Response response_of(Flight& flight, const HttpOutcome& outcome) const;
  void count(Flight& flight, std::int64_t prompt_tokens, std::int64_t generated_tokens,
             Response& response) const;
  void refuse_start(std::shared_ptr<Flight> flight);
  ModelListing listing_of(const std::string& body, const HttpOutcome& outcome) const;

  HttpClient& client_;
  HttpConfig config_;
  HttpUrl url_;
  ApiKey key_;
  ExtraFields extra_;
  ChatRequestOptions request_options_;
  EstimatedCounter estimated_;
  const TokenCounter* counter_;
  bool exact_counter_;
  std::shared_ptr<const HttpPeer> peer_;
  std::shared_ptr<Gate> gate_;
  std::atomic<std::int64_t> context_tokens_ = 0;
};

}  // namespace tpt::engine
