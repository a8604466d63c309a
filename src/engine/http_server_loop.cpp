#include "engine/http_server_loop.h"

#include "base/error.h"
#include "engine/http_server_connection.h"

#include <algorithm>
#include <ctime>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace tpt::engine {
namespace {

constexpr timeval kSweepPause{.tv_sec = 0, .tv_usec = 250'000};

}  // namespace

timeval to_timeval(double seconds) {
  const double whole = std::clamp(seconds, 0.0, 1e9);
  const auto full = static_cast<time_t>(whole);
  return {.tv_sec = full,
          .tv_usec = static_cast<suseconds_t>((whole - static_cast<double>(full)) * 1e6)};
}

double coarse_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct HttpLoop::Timer {
  HttpLoop* loop;
  std::function<void()> work;
  Event timer;
};

HttpLoop::HttpLoop(std::size_t number, const HttpServerConfig& config, const HttpHandler& handler)
    : number_(number), config_(config), handler_(handler) {
  // Everything on the base is done by its thread; other threads only write to the eventfd.
  std::unique_ptr<event_config, decltype(&event_config_free)> options(event_config_new(),
                                                                      event_config_free);
  event_config_set_flag(options.get(), EVENT_BASE_FLAG_NOLOCK);
  base_.reset(event_base_new_with_config(options.get()));
  if (base_ == nullptr) io_error("the system gives no event loop");
  wake_handle_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_handle_ < 0) io_error("the system gives no eventfd: too many open files?");
  wake_.reset(event_new(
      base_.get(), wake_handle_, EV_READ | EV_PERSIST,
      [](evutil_socket_t handle, short, void* self) {
        eventfd_t unused = 0;
        eventfd_read(handle, &unused);
        static_cast<HttpLoop*>(self)->run_posted();
      },
      this));
  sweep_.reset(event_new(
      base_.get(), -1, EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<HttpLoop*>(self)->sweep(); }, this));
  reap_.reset(event_new(
      base_.get(), -1, 0,
      [](evutil_socket_t, short, void* self) { static_cast<HttpLoop*>(self)->reap(); }, this));
  event_add(wake_.get(), nullptr);
  event_add(sweep_.get(), &kSweepPause);
}

HttpLoop::~HttpLoop() {
  stop();
  timers_.clear();
  wake_.reset();
  sweep_.reset();
  reap_.reset();
  ::close(wake_handle_);
}

void HttpLoop::start() {
  thread_ = std::jthread([this] { event_base_dispatch(base_.get()); });
}

void HttpLoop::stop() {
  if (thread_.joinable()) {
    post([this] { event_base_loopbreak(base_.get()); });
    thread_.join();
  }
  std::vector<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
  }
  dropped.clear();
  drop_all(false);
  reap();
}

void HttpLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    posted_.push_back(std::move(work));
  }
  eventfd_write(wake_handle_, 1);
}

void HttpLoop::run_posted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (const std::function<void()>& one : work) one();
}

void HttpLoop::after(double seconds, std::function<void()> work) {
  timers_.push_back(std::make_unique<Timer>(Timer{this, std::move(work), nullptr}));
  Timer& timer = *timers_.back();
  timer.timer.reset(event_new(
      base_.get(), -1, 0,
      [](evutil_socket_t, short, void* given) {
        auto& fired = *static_cast<Timer*>(given);
        HttpLoop& loop = *fired.loop;
        const std::function<void()> due = std::move(fired.work);
        std::erase_if(loop.timers_, [&](const auto& one) { return one.get() == &fired; });
        due();
      },
      &timer));
  const timeval pause = to_timeval(seconds);
  event_add(timer.timer.get(), &pause);
}

void HttpLoop::adopt(int handle) {
  add(connections_accepted_, 1);
  HttpConnection::start(*this, handle);
}

void HttpLoop::link(HttpConnection& connection) {
  connection.next_ = connections_;
  if (connections_ != nullptr) connections_->previous_ = &connection;
  connections_ = &connection;
  add(connections_open_, 1);
}

// Out of the list, but its own links stay: somebody may be walking through it.
void HttpLoop::bury(HttpConnection& connection) {
  if (connection.previous_ != nullptr) connection.previous_->next_ = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  if (connections_ == &connection) connections_ = connection.next_;
  add(connections_open_, -1);
  buried_.push_back(&connection);
  if (buried_.size() == 1) event_active(reap_.get(), 0, 0);
}

void HttpLoop::reap() {
  for (const HttpConnection* connection : std::exchange(buried_, {})) delete connection;
}

void HttpLoop::drop_all(bool reset) {
  while (connections_ != nullptr) connections_->drop(reset);
}

void HttpLoop::drain() {
  draining_ = true;
  for (HttpConnection* at = connections_; at != nullptr;) {
    HttpConnection* const next = at->next_;
    at->drain();
    at = next;
  }
}

void HttpLoop::sweep() {
  const double now = coarse_seconds();
  for (HttpConnection* at = connections_; at != nullptr;) {
    HttpConnection* const next = at->next_;
    at->check_deadline(now);
    at = next;
  }
}

std::string_view HttpLoop::date_line() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 64> text{};
    // The C locale's names: the program never sets another.
    const std::size_t bytes =
        std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    date_.assign(text.data(), bytes);
  }
  return date_;
}

HttpServerCounts HttpLoop::counts() const {
  return {.connections_open = connections_open_,
          .connections_accepted = connections_accepted_,
          .requests = requests_,
          .broken_requests = broken_requests_,
          .received_bytes = received_bytes_,
          .sent_bytes = sent_bytes_,
          .accepts_refused = accepts_refused_};
}

}  // namespace tpt::engine
