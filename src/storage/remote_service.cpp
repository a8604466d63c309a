#include "storage/remote_service.h"

#include "base/error.h"
#include "storage/files.h"

#include <arrow/filesystem/s3fs.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>

namespace tpt::storage {
namespace {

constexpr std::string_view kScheme = "s3://";

std::optional<std::string> from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::int64_t max_attempts() {
  constexpr std::int64_t kDefault = 10;
  constexpr std::int64_t kMost = 100;
  const auto given = from_environment("AWS_MAX_ATTEMPTS");
  if (!given) return kDefault;
  std::int64_t attempts = 0;
  const char* end = given->data() + given->size();
  const auto [behind, problem] = std::from_chars(given->data(), end, attempts);
  if (problem != std::errc() || behind != end || attempts < 1 || attempts > kMost) {
    user_error("AWS_MAX_ATTEMPTS: got {}, allowed 1 to {}", *given, kMost);
  }
  return attempts;
}

// Doubling waits with jitter, 20 s at most: ten attempts bridge about a minute.
class PatientRetries : public arrow::fs::S3RetryStrategy {
 public:
  explicit PatientRetries(std::int64_t attempts) : max_attempts_(attempts) {}

  bool ShouldRetry(const AWSErrorDetail& error, std::int64_t attempted_retries) override {
    return error.should_retry && attempted_retries + 1 < max_attempts_;
  }

  std::int64_t CalculateDelayBeforeNextRetry(const AWSErrorDetail& /*error*/,
                                             std::int64_t attempted_retries) override {
    constexpr std::int64_t kFirstWaitMs = 100;
    constexpr std::int64_t kLongestWaitMs = 20'000;
    const std::int64_t wait =
        std::min(kLongestWaitMs, kFirstWaitMs << std::min<std::int64_t>(attempted_retries, 10));
    // When a request is sent again changes no byte, and many machines must not do it at once.
    const std::scoped_lock lock(mutex_);
    return std::uniform_int_distribution<std::int64_t>(wait / 2, wait)(jitter_);
  }

 private:
  std::int64_t max_attempts_;
  std::mutex mutex_;
  std::minstd_rand jitter_{std::random_device{}()};
};

struct Endpoint {
  std::string scheme;
  std::string place;  // host and port, with the path behind them if there is one
};

std::optional<Endpoint> given_endpoint() {
  const char* name = "AWS_ENDPOINT_URL_S3";
  auto url = from_environment(name);
  if (!url) url = from_environment(name = "AWS_ENDPOINT_URL");
  if (!url) return std::nullopt;
  const std::size_t colon = url->find("://");
  Endpoint endpoint;
  if (colon != std::string::npos) {
    endpoint = {url->substr(0, colon), url->substr(colon + 3)};
    while (endpoint.place.ends_with('/')) endpoint.place.pop_back();
  }
  const bool known = endpoint.scheme == "http" || endpoint.scheme == "https";
  // A key does not belong into a URL, and is not repeated here either.
  if (!known || endpoint.place.empty() || endpoint.place.find('@') != std::string::npos) {
    user_error("{}: expected http://HOST:PORT or https://HOST, without a user", name);
  }
  return endpoint;
}

std::string bucket_of(const std::filesystem::path& url) {
  const std::string name = remote_name(url);
  return name.substr(0, name.find('/'));
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '-' || letter == '.';
    out +=
        plain ? std::string(1, letter) : fmt::format("%{:02X}", static_cast<unsigned char>(letter));
  }
  return out;
}

// Arrow asks that S3 is shut down before the process ends, and never used after that.
class Service {
 public:
  Service() {
    // A server that closes its connection must not end the process.
    if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) io_error("SIGPIPE cannot be ignored");
    // Loaded now and not linked: a third of the time that a program with Arrow takes to start.
    arrow::Status started;
    if (!std::string_view(TPT_ARROW_S3).empty()) {
      started = arrow::fs::LoadFileSystemFactories(TPT_ARROW_S3);
    }
    // A connection that nobody uses has Arrow make its globals now. Those that are made later than
    // this object would be gone before it shuts them down.
    if (started.ok()) {
      started = arrow::fs::FileSystemFromUri(
                    "s3://none:none@none?region=none&endpoint_override=127.0.0.1")
                    .status();
    }
    if (!started.ok()) io_error("Arrow's part for S3 cannot be started: {}", started.message());
  }
  ~Service() {
    systems_.clear();
    arrow::fs::EnsureFinalized();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  arrow::fs::FileSystem& system(const std::filesystem::path& url) {
    const std::string uri = connection(url);
    const std::scoped_lock lock(mutex_);
    auto& system = systems_[uri];
    if (system == nullptr) system = connect(uri, url);
    return *system;
  }

 private:
  // Nothing where each bucket is to be asked for its own.
  static std::optional<std::string> region() {
    if (auto given = from_environment("AWS_REGION")) return given;
    if (auto given = from_environment("AWS_DEFAULT_REGION")) return given;
    if (given_endpoint()) return "us-east-1";
    return std::nullopt;
  }

  // Who is asked, as Arrow names it. The keys are none of it: the SDK finds them by itself.
  static std::string connection(const std::filesystem::path& url) {
    const auto where = region();
    // One connection serves all buckets of a region.
    std::string uri = "s3://" + (where ? "any-bucket" : percent_encoded(bucket_of(url)));
    // Small objects go in one request where the opening may wait for the closing.
    uri += "?allow_delayed_open=true";
    if (where) uri += "&region=" + percent_encoded(*where);
    if (const auto endpoint = given_endpoint()) {
      uri +=
          "&scheme=" + endpoint->scheme + "&endpoint_override=" + percent_encoded(endpoint->place);
    }
    return uri;
  }

  static std::shared_ptr<arrow::fs::FileSystem> connect(const std::string& uri,
                                                        const std::filesystem::path& url) {
    const std::shared_ptr<arrow::fs::S3RetryStrategy> retries =
        std::make_shared<PatientRetries>(max_attempts());
    return remote_checked(
        arrow::fs::FileSystemFromUriAndOptions(uri, {{"retry_strategy", retries}}), url);
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<arrow::fs::FileSystem>> systems_;
};

}  // namespace

std::string remote_name(const std::filesystem::path& url) {
  std::string name = url.native();
  TPT_CHECK(is_remote(url), "{} is no s3:// path", name);
  name.erase(0, kScheme.size());
  while (name.ends_with('/')) name.pop_back();
  if (name.empty() || name.starts_with('/')) {
    user_error("{}: expected s3://BUCKET/NAME", url.string());
  }
  return name;
}

arrow::fs::FileSystem& remote_service(const std::filesystem::path& url) {
  // Made after Arrow's own globals, and so gone before them.
  static Service service;
  return service.system(url);
}

void remote_failed(const std::filesystem::path& url, const arrow::Status& status) {
  const std::string& why = status.message();
  const auto says = [&](const char* word) { return why.find(word) != std::string::npos; };
  std::string hint;
  if (says("ACCESS_DENIED") || says("INVALID_ACCESS_KEY_ID") || says("SIGNATURE") ||
      says("HTTP status 403") || says("credentials")) {
    hint = "; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do";
  } else if (says("NETWORK_CONNECTION")) {
    hint = "; check AWS_ENDPOINT_URL and the network, then run the same command again";
  }
  io_error("{}: {}{}", url.string(), why, hint);
}

}  // namespace tpt::storage
