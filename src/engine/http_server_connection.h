// One connection of an HTTP server: reads requests, hands them out one at a time, writes what the
// answers ask for. Lives on its loop's thread.
#pragma once

#include "engine/http_server_loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tpt::engine {

class HttpConnection {
 public:
  // Takes over a connected, non-blocking socket; the connection is one of `loop`'s from here on.
  static void start(HttpLoop& loop, int handle);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Ends it now: the socket is closed (`reset`: with RST), and the memory goes when nothing on the
  // stack can refer to it any more.
  void drop(bool reset);
  void drain();
  void check_deadline(double now);

 private:
  friend class HttpExchange;
  friend class HttpLoop;

  enum class Stage {
    reading,    // waits for a whole request
    answering,  // an exchange is under way
    flushing,   // nothing but the output is left to do
    lingering,  // everything is written; takes what the client still sends, so that no RST
                // overtakes the answer
    dead
  };

  HttpConnection(HttpLoop& loop, int handle);
  void readable();
  void writable();
  void timer_fired();
  void peer_closed();
  void take_input();
  std::size_t process(std::string_view bytes);
  void dispatch();
  void refuse(int status, std::string_view text);
  void end_exchange();
  void start_flushing();
  void linger();
  void flush();
  void write(std::span<const std::string_view> pieces);
  void answer(int status, std::string_view content_type, std::string_view body,
              std::string_view header_lines);
  std::string_view head(int status, std::string_view content_type, std::string_view lines) const;
  void expect_request();
  void watch_reads(bool on);
  std::size_t unsent_bytes() const { return output_.size() - output_sent_; }

  HttpLoop& loop_;
  int handle_;
  Stage stage_ = Stage::reading;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool processing_ = false;  // process() is on the stack
  bool more_input_ = false;  // there it has further bytes: collect the output
  bool reads_watched_ = true;
  bool peer_done_ = false;  // it will send nothing more
  std::int64_t minor_version_ = 1;
  double deadline_ = 0;       // of the request, or of being idle, flushing, lingering
  double last_progress_ = 0;  // when the client last took bytes
  HttpConnection* previous_ = nullptr;
  HttpConnection* next_ = nullptr;
  event read_event_;
  event write_event_;
  event timer_event_;
  std::string input_;
  std::string output_;
  std::size_t output_sent_ = 0;
  HttpServerRequestReader reader_;
  HttpExchange exchange_;
  std::function<void(HttpExchange&)> timer_callback_;
  std::shared_ptr<void> attached_;
};

}  // namespace tpt::engine
