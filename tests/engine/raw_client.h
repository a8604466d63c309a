// A socket that says what a test wants byte for byte, and keeps what comes back.
#pragma once

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace tpt::engine {

class RawClient {
 public:
  // Connects to 127.0.0.1; connected() is false where that was refused.
  explicit RawClient(std::int64_t port, double timeout_seconds = 10)
      : handle_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const auto whole = static_cast<time_t>(timeout_seconds);
    const timeval timeout{
        .tv_sec = whole,
        .tv_usec = static_cast<suseconds_t>((timeout_seconds - static_cast<double>(whole)) * 1e6)};
    setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(handle_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    connected_ = connect(handle_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(handle_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int handle() const { return handle_; }

  // False where the other side has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(handle_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void finish_sending() { shutdown(handle_, SHUT_WR); }

  // Everything up to the end of the connection, a reset, or a silence as long as the timeout; which
  // of them it was stands in ended() and was_reset().
  std::string read_all() {
    while (read_some()) {
    }
    return take(unread_.size());
  }

  // The next whole answer with Content-Length or chunks, or what came of it.
  std::string read_answer() {
    std::size_t head_end = std::string::npos;
    while ((head_end = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_some()) return take(unread_.size());
    }
    head_end += 4;
    const std::string head = unread_.substr(0, head_end);
    if (head.find("chunked\r\n") != std::string::npos) {
      std::size_t end = std::string::npos;
      while ((end = unread_.find("0\r\n\r\n", head_end)) == std::string::npos) {
        if (!read_some()) return take(unread_.size());
      }
      return take(end + 5);
    }
    const std::size_t length = head.find("Content-Length: ");
    const std::size_t body =
        length == std::string::npos ? 0 : std::strtoull(head.c_str() + length + 16, nullptr, 10);
    return read_bytes(head_end + body);
  }

  // Exactly so many, or what came of them.
  std::string read_bytes(std::size_t count) {
    while (unread_.size() < count) {
      if (!read_some()) break;
    }
    return take(count);
  }

  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }
  bool timed_out() const { return timed_out_; }

 private:
  bool read_some() {
    std::array<char, 16384> bytes{};
    const ssize_t got = recv(handle_, bytes.data(), bytes.size(), 0);
    if (got > 0) unread_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got == 0) ended_ = true;
    if (got < 0) {
      reset_ = reset_ || errno == ECONNRESET;
      timed_out_ = timed_out_ || errno == EAGAIN;
    }
    return got > 0;
  }

  std::string take(std::size_t count) {
    std::string taken = unread_.substr(0, count);
    unread_.erase(0, taken.size());
    return taken;
  }

  int handle_;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
  bool timed_out_ = false;
  std::string unread_;
};

// The body of an answer, chunks joined.
inline std::string body_of(const std::string& answer) {
  const std::size_t head_end = answer.find("\r\n\r\n");
  if (head_end == std::string::npos) return {};
  std::string rest = answer.substr(head_end + 4);
  if (answer.substr(0, head_end).find("chunked") == std::string::npos) return rest;
  std::string body;
  for (;;) {
    const std::size_t line = rest.find("\r\n");
    if (line == std::string::npos) return body;
    const std::size_t size = std::strtoull(rest.c_str(), nullptr, 16);
    if (size == 0) return body;
    body += rest.substr(line + 2, size);
    rest.erase(0, line + 4 + size);
  }
}

}  // namespace tpt::engine
