#include "engine/mock_call.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <utility>

namespace tpt::engine {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kStreamType = "text/event-stream; charset=utf-8";
constexpr std::string_view kHtml =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
    "Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
// Between the last bytes and the reset, so that they arrive.
constexpr double kResetSeconds = 0.05;
constexpr double kShortestTickSeconds = 0.005;
constexpr std::size_t kTokensATurn = 256;
constexpr std::size_t kUnsentBytes = 256 << 10;
constexpr std::size_t kWrongBytes = 100;

std::string http_date(std::time_t when) {
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 64> text{};
  const std::size_t bytes =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), bytes};
}

// Bytes that are surely no status line.
std::string garbage(MockKey key) {
  std::string bytes;
  for (std::uint64_t i = 0; i < 64; ++i) bytes += static_cast<char>(0x80U | draw(i, key));
  return bytes;
}

}  // namespace

MockCall::MockCall(MockLedger& ledger, MockSlots& slots, std::shared_ptr<const MockRules> rules,
                   MockRequest request, HttpExchange& exchange)
    : ledger_(ledger),
      slots_(slots),
      rules_(std::move(rules)),
      request_(std::move(request)),
      exchange_(exchange) {
  ledger_.enter();
}

MockCall::~MockCall() {
  if (waiting_) MockLedger::add(ledger_.counts().waiting, -1);
  if (!ended_by_us_ && is_harmless(fault_)) MockLedger::add(ledger_.counts().client_left);
  if (rules_->config.log_requests) {
    record_.at_seconds = ledger_.seconds();
    ledger_.keep(record_);
  }
  ledger_.leave();
}

void MockCall::start() {
  const MockLedger::Asked asked =
      ledger_.ask(request_.prompt, request_.key, rules_->faults, request_.stream);
  fault_ = asked.fault;
  record_.prompt = request_.prompt;
  record_.key = request_.key;
  record_.asked = asked.asked;
  record_.fault = fault_;
  record_.streamed = request_.stream;
  record_.prompt_tokens = prompt_tokens_of(request_);
  exchange_.attach(shared_from_this());
  if (meets_early_fault()) return;
  if (rules_->config.max_concurrent == 0) return begin(nullptr);
  if (MockSlots::Slot slot = slots_.try_take()) return begin(std::move(slot));
  if (rules_->config.when_full == MockFull::refuse) {
    MockLedger::add(ledger_.counts().refused_full);
    return answer_busy(false);
  }
  waiting_ = true;
  MockLedger::add(ledger_.counts().waiting);
  slots_.wait(exchange_.loop(), weak_from_this(), [this](MockSlots::Slot slot) {
    MockLedger::add(ledger_.counts().waiting, -1);
    waiting_ = false;
    begin(std::move(slot));
  });
}

void MockCall::answer_status(int status, std::string_view content_type, std::string_view body,
                             std::string_view header_lines) {
  record_.status = status;
  finish(false);
  exchange_.answer(status, content_type, body, header_lines);
}

void MockCall::answer_busy(bool as_date) {
  const auto seconds = static_cast<std::int64_t>(std::ceil(rules_->config.retry_after_seconds));
  answer_status(
      429, kJsonType,
      error_json(rules_->config.dialect, 429, "Rate limit reached (a rehearsal)", "RateLimitError"),
      fmt::format("Retry-After: {}\r\n",
                  as_date ? http_date(std::time(nullptr) + seconds) : std::to_string(seconds)));
}

// Faults that come instead of an answer.
bool MockCall::meets_early_fault() {
  const MockDialect dialect = rules_->config.dialect;
  switch (fault_) {
    case MockFault::busy:
    case MockFault::busy_date:
      answer_busy(fault_ == MockFault::busy_date);
      return true;
    case MockFault::status_500:
      answer_status(
          500, kJsonType,
          error_json(dialect, 500, "Internal server error (a rehearsal)", "InternalServerError"));
      return true;
    case MockFault::status_502:
      answer_status(502, "", "");
      return true;
    case MockFault::status_503:
      answer_status(
          503, kJsonType,
          error_json(dialect, 503, "Service unavailable (a rehearsal)", "ServiceUnavailableError"),
          fmt::format("Retry-After: {}\r\n", std::ceil(rules_->config.retry_after_seconds)));
      return true;
    case MockFault::status_504:
      answer_status(504, "text/plain", "upstream request timeout");
      return true;
    case MockFault::html:
      answer_status(502, "text/html", kHtml);
      return true;
    case MockFault::html_200:
      answer_status(200, "text/html", kHtml);
      return true;
    case MockFault::redirect:
      answer_status(307, "", "",
                    fmt::format("Location: {}{}\r\n", rules_->config.base_path,
                                request_.chat ? "/v1/chat/completions" : "/v1/completions"));
      return true;
    case MockFault::stall:
      return true;
    case MockFault::reset:
      finish(false);
      exchange_.reset();
      return true;
    case MockFault::close:
      finish(false);
      exchange_.close();
      return true;
    case MockFault::garbage:
      finish(false);
      exchange_.write(garbage(request_.key));
      exchange_.close();
      return true;
    default:
      return false;
  }
}

