// The sockets of many curl multi handles in one epoll set. Registrations are kept while libcurl
// looks away between two requests of a connection, which saves two system calls a request.
#pragma once

#include <array>
#include <cstdint>
#include <sys/epoll.h>
#include <vector>

namespace tpt::engine {

class HttpLane;

class HttpPoll {
 public:
  // Error(io) where the system refuses.
  HttpPoll();
  ~HttpPoll();
  HttpPoll(const HttpPoll&) = delete;
  HttpPoll& operator=(const HttpPoll&) = delete;

  struct Ready {
    int socket = -1;
    std::uint32_t events = 0;  // EPOLLIN, EPOLLOUT, EPOLLERR
    HttpLane* lane = nullptr;
  };

  // A socket that was just opened, and that closed() will be called for before its number is used
  // again. libcurl also has sockets that nobody tells of.
  void opened(int socket);
  void closed(int socket);
  // Those opened and not closed.
  std::int64_t open_sockets() const { return open_sockets_; }
  // What libcurl wants to know of a socket now; 0 for nothing.
  void want(int socket, std::uint32_t events, HttpLane* lane);
  // Stops looking for bytes until resume(): they wait in the kernel. False where it does already.
  bool pause(int socket);
  void resume(int socket);

  // Waits up to `milliseconds` (-1: for ever) and appends what is ready to `ready`. Returns early
  // after wake().
  void wait(int milliseconds, std::vector<Ready>& ready);
  // From any thread.
  void wake();

 private:
  struct Socket {
    std::uint32_t wanted = 0;
    std::uint32_t registered = 0;
    bool known = false;  // opened() was called
    bool paused = false;
    HttpLane* lane = nullptr;
  };

  Socket& at(int socket);
  void apply(int socket, Socket& state);
  void forget(int socket, Socket& state);

  int epoll_ = -1;
  int event_ = -1;
  std::int64_t open_sockets_ = 0;
  std::vector<Socket> sockets_;  // by number
  std::array<epoll_event, 256> events_{};
};

}  // namespace tpt::engine
