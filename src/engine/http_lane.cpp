#include "engine/http_lane.h"

#include "base/error.h"

#include <openssl/ssl.h>

#include <cerrno>
#include <new>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace tpt::engine {

namespace {

// Small: an answer's tokens come a few at a time, and every transfer in flight has one.
constexpr long kReceiveBufferBytes = 8192;
// The least that libcurl allows; used with TLS only, where it is 64 KiB otherwise.
constexpr long kSendBufferBytes = 16384;
// A request is sent again by libcurl itself where a kept connection turns out to be dead. Later
// than this the peer may have worked on it, and that is for the caller to decide.
constexpr std::chrono::milliseconds kResendWithin{1000};
constexpr int kMostSendings = 4;

HttpTransfer* transfer_of(CURL* easy) {
  HttpTransfer* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  return transfer;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* data) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(data);
  const std::size_t total = size * count;
  transfer.last_byte = HttpClock::now();
  if (transfer.status == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.status = static_cast<int>(status);
  }
  if (transfer.first_byte_seconds < 0) {
    const std::chrono::duration<double> waited = transfer.last_byte - transfer.queued;
    transfer.first_byte_seconds = waited.count();
  }
  if (!transfer.call.on_data(transfer.status, {bytes, total})) {
    transfer.stopped = true;
    return total == 0 ? 1 : 0;
  }
  if (transfer.call.paced) transfer.lane->gather(transfer);
  return total;
}

int before_sending(void* data, char*, char*, int, int) {
  HttpTransfer& transfer = *static_cast<HttpTransfer*>(data);
  const HttpClock::time_point now = HttpClock::now();
  ++transfer.sendings;
  if (transfer.sendings == 1) transfer.sent = now;
  const bool late = now - transfer.sent > kResendWithin || transfer.sendings > kMostSendings;
  return late ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

CURLcode on_tls(CURL*, void* context, void* trusted) {
  SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(context), static_cast<X509_STORE*>(trusted));
  return CURLE_OK;
}

long http_version(HttpVersion version) {
  switch (version) {
    case HttpVersion::http_1_1:
      return CURL_HTTP_VERSION_1_1;
    case HttpVersion::http_2:
      return CURL_HTTP_VERSION_2TLS;
  }
  TPT_CHECK(false, "unknown version of HTTP");
  return 0;
}

// Sets options until one is refused.
class Options {
 public:
  explicit Options(CURL* easy) : easy_(easy) {}
  template <typename Value>
  Options& set(CURLoption option, Value value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(easy_, option, value);
    return *this;
  }
  CURLcode code() const { return code_; }

 private:
  CURL* easy_;
  CURLcode code_ = CURLE_OK;
};

}  // namespace

HttpLane::HttpLane(std::shared_ptr<const HttpPeer> peer, CURLSH* share, HttpPoll& poll,
                   HttpLaneOwner& owner)
    : peer_(std::move(peer)), share_(share), poll_(poll), owner_(owner), multi_(curl_multi_init()) {
  if (multi_ == nullptr) throw std::bad_alloc();
  const bool shares = peer_->options().version != HttpVersion::http_1_1;
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpLane::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpLane::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kTransfers));
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING,
                    static_cast<long>(shares ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
}

curl_socket_t HttpLane::open_socket(void* lane, curlsocktype, curl_sockaddr* address) {
  const int number =
      socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  if (number < 0) return CURL_SOCKET_BAD;
  HttpLane& self = *static_cast<HttpLane*>(lane);
  self.poll_.opened(number);
  ++self.connections_;
  return number;
}

int HttpLane::close_socket(void* lane, curl_socket_t socket) {
  HttpLane& self = *static_cast<HttpLane*>(lane);
  self.poll_.closed(socket);
  --self.connections_;
  return close(socket);
}

HttpLane::~HttpLane() {
  for (CURL* easy : idle_) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi_);
}

int HttpLane::on_socket(CURL* easy, curl_socket_t socket, int what, void* lane, void*) {
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
  HttpLane& self = *static_cast<HttpLane*>(lane);
  self.poll_.want(socket, events, &self);
  if (what != CURL_POLL_REMOVE && easy != nullptr) {
    if (HttpTransfer* transfer = transfer_of(easy)) transfer->socket = socket;
  }
  return 0;
}

int HttpLane::on_timer(CURLM*, long milliseconds, void* lane) {
  HttpLane& self = *static_cast<HttpLane*>(lane);
  self.due = milliseconds < 0 ? HttpClock::time_point::max()
                              : HttpClock::now() + std::chrono::milliseconds(milliseconds);
  if (milliseconds >= 0) self.owner_.arm(self, self.due);
  return 0;
}