void MockCall::begin(MockSlots::Slot slot) {
  slot_ = std::move(slot);
  MockLedger::add(ledger_.counts().begun);
  MockLedger::add(ledger_.counts().prompt_tokens, record_.prompt_tokens);
  const double rate = rules_->config.tokens_per_second;
  double wait_seconds = latency_of(*rules_, request_);
  if (!request_.stream && rate > 0) {
    wait_seconds += static_cast<double>(compose(*rules_, request_).tokens()) / rate;
  }
  const auto go = [](MockCall& call) {
    if (call.request_.stream) {
      call.start_stream();
    } else {
      call.answer_whole();
    }
  };
  if (wait_seconds <= 0) return go(*this);
  exchange_.after(wait_seconds, [self = shared_from_this(), go](HttpExchange&) { go(*self); });
}

void MockCall::answer_whole() {
  const MockAnswer answer = compose(*rules_, request_);
  record_.generated_tokens = static_cast<std::int64_t>(answer.tokens());
  MockLedger::add(ledger_.counts().generated_tokens, record_.generated_tokens);
  record_.status = 200;
  if (fault_ == MockFault::error_inside) {
    return answer_status(200, kJsonType,
                         error_json(rules_->config.dialect, 500,
                                    "the engine core died (a rehearsal)", "InternalServerError"));
  }
  std::string body;
  body.reserve(1024 + answer.tokens() * 7);
  append_whole(*rules_, request_, answer, fault_, body);
  const auto framed = [&](std::size_t length) {
    return exchange_.head(200, kJsonType, fmt::format("Content-Length: {}\r\n", length));
  };
  switch (fault_) {
    case MockFault::cut:
    case MockFault::reset_midway:
    case MockFault::freeze:
      exchange_.write(framed(body.size()));
      return break_off(std::string_view(body).substr(0, body.size() / 2));
    case MockFault::torn_json:
      return answer_status(200, kJsonType, std::string_view(body).substr(0, body.size() / 2));
    case MockFault::long_length:
    case MockFault::short_length: {
      const std::size_t wrong = std::min(kWrongBytes, body.size());
      finish(false);
      exchange_.write(
          framed(fault_ == MockFault::long_length ? body.size() + wrong : body.size() - wrong));
      exchange_.write(body);
      return exchange_.close();
    }
    case MockFault::drip:
      return drip(std::string(framed(body.size())) + body);
    default:
      finish(is_harmless(fault_));
      exchange_.answer(200, kJsonType, body);
  }
}

// Writes what there is of an answer and ends it there, as the fault says.
void MockCall::break_off(std::string_view written) {
  exchange_.write(written);
  if (fault_ == MockFault::cut) {
    finish(false);
    exchange_.close();
  } else if (fault_ == MockFault::reset_midway) {
    exchange_.after(kResetSeconds, [self = shared_from_this()](HttpExchange& exchange) {
      self->finish(false);
      exchange.reset();
    });
  }
}

void MockCall::drip(std::string bytes) {
  dripping_ = std::move(bytes);
  drip_on();
}

void MockCall::drip_on() {
  exchange_.write(std::string_view(dripping_).substr(dripped_++, 1));
  if (dripped_ < dripping_.size()) {
    return exchange_.after(rules_->config.drip_seconds,
                           [self = shared_from_this()](HttpExchange&) { self->drip_on(); });
  }
  finish(true);
  exchange_.end();
}

