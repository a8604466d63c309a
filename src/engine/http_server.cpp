#include "engine/http_server.h"

#include "base/error.h"
#include "base/log.h"
#include "engine/http_server_address.h"
#include "engine/http_server_loop.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace tpt::engine {
namespace {

constexpr int kAcceptsATurn = 256;
constexpr double kRetrySeconds = 0.1;
constexpr std::chrono::milliseconds kDrainPause{5};

}  // namespace

std::int64_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  return static_cast<std::int64_t>(limit.rlim_cur);
}

// The listening socket; used on loop 0's thread once that runs.
class HttpServer::Listener {
 public:
  Listener(HttpServer& server, HttpAddress address)
      : server_(server), address_(std::move(address)) {
    open();
  }
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const HttpAddress& address() const { return address_; }

  void open() {
    if (handle_ >= 0) return;
    handle_ = listen_on(address_, address_.port);
    accepts_.reset(event_new(
        loop().base(), handle_, EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Listener*>(self)->accept_some(); },
        this));
    event_add(accepts_.get(), nullptr);
  }

  void close() {
    accepts_.reset();
    if (handle_ >= 0) ::close(handle_);
    handle_ = -1;
  }

  // Comes back on the port it had, however long another socket holds it.
  void reopen() {
    if (away) return;
    try {
      open();
    } catch (const Error& error) {
      log_warning("http server: {}; trying again", error.what());
      loop().after(1, [this] { reopen(); });
    }
  }

  std::atomic<bool> away = false;

 private:
  HttpLoop& loop() { return *server_.loops_[0]; }

  void accept_some() {
    for (int turn = 0; turn < kAcceptsATurn; ++turn) {
      const int handle = accept4(handle_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (handle < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          refuse_for_a_moment();
        }
        return;
      }
      HttpLoop& next = *server_.loops_[turn_++ % server_.loops_.size()];
      if (&next == &loop()) {
        next.adopt(handle);
      } else {
        next.post([&next, handle] { next.adopt(handle); });
      }
    }
  }

  // Else the event would fire without end.
  void refuse_for_a_moment() {
    if (!warned_) {
      log_warning("http server: no more connections: {}; the limit is {} open files",
                  std::strerror(errno), raise_open_files_limit());
    }
    warned_ = true;
    loop().count_refused_accept();
    event_del(accepts_.get());
    loop().after(kRetrySeconds, [this] {
      if (accepts_ != nullptr) event_add(accepts_.get(), nullptr);
    });
  }

  HttpServer& server_;
  HttpAddress address_;
  int handle_ = -1;
  Event accepts_;
  std::size_t turn_ = 0;
  bool warned_ = false;
};

HttpServer::HttpServer(HttpServerConfig config, HttpHandler handler)
    : config_(std::move(config)), handler_(std::move(handler)) {
  TPT_CHECK(config_.threads >= 1 && handler_ != nullptr);
  raise_open_files_limit();
  for (std::int64_t number = 0; number < config_.threads; ++number) {
    loops_.push_back(
        std::make_unique<HttpLoop>(static_cast<std::size_t>(number), config_, handler_));
  }
  listener_ = std::make_unique<Listener>(*this, parse_http_address(config_.listen));
  port_ = listener_->address().port;
  url_ = url_of(listener_->address());
  for (const auto& loop : loops_) loop->start();
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::stop(double grace_seconds) {
  if (listener_ == nullptr) return;
  if (grace_seconds > 0) {
    listener_->away = true;
    post(0, [this] { listener_->close(); });
    for (const auto& loop : loops_) loop->post([&one = *loop] { one.drain(); });
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(grace_seconds);
    while (counts().connections_open > 0 && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kDrainPause);
    }
  }
  for (const auto& loop : loops_) loop->stop();
  listener_.reset();
}

void HttpServer::set_away(bool away) {
  if (listener_ == nullptr) return;
  listener_->away = away;
  if (away) {
    post(0, [this] { listener_->close(); });
    for (const auto& loop : loops_) loop->post([&one = *loop] { one.drop_all(true); });
  } else {
    post(0, [this] { listener_->reopen(); });
  }
}

bool HttpServer::away() const { return listener_ != nullptr && listener_->away; }

void HttpServer::post(std::size_t loop, std::function<void()> work) {
  loops_.at(loop)->post(std::move(work));
}

void HttpServer::after(double seconds, std::function<void()> work) {
  post(0, [this, seconds, work = std::move(work)] { loops_[0]->after(seconds, work); });
}

HttpServerCounts HttpServer::counts() const {
  HttpServerCounts sum;
  for (const auto& loop : loops_) {
    const HttpServerCounts one = loop->counts();
    sum.connections_open += one.connections_open;
    sum.connections_accepted += one.connections_accepted;
    sum.requests += one.requests;
    sum.broken_requests += one.broken_requests;
    sum.received_bytes += one.received_bytes;
    sum.sent_bytes += one.sent_bytes;
    sum.accepts_refused += one.accepts_refused;
  }
  return sum;
}

}  // namespace tpt::engine
