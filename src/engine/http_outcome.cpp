#include "engine/http_outcome.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace tpt::engine {

namespace {

std::string header(CURL* easy, const char* name) {
  curl_header* found = nullptr;
  if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return "";
  return found->value;
}

double number_of(const std::string& text) {
  double number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number >= 0 ? number : -1;
}

}  // namespace

HttpFault fault_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpFault::none;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpFault::timed_out;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_PROXY:
    case CURLE_ABORTED_BY_CALLBACK:  // libcurl wanted to send it again
      return HttpFault::unreachable;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
      return HttpFault::broken;
    default:
      return HttpFault::internal;
  }
}

std::string error_of(const HttpTransfer& transfer, CURLcode code) {
  if (code == CURLE_OK) return "";
  if (code == CURLE_ABORTED_BY_CALLBACK) return "the connection was lost before an answer came";
  const char* message = transfer.message.data();
  return transfer.call.peer->options().key.redact(*message != '\0' ? message
                                                                   : curl_easy_strerror(code));
}

HttpOutcome outcome_of(const HttpTransfer& transfer) {
  HttpOutcome outcome;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  outcome.status = static_cast<int>(status);
  const char* type = nullptr;
  if (curl_easy_getinfo(transfer.easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK &&
      type != nullptr) {
    outcome.content_type = type;
  }
  if (status >= 300) {
    outcome.retry_after_seconds =
        retry_after_seconds(header(transfer.easy, "Retry-After"), header(transfer.easy, "Date"));
    if (const double exact = number_of(header(transfer.easy, "Retry-After-Ms")); exact >= 0) {
      outcome.retry_after_seconds = std::min(exact / 1000, 86'400.0);
    }
  }
  return outcome;
}

double retry_after_seconds(const std::string& value, const std::string& now) {
  constexpr double kDay = 86'400;
  if (value.empty()) return -1;
  if (const double number = number_of(value); number >= 0) return std::min(number, kDay);
  const time_t then = curl_getdate(value.c_str(), nullptr);
  if (then == -1) return -1;
  // Two times of the server's own clock: ours may be wrong.
  const time_t server_now = now.empty() ? -1 : curl_getdate(now.c_str(), nullptr);
  const time_t from = server_now == -1 ? std::time(nullptr) : server_now;
  return std::clamp(static_cast<double>(then - from), 0.0, kDay);
}

}  // namespace tpt::engine
