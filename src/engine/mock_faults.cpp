#include "engine/mock_faults.h"

#include "base/error.h"

#include <charconv>

namespace tpt::engine {
namespace {

using enum MockFault;

constexpr std::array<MockFaultName, kMockFaults - 1> kNames = {{
    {busy, "busy", "429 with Retry-After in seconds"},
    {busy_date, "busy_date", "429 with Retry-After as a date"},
    {status_500, "500", "an internal error, as JSON"},
    {status_502, "502", "bad gateway, an empty body"},
    {status_503, "503", "unavailable, with Retry-After"},
    {status_504, "504", "gateway timeout, plain text"},
    {html, "html", "502 with a proxy's HTML page"},
    {html_200, "html_200", "an HTML page with status 200"},
    {redirect, "redirect", "307 to the same place, whole by then"},
    {stall, "stall", "the request is taken and never answered"},
    {freeze, "freeze", "half an answer, then silence"},
    {drip, "drip", "the answer byte by byte, drip_seconds apart"},
    {cut, "cut", "the connection ends in the middle of the answer"},
    {torn_json, "torn_json", "whole by its length, but cut JSON"},
    {long_length, "long_length", "more bytes promised than come"},
    {short_length, "short_length", "more bytes come than promised"},
    {reset, "reset", "a TCP reset instead of an answer"},
    {reset_midway, "reset_midway", "a TCP reset in the middle of the answer"},
    {close, "close", "the connection ends before any byte"},
    {garbage, "garbage", "bytes that are not HTTP"},
    {error_inside, "error_inside", "status 200 and an error object, in mid-stream too"},
    {empty_choices, "empty_choices", "status 200 and an empty list of choices"},
    {null_content, "null_content", "an answer whose text is null"},
    {bad_utf8, "bad_utf8", "a string with bytes that are not UTF-8"},
    {no_usage, "no_usage", "the text without token counts (nothing is lost)"},
    {no_done, "no_done", "a stream without [DONE] (nothing is lost)"},
    {double_done, "double_done", "a stream with two [DONE] (nothing is lost)"},
    {extra_lines, "extra_lines", "a stream with comments, empty data and CRLF (nothing is lost)"},
}};

MockFault fault_of(std::string_view name) {
  std::string allowed;
  for (const MockFaultName& known : kNames) {
    if (known.name == name) return known.fault;
    allowed += (allowed.empty() ? "" : ", ") + std::string(known.name);
  }
  user_error("fault: there is no {}; allowed: {}", name, allowed);
}

}  // namespace

const std::array<MockFaultName, kMockFaults - 1>& mock_fault_names() { return kNames; }

std::string_view mock_fault_name(MockFault fault) {
  return fault == none ? "none" : kNames[static_cast<std::size_t>(fault) - 1].name;
}

bool is_harmless(MockFault fault) {
  switch (fault) {
    case none:
    case drip:
    case no_usage:
    case no_done:
    case double_done:
    case extra_lines:
      return true;
    default:
      return false;
  }
}

bool needs_stream(MockFault fault) {
  return fault == no_done || fault == double_done || fault == extra_lines;
}

MockFaultPlan::MockFaultPlan(const std::vector<std::string>& entries, std::int64_t limit,
                             std::uint64_t seed)
    : limit_(limit), seed_(seed) {
  double sum = 0;
  for (const std::string& entry : entries) {
    const std::size_t sign = entry.find('=');
    const std::string_view digits =
        sign == std::string::npos ? std::string_view() : std::string_view(entry).substr(sign + 1);
    double share = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), share);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
        !(share >= 0 && share <= 1)) {
      user_error("fault: got {}, expected NAME=SHARE with a share from 0 to 1", entry);
    }
    sum += share;
    shares_.push_back({fault_of(std::string_view(entry).substr(0, sign)), sum});
  }
  if (sum > 1 + 1e-9) user_error("fault: the shares sum to {}, allowed at most 1", sum);
}

MockFault MockFaultPlan::draw_fault(MockKey key, std::int64_t asked, std::int64_t met) const {
  if (shares_.empty() || (limit_ > 0 && met >= limit_)) return none;
  const double drawn = draw_share(seed_, key, static_cast<std::uint64_t>(asked));
  for (const Share& share : shares_) {
    if (drawn < share.up_to) return share.fault;
  }
  return none;
}

}  // namespace tpt::engine
