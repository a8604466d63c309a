// What libcurl says about a transfer, in our words.
#pragma once

#include "engine/http_lane.h"

#include <string>

namespace tpt::engine {

HttpFault fault_of(CURLcode code);
// One line without keys; "" for CURLE_OK.
std::string error_of(const HttpTransfer& transfer, CURLcode code);
// Status and headers; the caller fills in the rest. While the transfer still has its handle.
HttpOutcome outcome_of(const HttpTransfer& transfer);

// Seconds of a Retry-After header: a number of them, or an HTTP date seen from `now`, the server's
// own Date ("" where it sent none: this machine's clock is asked). -1 for what is neither; at most
// a day.
double retry_after_seconds(const std::string& value, const std::string& now);

}  // namespace tpt::engine