void MockCall::write_chunk(std::string_view bytes) {
  if (bytes.empty()) return;
  if (exchange_.minor_version() == 0) return exchange_.write(bytes);
  const std::string size = fmt::format("{:x}\r\n", bytes.size());
  const std::array<std::string_view, 3> pieces = {size, bytes, "\r\n"};
  exchange_.write(pieces);
}

void MockCall::start_stream() {
  MockAnswer answer = compose(*rules_, request_);
  record_.generated_tokens = static_cast<std::int64_t>(answer.tokens());
  MockLedger::add(ledger_.counts().generated_tokens, record_.generated_tokens);
  record_.status = 200;
  const bool chunked = exchange_.minor_version() == 1;
  // An old client knows the end of a stream by the end of the connection.
  if (!chunked) exchange_.forbid_keep_alive();
  const std::string_view head = exchange_.head(
      200, kStreamType, chunked ? "Transfer-Encoding: chunked\r\nCache-Control: no-cache\r\n" : "");
  events_ = std::make_unique<MockEvents>(*rules_, request_, std::move(answer), fault_);
  first_token_at_ = Clock::now();
  if (fault_ == MockFault::drip) {
    std::string bytes(head);
    std::string events;
    while (events_->append(kTokensATurn, events)) {
    }
    bytes += chunked ? fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", events.size(), events) : events;
    return drip(std::move(bytes));
  }
  exchange_.write(head);
  stream_on();
}

bool MockCall::stream_fault_due() const {
  switch (fault_) {
    case MockFault::cut:
    case MockFault::reset_midway:
    case MockFault::freeze:
    case MockFault::long_length:
    case MockFault::short_length:
      return events_->next_token() >= events_->tokens() / 2;
    default:
      return false;
  }
}

// Half of the tokens are out; the next event does not arrive as it should.
void MockCall::meet_stream_fault() {
  std::string event;
  events_->append(1, event);
  const std::string_view half = std::string_view(event).substr(0, event.size() / 2);
  if (fault_ == MockFault::cut || fault_ == MockFault::reset_midway ||
      fault_ == MockFault::freeze) {
    const std::string start = exchange_.minor_version() == 1
                                  ? fmt::format("{:x}\r\n{}", event.size(), half)
                                  : std::string(half);
    return break_off(start);
  }
  const std::size_t wrong =
      fault_ == MockFault::long_length ? event.size() + kWrongBytes : event.size() - half.size();
  finish(false);
  exchange_.write(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", wrong, event));
  exchange_.close();
}

void MockCall::stream_on() {
  const double rate = rules_->config.tokens_per_second;
  const auto chunk = static_cast<std::size_t>(rules_->config.chunk_tokens);
  double pause_seconds = kShortestTickSeconds;
  std::string events;
  while (exchange_.unsent_bytes() < kUnsentBytes) {
    if (stream_fault_due()) return meet_stream_fault();
    std::size_t due = std::max(kTokensATurn, chunk);
    if (rate > 0) {
      const double seconds = std::chrono::duration<double>(Clock::now() - first_token_at_).count();
      const auto until_now = static_cast<std::size_t>(seconds * rate) + 1;
      due = until_now > events_->next_token() ? until_now - events_->next_token() : 0;
      // Whole events only, but for the last.
      due = std::min(due / chunk * chunk, std::max(kTokensATurn / chunk * chunk, chunk));
      pause_seconds = std::max(kShortestTickSeconds, static_cast<double>(chunk) / rate);
      if (due == 0 && events_->next_token() + chunk <= events_->tokens()) break;
    }
    if (fault_ != MockFault::none) {
      const std::size_t half = events_->tokens() / 2;
      if (events_->next_token() < half) due = std::min(due, half - events_->next_token());
    }
    events.clear();
    const bool more = events_->append(due, events);
    write_chunk(events);
    if (!more) return finish_stream();
    if (rate > 0) break;
  }
  exchange_.after(pause_seconds, [self = shared_from_this()](HttpExchange&) { self->stream_on(); });
}

void MockCall::finish_stream() {
  finish(is_harmless(fault_));
  if (exchange_.minor_version() == 1) exchange_.write("0\r\n\r\n");
  exchange_.end();
}

// To be called before the exchange ends: the call goes with it.
void MockCall::finish(bool whole) {
  ended_by_us_ = true;
  record_.whole = whole;
  if (whole) ledger_.answered(request_.key);
}

}  // namespace tpt::engine
