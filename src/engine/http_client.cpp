#include "engine/http_client.h"

#include "base/error.h"
#include "engine/http_transfers.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace tpt::engine {

namespace {

// Raises the limit of open files as far as it may go; gives what transfers may use of it.
std::int64_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  constexpr rlim_t kMost = 1U << 30U;
  const auto files = static_cast<std::int64_t>(std::min(limit.rlim_cur, kMost));
  return files - std::clamp<std::int64_t>(files / 16, 64, 512);
}

// libcurl counts these calls itself, under a lock.
class CurlLibrary {
 public:
  CurlLibrary() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) io_error("libcurl does not start");
  }
  ~CurlLibrary() { curl_global_cleanup(); }
  CurlLibrary(const CurlLibrary&) = delete;
  CurlLibrary& operator=(const CurlLibrary&) = delete;
};

}  // namespace

class HttpClient::Impl {
 public:
  Impl() : transfers_([this](std::uint64_t id) { push_cancel(id); }, raise_open_files_limit()) {
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    TPT_CHECK(std::this_thread::get_id() != thread_.get_id(), "destroyed from its own callback");
    stopping_ = true;
    wake();
    thread_.join();
  }

  void send(HttpCall call) {
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    {
      const std::scoped_lock lock(mutex_);
      calls_.emplace_back(std::move(call), HttpClock::now());
    }
    wake();
  }

  void post(std::function<void()> task) {
    {
      const std::scoped_lock lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake();
  }

  void cancel_all(std::shared_ptr<const HttpPeer> peer) {
    post([this, peer = std::move(peer)] { transfers_.cancel_all(*peer); });
  }

  std::shared_ptr<x509_store_st> trusted(const std::string& ca_file) {
    const std::scoped_lock lock(trusted_mutex_);
    const auto found = trusted_.find(ca_file);
    if (found != trusted_.end()) return found->second;
    return trusted_.emplace(ca_file, read_trusted_certificates(ca_file)).first->second;
  }

  std::int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  void push_cancel(std::uint64_t id) {
    post([this, id] { transfers_.cancel(id); });
  }

  // A system call only where the thread sleeps: it looks at the queue before it does.
  void wake() {
    if (sleeping_.exchange(false)) transfers_.wake();
  }

  void run() {
    std::vector<std::pair<HttpCall, HttpClock::time_point>> calls;
    std::vector<std::function<void()>> tasks;
    while (!stopping_) {
      sleeping_ = true;
      {
        const std::scoped_lock lock(mutex_);
        calls.swap(calls_);
        tasks.swap(tasks_);
      }
      if (!calls.empty() || !tasks.empty() || stopping_) sleeping_ = false;
      for (auto& [call, queued] : calls) start(std::move(call), queued);
      // After the calls: a task may be about one that was sent before it.
      for (const auto& task : tasks) task();
      calls.clear();
      tasks.clear();
      transfers_.turn(sleeping_);
      sleeping_ = false;
    }
    // Here, because a stop callback may be running on another thread and is waited for.
    transfers_.drop();
  }

  void start(HttpCall call, HttpClock::time_point queued) {
    auto done = [this, on_done = std::move(call.on_done)](const HttpOutcome& outcome) {
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
      if (on_done) on_done(outcome);
    };
    call.on_done = std::move(done);
    transfers_.start(std::move(call), queued);
  }

  CurlLibrary library_;
  std::mutex trusted_mutex_;
  std::map<std::string, std::shared_ptr<x509_store_st>> trusted_;
  std::mutex mutex_;
  std::vector<std::pair<HttpCall, HttpClock::time_point>> calls_;
  std::vector<std::function<void()>> tasks_;
  std::atomic<std::int64_t> in_flight_ = 0;
  std::atomic<bool> sleeping_ = false;
  std::atomic<bool> stopping_ = false;
  HttpTransfers transfers_;
  std::thread thread_;
};

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}
HttpClient::~HttpClient() = default;

std::shared_ptr<const HttpPeer> HttpClient::make_peer(HttpPeerOptions options) {
  // Reading the system's certificates takes longer than many a short run.
  const bool needs_trust = options.tls || !options.ca_file.empty();
  auto trusted = needs_trust ? impl_->trusted(options.ca_file) : nullptr;
  return std::make_shared<const HttpPeer>(std::move(options), std::move(trusted));
}

void HttpClient::send(HttpCall call) {
  TPT_CHECK(call.peer != nullptr, "a call without a peer");
  if (!call.on_data) {
    call.on_data = [](int, std::string_view) { return true; };
  }
  impl_->send(std::move(call));
}

void HttpClient::cancel_all(std::shared_ptr<const HttpPeer> peer) {
  impl_->cancel_all(std::move(peer));
}

void HttpClient::post(std::function<void()> task) { impl_->post(std::move(task)); }

std::int64_t HttpClient::in_flight() const { return impl_->in_flight(); }

}  // namespace tpt::engine
