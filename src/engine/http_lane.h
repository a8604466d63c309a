// Up to kTransfers transfers of one peer on one curl multi handle, with the connections they leave
// behind. Many small handles instead of one: libcurl looks through the connections of a host one by
// one for each request.
#pragma once

#include "engine/http_client.h"
#include "engine/http_poll.h"

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace tpt::engine {

using HttpClock = std::chrono::steady_clock;

// One transfer from send() to on_done.
struct HttpTransfer {
  HttpCall call;
  std::uint64_t id = 0;
  HttpClock::time_point queued;
  HttpClock::time_point last_byte;  // of the answer, or the start
  HttpClock::time_point sent;       // first given to a connection
  double first_byte_seconds = -1;
  int sendings = 0;        // on how many connections it was tried
  int status = 0;          // known from the first byte of the body on
  int socket = -1;         // that libcurl looks at for it
  int paused_socket = -1;  // the one whose bytes gather or gathered
  std::size_t active_index = 0;
  bool stopped = false;  // by on_data
  bool waits = false;    // for a connection, because there are too many
  CURL* easy = nullptr;
  HttpLane* lane = nullptr;
  std::array<char, CURL_ERROR_SIZE> message{};
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
};

// What lanes call back into: the client's loop.
class HttpLaneOwner {
 public:
  virtual ~HttpLaneOwner() = default;
  virtual void arm(HttpLane& lane, HttpClock::time_point due) = 0;
  virtual void gather(HttpTransfer& transfer) = 0;  // bytes came for a paced one
};

class HttpLane {
 public:
  static constexpr std::size_t kTransfers = 64;
  // Open files of a lane itself, beside its connections.
  static constexpr std::int64_t kFiles = 2;

  // Throws std::bad_alloc where libcurl gives no handle.
  HttpLane(std::shared_ptr<const HttpPeer> peer, CURLSH* share, HttpPoll& poll,
           HttpLaneOwner& owner);
  ~HttpLane();
  HttpLane(const HttpLane&) = delete;
  HttpLane& operator=(const HttpLane&) = delete;

  // libcurl's code; on another than OK the transfer has not started and may be dropped.
  CURLcode start(HttpTransfer& transfer);
  // Takes the transfer off; closes its connection where it was in the middle of something.
  void remove(HttpTransfer& transfer);
  // Lets libcurl work on what is ready, or on its timers.
  void work(int socket, std::uint32_t events);
  void work_timers();
  // Takes the next finished transfer with libcurl's code; nullptr where there is none.
  HttpTransfer* next_finished(CURLcode& code);
  void gather(HttpTransfer& transfer);

  const std::shared_ptr<const HttpPeer>& peer() const { return peer_; }
  std::size_t transfers() const { return transfers_; }
  // Whether a connection waits for its next request here.
  bool has_idle_connection() const { return connections_ > transfers_; }
  // When libcurl wants work_timers(); max() for never.
  HttpClock::time_point due = HttpClock::time_point::max();
  // The time this lane is in the owner's queue of timers for.
  HttpClock::time_point armed = HttpClock::time_point::max();
  bool touched = false;  // the owner has yet to look for finished transfers

 private:
  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* lane, void* unused);
  static curl_socket_t open_socket(void* lane, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* lane, curl_socket_t socket);
  static int on_timer(CURLM* multi, long milliseconds, void* lane);
  CURL* fresh_handle();
  CURLcode set_peer_options(CURL* easy);

  std::shared_ptr<const HttpPeer> peer_;
  CURLSH* share_;
  HttpPoll& poll_;
  HttpLaneOwner& owner_;
  CURLM* multi_ = nullptr;
  std::vector<CURL*> idle_;  // handles between two transfers
  std::size_t transfers_ = 0;
  std::size_t connections_ = 0;
};

}  // namespace tpt::engine
