// One request for a completion on its way through the mock server: waits for its place and its
// latency, then is answered, or meets its fault.
#pragma once

#include "engine/http_server.h"
#include "engine/mock_answer.h"
#include "engine/mock_ledger.h"
#include "engine/mock_slots.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tpt::engine {

class MockCall : public std::enable_shared_from_this<MockCall> {
 public:
  MockCall(MockLedger& ledger, MockSlots& slots, std::shared_ptr<const MockRules> rules,
           MockRequest request, HttpExchange& exchange);
  // The exchange is over: counts how it ended.
  ~MockCall();
  MockCall(const MockCall&) = delete;
  MockCall& operator=(const MockCall&) = delete;

  // Attaches itself to the exchange and sees to the rest.
  void start();

 private:
  using Clock = std::chrono::steady_clock;

  bool meets_early_fault();
  void answer_status(int status, std::string_view content_type, std::string_view body,
                     std::string_view header_lines = {});
  void answer_busy(bool as_date);
  void begin(MockSlots::Slot slot);
  void answer_whole();
  void start_stream();
  void stream_on();
  bool stream_fault_due() const;
  void meet_stream_fault();
  void finish_stream();
  void write_chunk(std::string_view bytes);
  void break_off(std::string_view written);
  void drip(std::string bytes);
  void drip_on();
  void finish(bool whole);

  MockLedger& ledger_;
  MockSlots& slots_;
  std::shared_ptr<const MockRules> rules_;
  MockRequest request_;
  HttpExchange& exchange_;
  MockFault fault_ = MockFault::none;
  MockRecord record_;
  MockSlots::Slot slot_;
  bool waiting_ = false;
  bool ended_by_us_ = false;
  std::unique_ptr<MockEvents> events_;
  Clock::time_point first_token_at_;
  std::string dripping_;
  std::size_t dripped_ = 0;
};

}  // namespace tpt::engine
