// What can go wrong at an endpoint, by name, and which request it happens to.
#pragma once

#include "engine/mock_key.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

enum class MockFault {
  none,
  busy,       // 429 with Retry-After in seconds
  busy_date,  // 429 with Retry-After as a date
  status_500,
  status_502,
  status_503,  // with Retry-After
  status_504,
  html,           // 502 with a page of a proxy's
  html_200,       // a page instead of an answer, and status 200
  redirect,       // 307 to the same place
  stall,          // taken, and never answered
  freeze,         // half an answer, then silence
  drip,           // the answer comes byte by byte
  cut,            // the connection ends in the middle of the answer
  torn_json,      // whole by its length, and not JSON
  long_length,    // more bytes promised than come
  short_length,   // more bytes come than were promised
  reset,          // a TCP reset instead of an answer
  reset_midway,   // and one in the middle of it
  close,          // the connection ends before any byte
  garbage,        // bytes that are not HTTP
  error_inside,   // status 200 and an error object, in the middle of a stream
  empty_choices,  // status 200 and no answer in it
  null_content,   // an answer whose content is null
  bad_utf8,       // bytes in a string that are not UTF-8
  no_usage,       // no token counts, though asked for
  no_done,        // a stream that ends without [DONE]
  double_done,    // a stream with two
  extra_lines     // comments, blank events and CRLF in a stream: allowed, and rarely tried
};

inline constexpr std::size_t kMockFaults = static_cast<std::size_t>(MockFault::extra_lines) + 1;

struct MockFaultName {
  MockFault fault;
  std::string_view name;
  std::string_view what;
};

// Every fault but none, in the order of the enum.
const std::array<MockFaultName, kMockFaults - 1>& mock_fault_names();
// "none" for none.
std::string_view mock_fault_name(MockFault fault);
// True where the answer is whole and right all the same.
bool is_harmless(MockFault fault);
// True where only a stream can go wrong so; whole answers are then as they should be.
bool needs_stream(MockFault fault);

// Which of the faults a request meets.
class MockFaultPlan {
 public:
  // Entries are NAME=SHARE. Error(user) for an unknown name, a share outside 0 to 1, or shares that
  // sum to more than 1.
  MockFaultPlan(const std::vector<std::string>& entries, std::int64_t limit, std::uint64_t seed);

  // What happens to a request asked for the `asked`th time (from 0) that met `met` faults before.
  MockFault draw_fault(MockKey key, std::int64_t asked, std::int64_t met) const;
  bool empty() const { return shares_.empty(); }

 private:
  struct Share {
    MockFault fault;
    double up_to;  // summed shares
  };
  std::vector<Share> shares_;
  std::int64_t limit_;
  std::uint64_t seed_;
};

}  // namespace tpt::engine
