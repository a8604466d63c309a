#include "engine/http_failure.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>

namespace tpt::engine {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The words of a page without its tags.
std::string without_tags(std::string_view page) {
  std::string text;
  bool inside = false;
  for (const char c : page) {
    if (c == '<') inside = true;
    if (!inside) text += c;
    if (c == '>' && inside) {
      inside = false;
      text += ' ';
    }
  }
  return text;
}

bool is_busy_type(std::string_view type) {
  return has(type, "rate_limit") || has(type, "overloaded") || has(type, "too_many_requests") ||
         has(type, "serviceunavailable") || has(type, "unavailable_error");
}

}  // namespace

std::string error_line(std::string_view text) {
  constexpr std::size_t kMostBytes = 300;
  std::string line;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
    if (space && (line.empty() || line.back() == ' ')) continue;
    line += space ? ' ' : c;
    if (line.size() >= kMostBytes) break;
  }
  while (line.ends_with(' ')) line.pop_back();
  const bool cut = line.size() >= kMostBytes;
  return valid_utf8(line, CutEnd::dropped) + (cut ? "..." : "");
}

bool speaks_of_context(std::string_view text) {
  const std::string words = lower(text);
  for (const std::string_view sign : {"context length",
                                      "context_length",
                                      "context size",
                                      "context_size",
                                      "context window",
                                      "maximum context",
                                      "max_model_len",
                                      "maximum model length",
                                      "max model len",
                                      "too many tokens",
                                      "prompt is too long",
                                      "prompt too long",
                                      "input is too long",
                                      "longer than the model",
                                      "longer than the maximum",
                                      "exceeds the maximum length",
                                      "exceeds the model's maximum",
                                      "exceeds the available context",
                                      "max_seq_len",
                                      "maximum sequence length",
                                      "maximum allowed length",
                                      "must be less than or equal to the max",
                                      "reduce the length",
                                      "string_above_max_length",
                                      "maximum number of tokens",
                                      "exceed_context_size",
                                      "must have less than",
                                      "`inputs` tokens + `max_new_tokens`"}) {
    if (has(words, sign)) return true;
  }
  return false;
}

Failure failure_of_status(int status, const ChatAnswer& error) {
  const std::string type = lower(error.error_type);
  const bool context = speaks_of_context(error.error) || speaks_of_context(type);
  switch (status) {
    case 401:
    case 402:  // no credit
    case 403:
    case 407:
      return Failure::unauthorized;
    case 408:
      return Failure::timed_out;
    case 413:
      return Failure::too_long;
    case 429:
      return has(type, "insufficient_quota") || has(type, "billing") ? Failure::unauthorized
                                                                     : Failure::busy;
    case 503:
    case 529:
      return Failure::busy;
    default:
      break;
  }
  // SGLang and llama-server have said it with a 500 too.
  if (context && (status == 500 || (status >= 400 && status < 500))) return Failure::too_long;
  // A redirect is not followed: the key is for this address. A gateway that sends one in passing is
  // asked again, as one with a 5xx is.
  return status >= 500 || (status >= 300 && status < 400) ? Failure::broken : Failure::refused;
}

Failure failure_of_error(const ChatAnswer& error) {
  const auto status = error.error_status;
  if (status >= 300 && status < 600) return failure_of_status(static_cast<int>(status), error);
  const std::string type = lower(error.error_type);
  if (speaks_of_context(error.error) || speaks_of_context(type)) return Failure::too_long;
  if (is_busy_type(type)) return Failure::busy;
  if (has(type, "badrequest") || has(type, "invalid_request")) return Failure::refused;
  if (has(type, "authentication") || has(type, "permission")) return Failure::unauthorized;
  return Failure::broken;
}

Failure failure_of_fault(HttpFault fault) {
  switch (fault) {
    case HttpFault::unreachable:
      return Failure::unreachable;
    case HttpFault::timed_out:
      return Failure::timed_out;
    case HttpFault::broken:
      return Failure::broken;
    case HttpFault::cancelled:
      return Failure::cancelled;
    case HttpFault::internal:
      return Failure::internal;
    case HttpFault::none:
    case HttpFault::stopped:
      break;
  }
  TPT_CHECK(false, "not a fault");
  return Failure::internal;
}

std::string error_text(const std::string& body, ChatAnswer& error) {
  if (read_chat_answer(body, error)) {
    // What an unknown object says is shown and not judged by: it may repeat the prompt.
    return error_line(error.error.empty() ? valid_utf8(body) : error.error);
  }
  error = ChatAnswer{};
  error.error = error_line(without_tags(valid_utf8(body)));
  return error.error;
}

}  // namespace tpt::engine
