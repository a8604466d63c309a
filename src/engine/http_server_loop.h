// One event loop of an HTTP server: a thread, its connections, and work posted to it.
#pragma once

#include "engine/http_server.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tpt::engine {

struct FreeEventBase {
  void operator()(event_base* base) const { event_base_free(base); }
};
struct FreeEvent {
  void operator()(event* one) const { event_free(one); }
};
using EventBase = std::unique_ptr<event_base, FreeEventBase>;
using Event = std::unique_ptr<event, FreeEvent>;

class HttpLoop {
 public:
  HttpLoop(std::size_t number, const HttpServerConfig& config, const HttpHandler& handler);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  void start();
  // Ends the loop, joins its thread and drops the connections.
  void stop();
  // Any thread; after stop() the work is dropped.
  void post(std::function<void()> work);
  // The counts of this loop; any thread.
  HttpServerCounts counts() const;

  // The rest on the loop's thread, or before it starts.
  event_base* base() const { return base_.get(); }
  std::size_t number() const { return number_; }
  void adopt(int handle);
  void drop_all(bool reset);
  // Connections without a request end now, the others after their answer.
  void drain();
  void after(double seconds, std::function<void()> work);
  void count_refused_accept() { add(accepts_refused_, 1); }

 private:
  friend class HttpConnection;
  struct Timer;
  using Count = std::atomic<std::int64_t>;

  // One writer, so no need for a locked instruction.
  static void add(Count& count, std::int64_t amount) {
    count.store(count.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void run_posted();
  void sweep();
  void link(HttpConnection& connection);
  // The connection is closed; its memory is freed when no event is being handled.
  void bury(HttpConnection& connection);
  void reap();
  // "Date: ...\r\n", made once a second.
  std::string_view date_line();

  const std::size_t number_;
  const HttpServerConfig& config_;
  const HttpHandler& handler_;
  EventBase base_;
  HttpConnection* connections_ = nullptr;  // a list through the connections themselves
  bool draining_ = false;
  std::vector<std::unique_ptr<Timer>> timers_;

  int wake_handle_ = -1;  // an eventfd
  Event wake_;
  Event sweep_;
  Event reap_;
  std::vector<HttpConnection*> buried_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool stopped_ = false;

  // Shared by the connections of the loop, which take turns.
  std::array<char, 64 << 10> scratch_;
  std::string head_;
  std::string lines_;
  HttpServerRequest request_;
  std::string date_;
  std::int64_t date_second_ = -1;

  Count connections_open_ = 0;
  Count connections_accepted_ = 0;
  Count requests_ = 0;
  Count broken_requests_ = 0;
  Count received_bytes_ = 0;
  Count sent_bytes_ = 0;
  Count accepts_refused_ = 0;
  std::jthread thread_;  // last, so that it ends before what it uses
};

// Seconds of a clock that is cheap to read and a few milliseconds coarse.
double coarse_seconds();

timeval to_timeval(double seconds);

}  // namespace tpt::engine
