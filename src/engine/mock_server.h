// An OpenAI-compatible server without a model, to rehearse with: answers that follow from the
// request alone, latency, limits, and faults on demand.
//
//   MockServer server({.answer_bytes = 1000, .fault = {"busy=0.1", "cut=0.05"}});
//   ask(server.url() + "/v1");
//   EXPECT_EQ(server.stats().answered_again, 0);
#pragma once

#include "base/json.h"
#include "engine/http_server.h"
#include "engine/mock_config.h"
#include "engine/mock_ledger.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tpt::engine {

class MockServer {
 public:
  // Answers when it returns. Error(user) for an address, fault or outage that is none.
  explicit MockServer(MockConfig config);
  // Ends what is in flight.
  ~MockServer();
  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;

  // "http://127.0.0.1:8000" with the base path; clients add /v1.
  std::string url() const;
  std::int64_t port() const;

  // Any thread, all of them.
  MockStats stats() const;
  // The same with the network's counts, as GET /mock/stats gives them.
  Json stats_json() const;
  // One for each finished request, in the order they ended; empty without log_requests.
  std::vector<MockRecord> records() const;
  // Changes the fields that are named, as POST /mock/config does; an outage starts to count now.
  // Error(user) for a field or value that is not allowed, and for listen and threads.
  void configure(const Json& changes);
  // Forgets counts, records, and how often each request was asked.
  void clear();
  // Away as if the machine were gone, until it is called back.
  void set_away(bool away);
  // Lets answers that have begun go on for so long, and ends; also where it was never called.
  void stop(double grace_seconds = 0);

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace tpt::engine
