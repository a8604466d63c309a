// Sends HTTP requests, tens of thousands at a time, from one thread of its own over libcurl:
// connections are kept and used again, answers come through callbacks on that thread.
//
//   HttpClient client;
//   const auto peer = client.make_peer({.key = ApiKey::load("OPENAI_API_KEY", "")});
//   client.send({.peer = peer, .url = "http://gpu-3:8000/v1/models",
//                .on_data = [&](std::string_view bytes) { body += bytes; return true; },
//                .on_done = [&](const HttpOutcome& outcome) { ... }});
#pragma once

#include "engine/http_peer.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace tpt::engine {

// Why a transfer did not come to its end.
enum class HttpFault {
  none,         // a whole answer, of any status
  unreachable,  // no name, no connection, no TLS; or it was reset or cut
  timed_out,    // connect, deadline or idle time
  broken,       // an answer that is not HTTP, or does not unpack
  stopped,      // on_data said so
  cancelled,    // by the stop token
  internal      // libcurl could not do it
};

struct HttpOutcome {
  HttpFault fault = HttpFault::none;
  int status = 0;                   // 0: none came
  std::string content_type;         // "" where there was none
  double retry_after_seconds = -1;  // of Retry-After in either form; -1: not said
  std::string error;                // in words; never holds the key
  double seconds = 0;               // from send() to the end
  double first_byte_seconds = -1;   // from send() to the first byte of the answer; -1: none came
};

struct HttpCall {
  std::shared_ptr<const HttpPeer> peer;
  std::string url;
  std::string body;             // "": GET, else POST
  double deadline_seconds = 0;  // for all of it, waiting for a connection too; 0: none
  double idle_seconds = 0;      // without a byte of the answer, also before the first; 0: none
  bool paced = false;  // a slow stream: gather its bytes for up to 5 % of its age (at most 250 ms)
                       // before they are read, which costs far less than reading each token
  // Bytes of the body, unpacked, as they arrive; false ends the transfer and closes it at the peer.
  std::function<bool(int status, std::string_view bytes)> on_data;
  std::function<void(const HttpOutcome& outcome)> on_done;  // once, last
  std::stop_token cancel;  // ends the transfer and closes it at the peer
};

class HttpClient {
 public:
  // Starts the thread, and raises this process's limit of open files as far as it may: a request in
  // flight is a connection. Transfers beyond that limit wait, so that files are left to others.
  // Error(io) where the system gives no event queue.
  HttpClient();
  // Drops what is in flight; no callback runs after it. Not to be called from a callback.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Error(user) as HttpPeer and read_trusted_certificates().
  std::shared_ptr<const HttpPeer> make_peer(HttpPeerOptions options);
  // Queues a transfer; never blocks. Any thread may call it. Callbacks must be short and must not
  // throw.
  void send(HttpCall call);

  // Cancels all transfers of `peer` that were sent before; they call back as cancelled.
  void cancel_all(std::shared_ptr<const HttpPeer> peer);

  // Runs `task` on the client's thread; not at all where the client ends before.
  void post(std::function<void()> task);

  // Transfers that have not ended yet.
  std::int64_t in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tpt::engine