CURLcode HttpLane::set_peer_options(CURL* easy) {
  const HttpPeerOptions& options = peer_->options();
  Options set(easy);
  set.set(CURLOPT_NOSIGNAL, 1L)
      .set(CURLOPT_PROTOCOLS_STR, "http,https")
      .set(CURLOPT_HTTP_VERSION, http_version(options.version))
      .set(CURLOPT_PIPEWAIT, options.version == HttpVersion::http_1_1 ? 0L : 1L)
      .set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_seconds * 1000))
      .set(CURLOPT_BUFFERSIZE, kReceiveBufferBytes)
      .set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes)
      .set(CURLOPT_TCP_NODELAY, 1L)
      .set(CURLOPT_TCP_KEEPALIVE, 1L)
      .set(CURLOPT_ACCEPT_ENCODING, "gzip, deflate")
      .set(CURLOPT_USERAGENT, "tpt")
      .set(CURLOPT_HTTPHEADER, peer_->headers())
      .set(CURLOPT_WRITEFUNCTION, &on_body)
      .set(CURLOPT_PREREQFUNCTION, &before_sending)
      .set(CURLOPT_OPENSOCKETFUNCTION, &open_socket)
      .set(CURLOPT_OPENSOCKETDATA, this)
      .set(CURLOPT_CLOSESOCKETFUNCTION, &close_socket)
      .set(CURLOPT_CLOSESOCKETDATA, this)
      .set(CURLOPT_SHARE, share_)
      .set(CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L)
      .set(CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
  if (options.proxy == "none") {
    set.set(CURLOPT_PROXY, "");
  } else if (!options.proxy.empty()) {
    set.set(CURLOPT_PROXY, options.proxy.c_str()).set(CURLOPT_NOPROXY, "");
  }
  if (peer_->connect_to() != nullptr) set.set(CURLOPT_CONNECT_TO, peer_->connect_to());
  if (peer_->trusted() != nullptr) {
    const char* nothing = nullptr;
    set.set(CURLOPT_CAINFO, nothing)
        .set(CURLOPT_CAPATH, nothing)
        .set(CURLOPT_SSL_CTX_FUNCTION, &on_tls)
        .set(CURLOPT_SSL_CTX_DATA, peer_->trusted());
  } else if (!options.ca_file.empty()) {
    set.set(CURLOPT_CAINFO, options.ca_file.c_str());
  }
  return set.code();
}

CURL* HttpLane::fresh_handle() {
  if (!idle_.empty()) {
    CURL* easy = idle_.back();
    idle_.pop_back();
    return easy;
  }
  CURL* easy = curl_easy_init();
  if (easy == nullptr) throw std::bad_alloc();
  const CURLcode code = set_peer_options(easy);
  if (code == CURLE_OK) return easy;
  curl_easy_cleanup(easy);
  TPT_CHECK(false, "libcurl refuses an option: {}", curl_easy_strerror(code));
  return nullptr;
}

CURLcode HttpLane::start(HttpTransfer& transfer) {
  CURL* easy = fresh_handle();
  const HttpCall& call = transfer.call;
  Options set(easy);
  set.set(CURLOPT_URL, call.url.c_str())
      .set(CURLOPT_WRITEDATA, &transfer)
      .set(CURLOPT_PREREQDATA, &transfer)
      .set(CURLOPT_PRIVATE, &transfer)
      .set(CURLOPT_ERRORBUFFER, transfer.message.data());
  if (call.body.empty()) {
    set.set(CURLOPT_HTTPGET, 1L);
  } else {
    set.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()))
        .set(CURLOPT_POSTFIELDS, call.body.c_str());
  }
  CURLcode code = set.code();
  if (code == CURLE_OK && curl_multi_add_handle(multi_, easy) != CURLM_OK) {
    code = CURLE_FAILED_INIT;
  }
  if (code != CURLE_OK) {
    curl_easy_cleanup(easy);
    return code;
  }
  transfer.easy = easy;
  transfer.lane = this;
  ++transfers_;
  return CURLE_OK;
}

void HttpLane::remove(HttpTransfer& transfer) {
  CURL* easy = transfer.easy;
  curl_multi_remove_handle(multi_, easy);
  // The handle outlives the transfer that it points to.
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nullptr);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, nullptr);
  idle_.push_back(easy);
  transfer.easy = nullptr;
  --transfers_;
}

void HttpLane::gather(HttpTransfer& transfer) { owner_.gather(transfer); }

void HttpLane::work(int socket, std::uint32_t events) {
  int mask = 0;
  if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(multi_, socket, mask, &running);
}

void HttpLane::work_timers() {
  due = HttpClock::time_point::max();
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
}

HttpTransfer* HttpLane::next_finished(CURLcode& code) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) {
      code = message->data.result;
      return transfer_of(message->easy_handle);
    }
  }
  return nullptr;
}

}  // namespace tpt::engine
