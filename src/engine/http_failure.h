// Which kind of failure an answer with an error is.
#pragma once

#include "engine/chat_answer.h"
#include "engine/engine.h"
#include "engine/http_client.h"

#include <string>
#include <string_view>

namespace tpt::engine {

// Of an HTTP status that is not 2xx, and what the body's error says:
//   429, 503, 529      busy                 408                 timed_out
//   401, 403, 407      unauthorized         other 5xx           broken
//   any 4xx or 500 that speaks of the context's length, and 413:  too_long
//   other 4xx, 3xx     refused
// A quota that is spent (insufficient_quota) is refused although it comes with 429.
Failure failure_of_status(int status, const ChatAnswer& error);
// Of an error object in an answer that began with 200.
Failure failure_of_error(const ChatAnswer& error);
// Of a transfer without a whole answer; not for HttpFault::none and stopped.
Failure failure_of_fault(HttpFault fault);

// What an error's body says, in one line of at most 300 bytes: its message, or the text of a page.
std::string error_text(const std::string& body, ChatAnswer& error);

// `text` in one line of at most 300 bytes, without control characters.
std::string error_line(std::string_view text);

// Whether it says that prompt and answer do not fit in the model's context.
bool speaks_of_context(std::string_view text);

}  // namespace tpt::engine
