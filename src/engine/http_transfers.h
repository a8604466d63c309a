// All transfers of one client, as its thread sees them: which lane takes which, what is due, what
// came to its end. Everything but wake() belongs to that thread.
#pragma once

#include "engine/http_client.h"
#include "engine/http_lane.h"
#include "engine/http_poll.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tpt::engine {

class HttpTransfers : public HttpLaneOwner {
 public:
  // `ask_cancel` is called from any thread when a transfer's stop token is asked to stop; it has to
  // bring the number to cancel() on this thread.
  // `most_files`: open files it may have; transfers beyond wait for others to end.
  HttpTransfers(std::function<void(std::uint64_t)> ask_cancel, std::int64_t most_files);
  ~HttpTransfers() override;

  // `queued`: when send() was called.
  void start(HttpCall call, HttpClock::time_point queued);
  void cancel(std::uint64_t id);
  void cancel_all(const HttpPeer& peer);
  // Waits until something is ready or due, or wake(), and deals with it. `may_wait` false only
  // looks.
  void turn(bool may_wait);
  void wake() { poll_.wake(); }
  // Forgets all transfers without calling back.
  void drop();

 private:
  struct Peer {
    std::shared_ptr<const HttpPeer> peer;
    std::vector<std::unique_ptr<HttpLane>> lanes;
    std::vector<HttpLane*>
        room;  // a lane as often as it can take another; the last used at the end
    std::int64_t transfers = 0;
    HttpClock::time_point unused_since;
  };
  template <typename What>
  using Timers =
      std::priority_queue<std::pair<HttpClock::time_point, What>,
                          std::vector<std::pair<HttpClock::time_point, What>>, std::greater<>>;

  void arm(HttpLane& lane, HttpClock::time_point due) override;
  void gather(HttpTransfer& transfer) override;

  HttpLane& lane_for(Peer& peer);
  void start_in_lane(HttpTransfer& transfer);
  bool has_files_for(const HttpTransfer& transfer);
  void close_unused_lanes();
  void forget_timers_of(const HttpLane& lane);
  void start_waiting();
  int wait_milliseconds() const;
  void work_timers();
  void resume_gathered();
  void collect_finished();
  void scan();
  void forget_unused_peers();
  // Ends a transfer and calls back.
  void finish(HttpTransfer& transfer, HttpFault fault, std::string error);
  void finish(HttpTransfer& transfer, CURLcode code);
  void touch(HttpLane& lane);
  static HttpClock::time_point overdue(const HttpTransfer& transfer);

  std::function<void(std::uint64_t)> ask_cancel_;
  std::int64_t most_files_;
  std::int64_t lanes_ = 0;
  std::int64_t connected_ = 0;  // transfers that have a lane
  std::deque<HttpTransfer*> waiting_;
  HttpPoll poll_;
  CURLSH* share_ = nullptr;
  std::unordered_map<const HttpPeer*, Peer> peers_;
  std::vector<std::unique_ptr<HttpTransfer>> active_;
  std::unordered_map<std::uint64_t, HttpTransfer*> cancellable_;
  std::uint64_t next_id_ = 1;
  std::vector<HttpPoll::Ready> ready_;
  std::vector<HttpLane*> touched_;
  Timers<HttpLane*> lane_timers_;
  Timers<int> gathering_;  // sockets
  HttpClock::time_point next_scan_ = HttpClock::time_point::max();
};

}  // namespace tpt::engine
