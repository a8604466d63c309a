#include "engine/http_server_connection.h"

#include "base/error.h"
#include "base/log.h"

#include <fmt/compile.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace tpt::engine {
namespace {

constexpr double kLingerSeconds = 2;
constexpr std::size_t kMaxPieces = 16;
// Read ahead of the answer under way: enough for pipelined requests, no way to fill our memory.
constexpr std::size_t kMaxReadAheadBytes = 256 << 10;
constexpr std::size_t kKeptBufferBytes = 64 << 10;

void forget(std::string& buffer) {
  if (buffer.capacity() > kKeptBufferBytes) {
    std::string().swap(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

HttpConnection::HttpConnection(HttpLoop& loop, int handle)
    : loop_(loop), handle_(handle), exchange_(*this) {
  const int on = 1;
  setsockopt(handle_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  event_assign(
      &read_event_, loop_.base(), handle_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<HttpConnection*>(self)->readable(); },
      this);
  event_assign(
      &write_event_, loop_.base(), handle_, EV_WRITE | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<HttpConnection*>(self)->writable(); },
      this);
  event_assign(
      &timer_event_, loop_.base(), -1, 0,
      [](evutil_socket_t, short, void* self) { static_cast<HttpConnection*>(self)->timer_fired(); },
      this);
}

void HttpConnection::start(HttpLoop& loop, int handle) {
  auto* connection = new HttpConnection(loop, handle);  // owned by the loop's list
  loop.link(*connection);
  connection->expect_request();
  if (event_add(&connection->read_event_, nullptr) != 0) connection->drop(true);
}

HttpConnection::~HttpConnection() { TPT_CHECK(stage_ == Stage::dead); }

void HttpConnection::drop(bool reset) {
  if (stage_ == Stage::dead) return;
  stage_ = Stage::dead;
  event_del(&read_event_);
  event_del(&write_event_);
  event_del(&timer_event_);
  if (reset) {
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(handle_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(handle_);
  loop_.bury(*this);
  timer_callback_ = nullptr;
  attached_.reset();  // last: it may start the answers of other connections
}

void HttpConnection::drain() {
  if (stage_ == Stage::reading) {
    drop(false);
  } else {
    keep_alive_ = false;
  }
}

void HttpConnection::check_deadline(double now) {
  if (stage_ == Stage::dead) return;
  if (unsent_bytes() > 0 && now - last_progress_ > loop_.config_.write_seconds) return drop(true);
  if (stage_ == Stage::answering || now < deadline_) return;
  // Without a byte of a request there is nobody who would read an answer.
  if (stage_ == Stage::reading && !input_.empty()) return refuse(408, "the request took too long");
  if (stage_ != Stage::flushing) drop(false);
}

void HttpConnection::expect_request() {
  stage_ = Stage::reading;
  deadline_ = coarse_seconds() + loop_.config_.idle_seconds;
}

void HttpConnection::watch_reads(bool on) {
  if (on == reads_watched_) return;
  reads_watched_ = on;
  if (on) {
    event_add(&read_event_, nullptr);
  } else {
    event_del(&read_event_);
  }
}

void HttpConnection::readable() {
  const ssize_t got = recv(handle_, loop_.scratch_.data(), loop_.scratch_.size(), 0);
  if (got == 0) return peer_closed();
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) drop(false);
    return;
  }
  HttpLoop::add(loop_.received_bytes_, got);
  if (stage_ == Stage::flushing || stage_ == Stage::lingering) return;
  const std::string_view bytes(loop_.scratch_.data(), static_cast<std::size_t>(got));
  if (stage_ == Stage::answering) {
    input_ += bytes;
    if (input_.size() > kMaxReadAheadBytes) watch_reads(false);
  } else if (input_.empty()) {
    // The usual case: whole requests, read where they lie.
    const std::size_t done = process(bytes);
    if (stage_ != Stage::dead) input_.append(bytes.substr(done));
  } else {
    input_ += bytes;
    if (input_.size() >= reader_.wanted_bytes()) take_input();
  }
}

void HttpConnection::take_input() {
  const std::size_t done = process(input_);
  if (stage_ == Stage::dead) return;
  if (done == input_.size()) {
    forget(input_);
  } else {
    input_.erase(0, done);
  }
}

// A client that closes its sending side while it waits for an answer is taken to have gone, as the
// servers of models do: what nobody reads is not worth computing.
void HttpConnection::peer_closed() {
  peer_done_ = true;
  const bool owes_bytes = stage_ != Stage::answering && unsent_bytes() > 0;
  if (stage_ == Stage::reading && !input_.empty()) HttpLoop::add(loop_.broken_requests_, 1);
  if (!owes_bytes) return drop(false);
  if (stage_ == Stage::reading) start_flushing();
  watch_reads(false);
}

std::size_t HttpConnection::process(std::string_view bytes) {
  using State = HttpServerRequestReader::State;
  std::size_t done = 0;
  processing_ = true;
  while (stage_ == Stage::reading && done < bytes.size()) {
    const State state = reader_.read(bytes.substr(done), loop_.config_.limits, loop_.request_);
    if (state == State::broken) {
      refuse(reader_.error_status(), reader_.error_text());
      break;
    }
    if (state == State::incomplete) {
      if (reader_.take_expectation()) {
        const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        write({&go_on, 1});
      }
      // From its first byte on; the bytes after it win no time.
      if (stage_ == Stage::reading && (done > 0 || input_.empty())) {
        deadline_ = coarse_seconds() + loop_.config_.request_seconds;
      }
      break;
    }
    done += reader_.consumed_bytes();
    more_input_ = done < bytes.size();
    dispatch();
  }
  more_input_ = false;
  processing_ = false;
  if (stage_ != Stage::dead && unsent_bytes() > 0) flush();
  return done;
}

void HttpConnection::dispatch() {
  const HttpServerRequest& request = loop_.request_;
  stage_ = Stage::answering;
  keep_alive_ = request.keep_alive && !loop_.draining_;
  head_only_ = request.method == "HEAD";
  minor_version_ = request.minor_version;
  HttpLoop::add(loop_.requests_, 1);
  try {
    loop_.handler_(request, exchange_);
  } catch (const std::exception& error) {
    log_warning("http server: {} {}: {}", request.method, request.path, error.what());
    if (stage_ == Stage::answering) {
      keep_alive_ = false;
      answer(500, "text/plain", "internal error\n", "");
    }
  }
}

void HttpConnection::refuse(int status, std::string_view text) {
  HttpLoop::add(loop_.broken_requests_, 1);
  stage_ = Stage::answering;
  keep_alive_ = false;
  head_only_ = false;
  minor_version_ = 1;
  answer(status, "text/plain", fmt::format("{}\n", text), "");
}

std::string_view HttpConnection::head(int status, std::string_view content_type,
                                      std::string_view lines) const {
  std::string& head = loop_.head_;
  head.clear();
  fmt::format_to(std::back_inserter(head), FMT_COMPILE("HTTP/1.1 {} {}\r\nServer: {}\r\n"), status,
                 http_reason(status), loop_.config_.server_name);
  head += loop_.date_line();
  if (!content_type.empty()) {
    fmt::format_to(std::back_inserter(head), FMT_COMPILE("Content-Type: {}\r\n"), content_type);
  }
  head += exchange_.connection_line();
  head += lines;
  head += "\r\n";
  return head;
}

void HttpConnection::answer(int status, std::string_view content_type, std::string_view body,
                            std::string_view header_lines) {
  if (stage_ != Stage::answering) return;
  std::string& lines = loop_.lines_;
  lines.assign(header_lines);
  fmt::format_to(std::back_inserter(lines), FMT_COMPILE("Content-Length: {}\r\n"), body.size());
  const std::array<std::string_view, 2> pieces = {head(status, content_type, lines),
                                                  head_only_ ? std::string_view() : body};
  write(pieces);
  end_exchange();
}

void HttpConnection::write(std::span<const std::string_view> pieces) {
  if (stage_ == Stage::dead) return;
  TPT_CHECK(pieces.size() <= kMaxPieces);
  std::size_t sent = 0;
  if (unsent_bytes() == 0 && !more_input_) {
    std::array<iovec, kMaxPieces> parts{};
    std::size_t used = 0;
    for (const std::string_view piece : pieces) {
      if (!piece.empty()) {
        parts[used++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
      }
    }
    if (used == 0) return;
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = used;
    const ssize_t taken = sendmsg(handle_, &message, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return drop(false);
    sent = taken < 0 ? 0 : static_cast<std::size_t>(taken);
    HttpLoop::add(loop_.sent_bytes_, static_cast<std::int64_t>(sent));
    last_progress_ = coarse_seconds();
  }
  for (const std::string_view piece : pieces) {
    const std::size_t skipped = std::min(sent, piece.size());
    sent -= skipped;
    output_ += piece.substr(skipped);
  }
  if (unsent_bytes() > 0 && !more_input_) event_add(&write_event_, nullptr);
}

void HttpConnection::flush() {
  while (unsent_bytes() > 0) {
    const ssize_t taken =
        send(handle_, output_.data() + output_sent_, unsent_bytes(), MSG_NOSIGNAL);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      event_add(&write_event_, nullptr);
      return;
    }
    if (taken < 0) return drop(false);
    output_sent_ += static_cast<std::size_t>(taken);
    HttpLoop::add(loop_.sent_bytes_, taken);
    last_progress_ = coarse_seconds();
  }
  event_del(&write_event_);
  forget(output_);
  output_sent_ = 0;
  if (stage_ == Stage::flushing) linger();
}

void HttpConnection::writable() { flush(); }

void HttpConnection::end_exchange() {
  if (stage_ != Stage::answering) return;
  event_del(&timer_event_);
  timer_callback_ = nullptr;
  expect_request();
  // It may start the answers of other connections.
  std::exchange(attached_, nullptr).reset();
  if (!keep_alive_) return start_flushing();
  watch_reads(true);
  // Requests that came while this one was answered; process() sees to them if it is running.
  if (!processing_ && !input_.empty()) take_input();
}

void HttpConnection::start_flushing() {
  stage_ = Stage::flushing;
  more_input_ = false;
  watch_reads(!peer_done_);
  flush();
}

void HttpConnection::linger() {
  if (peer_done_ || loop_.draining_) return drop(false);
  shutdown(handle_, SHUT_WR);
  stage_ = Stage::lingering;
  deadline_ = coarse_seconds() + kLingerSeconds;
}

void HttpConnection::timer_fired() {
  const std::function<void(HttpExchange&)> due = std::exchange(timer_callback_, nullptr);
  if (!due || stage_ != Stage::answering) return;
  try {
    due(exchange_);
  } catch (const std::exception& error) {
    log_warning("http server: in the middle of an answer: {}", error.what());
    drop(true);
  }
}

void HttpExchange::answer(int status, std::string_view content_type, std::string_view body,
                          std::string_view header_lines) {
  connection_.answer(status, content_type, body, header_lines);
}

std::string_view HttpExchange::head(int status, std::string_view content_type,
                                    std::string_view framing_lines) const {
  return connection_.head(status, content_type, framing_lines);
}

void HttpExchange::write(std::string_view bytes) { connection_.write({&bytes, 1}); }

void HttpExchange::write(std::span<const std::string_view> pieces) { connection_.write(pieces); }

void HttpExchange::end() { connection_.end_exchange(); }

void HttpExchange::close() {
  connection_.keep_alive_ = false;
  connection_.end_exchange();
}

void HttpExchange::reset() { connection_.drop(true); }

bool HttpExchange::keep_alive() const { return connection_.keep_alive_; }

void HttpExchange::forbid_keep_alive() { connection_.keep_alive_ = false; }

std::string_view HttpExchange::connection_line() const {
  if (!connection_.keep_alive_) return "Connection: close\r\n";
  return connection_.minor_version_ == 0 ? "Connection: keep-alive\r\n" : "";
}

std::int64_t HttpExchange::minor_version() const { return connection_.minor_version_; }

bool HttpExchange::is_head() const { return connection_.head_only_; }

std::size_t HttpExchange::unsent_bytes() const { return connection_.unsent_bytes(); }

std::size_t HttpExchange::loop() const { return connection_.loop_.number(); }

void HttpExchange::attach(std::shared_ptr<void> state) { connection_.attached_ = std::move(state); }

void HttpExchange::after(double seconds, std::function<void(HttpExchange&)> callback) {
  if (connection_.stage_ != HttpConnection::Stage::answering) return;
  connection_.timer_callback_ = std::move(callback);
  const timeval pause = to_timeval(seconds);
  event_add(&connection_.timer_event_, &pause);
}

}  // namespace tpt::engine
