// A small HTTP/1.x server over libevent: for the mock server, which needs to give wrong bytes as
// well as right ones, and for the Prometheus page.
//
//   HttpServer server({.listen = ":9464"}, [](const HttpServerRequest& request,
//                                             HttpExchange& exchange) {
//     exchange.answer(200, "text/plain; version=0.0.4", metrics());
//   });
//   log_info("metrics at {}/metrics", server.url());
#pragma once

#include "engine/http_server_request.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

class HttpConnection;
class HttpLoop;

struct HttpServerConfig {
  // HOST:PORT; ":9464" and "*:9464" are every address of the machine, "[::1]:8000" is IPv6, port 0
  // is any free one.
  std::string listen = "127.0.0.1:0";
  std::int64_t threads = 1;  // event loops; the handler is called from each of them
  HttpServerLimits limits;
  double request_seconds = 60;  // a request that is not whole by then is answered 408
  double idle_seconds = 600;    // a connection without a request is closed
  double write_seconds = 120;   // a client that takes no byte for so long is dropped
  std::string server_name = "tpt";
};

struct HttpServerCounts {
  std::int64_t connections_open = 0;
  std::int64_t connections_accepted = 0;
  std::int64_t requests = 0;         // whole ones, given to the handler
  std::int64_t broken_requests = 0;  // answered 4xx by the server itself
  std::int64_t received_bytes = 0;
  std::int64_t sent_bytes = 0;
  // Times accept() failed for want of file descriptors; the connection waits in the backlog.
  std::int64_t accepts_refused = 0;
};

// One request and the answer to it. It may be kept beyond the handler's return, and must then be
// used on the thread of the handler only (from a callback of after() or post()) until it ends:
// through answer(), end(), close(), reset(), or because the client went away. What attach() was
// given is destroyed at that moment.
class HttpExchange {
 public:
  // A whole answer with Content-Length; ends the exchange. `header_lines` are complete lines with
  // their CRLF. The body is left out for HEAD.
  void answer(int status, std::string_view content_type, std::string_view body,
              std::string_view header_lines = {});

  // Status line and headers up to the empty line, for answers that frame themselves:
  // `framing_lines` says how. Valid until the next head() of this loop.
  std::string_view head(int status, std::string_view content_type,
                        std::string_view framing_lines) const;
  // Any bytes, at once; what the kernel does not take is kept. For answers that frame themselves.
  void write(std::string_view bytes);
  void write(std::span<const std::string_view> pieces);
  // The answer is complete. The connection waits for the next request where keep_alive() holds, and
  // is closed once everything went out otherwise.
  void end();
  // Ends the connection once everything written went out, whatever the answer promised.
  void close();
  // Ends it with a TCP reset; what has not gone out is lost.
  void reset();

  // Whether the connection outlives this answer: if not, the answer has to say "Connection: close".
  bool keep_alive() const;
  // The header line that says so where it is not the default of the client's version, else "".
  std::string_view connection_line() const;
  void forbid_keep_alive();
  std::int64_t minor_version() const;
  bool is_head() const;
  // Bytes that the client has not taken yet.
  std::size_t unsent_bytes() const;

  // Calls back on this thread after that time, once, unless the exchange ends before. A second call
  // replaces the first.
  void after(double seconds, std::function<void(HttpExchange&)> callback);
  // Kept until the exchange ends, whichever way.
  void attach(std::shared_ptr<void> state);
  // Which of the server's loops this is, for HttpServer::post.
  std::size_t loop() const;

 private:
  friend class HttpConnection;
  explicit HttpExchange(HttpConnection& connection) : connection_(connection) {}
  HttpConnection& connection_;
};

using HttpHandler = std::function<void(const HttpServerRequest&, HttpExchange&)>;

class HttpServer {
 public:
  // Listens and answers when it returns. Raises this process's limit of open files as far as it may
  // go. Error(user) for an address that cannot be listened on. An exception out of `handler` is
  // answered 500 and logged.
  HttpServer(HttpServerConfig config, HttpHandler handler);
  // stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:41234": for a client on this machine, also where it listens everywhere.
  const std::string& url() const { return url_; }
  std::int64_t port() const { return port_; }

  // Takes no new connection, lets answers that have begun go on for up to `grace_seconds`, then
  // ends every connection and joins the threads. The handler is not called afterwards. Any thread
  // but those of the handler; once is enough.
  void stop(double grace_seconds = 0);

  // Away: the port is closed and every connection reset, as if the machine were gone; back: it
  // listens on the same port again, trying until it may. Any thread.
  void set_away(bool away);
  bool away() const;

  // Runs `work` on the thread of loop `loop` soon, or drops it when the server stops. Any thread.
  void post(std::size_t loop, std::function<void()> work);
  // The same on loop 0 after a time.
  void after(double seconds, std::function<void()> work);

  HttpServerCounts counts() const;

 private:
  class Listener;

  HttpServerConfig config_;
  HttpHandler handler_;
  std::string url_;
  std::int64_t port_ = 0;
  std::vector<std::unique_ptr<HttpLoop>> loops_;
  std::unique_ptr<Listener> listener_;
};

// For tens of thousands of connections, and what the rest of a program needs of them.
inline constexpr std::int64_t kWantedOpenFiles = 50'100;
inline constexpr std::int64_t kOwnOpenFiles = 100;

// How many files this process may have open, after the soft limit was raised to the hard one.
std::int64_t raise_open_files_limit();

}  // namespace tpt::engine
