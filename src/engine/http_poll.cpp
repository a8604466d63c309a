#include "engine/http_poll.h"

#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tpt::engine {

HttpPoll::HttpPoll()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = event_;
  if (epoll_ < 0 || event_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event) != 0) {
    const int reason = errno;
    if (epoll_ >= 0) close(epoll_);
    if (event_ >= 0) close(event_);
    io_error("no event queue for HTTP: {}", std::strerror(reason));
  }
}

HttpPoll::~HttpPoll() {
  close(epoll_);
  close(event_);
}

HttpPoll::Socket& HttpPoll::at(int socket) {
  const auto index = static_cast<std::size_t>(socket);
  if (index >= sockets_.size()) sockets_.resize(std::max<std::size_t>(index + 1, 1024));
  return sockets_[index];
}

void HttpPoll::opened(int socket) {
  at(socket) = Socket{};
  at(socket).known = true;
  ++open_sockets_;
}

// The kernel takes a socket that is closed out of the set by itself.
void HttpPoll::closed(int socket) {
  at(socket) = Socket{};
  --open_sockets_;
}

void HttpPoll::want(int socket, std::uint32_t events, HttpLane* lane) {
  Socket& state = at(socket);
  state.wanted = events;
  state.lane = lane;
  if (events != 0) {
    if (!state.paused) apply(socket, state);
  } else if (!state.known) {
    forget(socket, state);
  }
}

bool HttpPoll::pause(int socket) {
  Socket& state = at(socket);
  if (!state.known || state.paused) return false;
  state.paused = true;
  forget(socket, state);
  return true;
}

void HttpPoll::resume(int socket) {
  Socket& state = at(socket);
  if (!state.paused) return;
  state.paused = false;
  apply(socket, state);
}

void HttpPoll::apply(int socket, Socket& state) {
  // One that is looked at for more than is wanted does no harm until it fires.
  if (state.wanted == 0 || state.wanted == state.registered) return;
  epoll_event event{};
  event.events = state.wanted;
  event.data.fd = socket;
  int done =
      epoll_ctl(epoll_, state.registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
  if (done != 0 && errno == ENOENT) done = epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  if (done != 0 && errno == EEXIST) done = epoll_ctl(epoll_, EPOLL_CTL_MOD, socket, &event);
  TPT_CHECK(done == 0, "epoll_ctl: {}", std::strerror(errno));
  state.registered = state.wanted;
}

void HttpPoll::forget(int socket, Socket& state) {
  if (state.registered != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
  state.registered = 0;
}

void HttpPoll::wait(int milliseconds, std::vector<Ready>& ready) {
  const int count =
      epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), milliseconds);
  TPT_CHECK(count >= 0 || errno == EINTR, "epoll_wait: {}", std::strerror(errno));
  for (const epoll_event& event :
       std::span(events_).first(static_cast<std::size_t>(std::max(count, 0)))) {
    const int socket = event.data.fd;
    if (socket == event_) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto bytes = read(event_, &ignored, sizeof(ignored));
      continue;
    }
    Socket& state = at(socket);
    const std::uint32_t useful = event.events & (state.wanted | EPOLLERR | EPOLLHUP);
    if (state.wanted == 0) {
      // A connection that waits for its next request: the peer closed it. libcurl will notice.
      forget(socket, state);
    } else if (useful == 0) {
      apply(socket, state);
    } else {
      ready.push_back({socket, useful, state.lane});
    }
  }
}

void HttpPoll::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto bytes = write(event_, &one, sizeof(one));
}

}  // namespace tpt::engine
