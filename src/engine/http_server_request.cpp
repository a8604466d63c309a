#include "engine/http_server_request.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tpt::engine {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kMaxChunkLine = 4096;

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

constexpr std::array<bool, 256> token_letters() {
  std::array<bool, 256> letters{};
  for (const char letter : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    letters[static_cast<unsigned char>(letter)] = true;
  }
  return letters;
}

constexpr std::array<bool, 256> kTokenLetters = token_letters();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char letter) {
    return kTokenLetters[static_cast<unsigned char>(letter)];
  });
}

bool is_blank(char letter) { return letter == ' ' || letter == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return (byte < 0x20 && letter != '\t') || byte == 0x7f;
}

// Digits of base 10 or 16 and nothing else; false for more than 15 of them too.
bool read_number(std::string_view digits, std::size_t base, std::size_t& value) {
  if (digits.empty() || digits.size() > 15) return false;
  value = 0;
  for (const char given : digits) {
    const char digit = lower(given);
    std::size_t one = 0;
    if (digit >= '0' && digit <= '9') {
      one = static_cast<std::size_t>(digit - '0');
    } else if (base == 16 && digit >= 'a' && digit <= 'f') {
      one = static_cast<std::size_t>(digit - 'a') + 10;
    } else {
      return false;
    }
    value = value * base + one;
  }
  return true;
}

void split_target(HttpServerRequest& request) {
  std::string_view rest = request.target;
  if (const std::size_t scheme = rest.find("://");
      scheme != std::string_view::npos && rest.find('/') == scheme + 1) {
    const std::size_t slash = rest.find('/', scheme + 3);
    rest = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  }
  const std::size_t mark = rest.find('?');
  request.path = rest.substr(0, mark);
  request.query = mark == std::string_view::npos ? std::string_view() : rest.substr(mark + 1);
}

}  // namespace

std::string_view HttpServerRequest::header(std::string_view name) const {
  for (const HttpServerHeader& header : headers) {
    if (same_word(header.name, name)) return header.value;
  }
  return {};
}

bool http_list_names(std::string_view value, std::string_view token) {
  for (;;) {
    const std::size_t comma = value.find(',');
    if (same_word(trimmed(value.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

std::string_view http_reason(int status) {
  static constexpr std::array<std::pair<int, std::string_view>, 27> kReasons = {
      {{100, "Continue"},
       {200, "OK"},
       {204, "No Content"},
       {301, "Moved Permanently"},
       {302, "Found"},
       {303, "See Other"},
       {307, "Temporary Redirect"},
       {308, "Permanent Redirect"},
       {400, "Bad Request"},
       {401, "Unauthorized"},
       {403, "Forbidden"},
       {404, "Not Found"},
       {405, "Method Not Allowed"},
       {408, "Request Timeout"},
       {411, "Length Required"},
       {413, "Content Too Large"},
       {415, "Unsupported Media Type"},
       {417, "Expectation Failed"},
       {422, "Unprocessable Content"},
       {429, "Too Many Requests"},
       {431, "Request Header Fields Too Large"},
       {500, "Internal Server Error"},
       {501, "Not Implemented"},
       {502, "Bad Gateway"},
       {503, "Service Unavailable"},
       {504, "Gateway Timeout"},
       {505, "HTTP Version Not Supported"}}};
  for (const auto& [number, reason] : kReasons) {
    if (number == status) return reason;
  }
  return "Unknown";
}

HttpServerRequestReader::State HttpServerRequestReader::fail(int status, std::string_view text) {
  error_status_ = status;
  error_text_ = text;
  return State::broken;
}

void HttpServerRequestReader::start_next() {
  searched_bytes_ = head_bytes_ = body_bytes_ = chunk_at_ = wanted_bytes_ = 0;
  chunked_ = expects_continue_ = false;
}

bool HttpServerRequestReader::take_expectation() { return std::exchange(expects_continue_, false); }

HttpServerRequestReader::State HttpServerRequestReader::read(std::string_view buffer,
                                                             const HttpServerLimits& limits,
                                                             HttpServerRequest& request) {
  // Empty lines before a request are allowed (RFC 9112, 2.2).
  std::size_t start = 0;
  while (buffer.substr(start).starts_with(kLineEnd)) start += kLineEnd.size();
  const std::string_view rest = buffer.substr(start);
  if (start > 16) return fail(400, "empty lines instead of a request");
  if (rest.empty() || rest == "\r") return State::incomplete;
  const bool was_known = head_bytes_ != 0;
  if (!was_known) {
    // Bytes that cannot start a method are refused at once: a TLS client would wait forever.
    if (!kTokenLetters[static_cast<unsigned char>(rest[0])]) {
      return fail(400, "not an HTTP request");
    }
    const std::size_t end = rest.find(kHeadEnd, searched_bytes_);
    const std::size_t known = end == std::string_view::npos ? rest.size() : end;
    if (known > static_cast<std::size_t>(limits.max_head_bytes)) {
      return fail(431, "the request line and headers are too long");
    }
    if (end == std::string_view::npos) {
      searched_bytes_ = rest.size() < 3 ? 0 : rest.size() - 3;
      return State::incomplete;
    }
    head_bytes_ = end + kHeadEnd.size();
  } else if (buffer.size() < wanted_bytes_) {
    return State::incomplete;
  }
  if (!read_head(rest.substr(0, head_bytes_ - kLineEnd.size()), limits, request)) {
    return State::broken;
  }
  if (!was_known) {
    if (!read_framing(limits, request)) return State::broken;
    chunk_at_ = head_bytes_;
  }
  if (chunked_) {
    if (const State state = read_chunks(rest, limits); state != State::complete) return state;
    request.body = whole_body_;
  } else {
    wanted_bytes_ = start + head_bytes_ + body_bytes_;
    if (buffer.size() < wanted_bytes_) return State::incomplete;
    request.body = rest.substr(head_bytes_, body_bytes_);
    consumed_bytes_ = head_bytes_ + body_bytes_;
  }
  consumed_bytes_ += start;
  start_next();
  return State::complete;
}

bool HttpServerRequestReader::read_head(std::string_view head, const HttpServerLimits& limits,
                                        HttpServerRequest& request) {
  request.headers.clear();
  request.body = {};
  const std::size_t line_end = head.find(kLineEnd);
  const std::string_view line = head.substr(0, line_end);
  head.remove_prefix(line_end + kLineEnd.size());
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(400, "the request line is not METHOD TARGET VERSION"), false;
  }
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  const bool bad_target =
      request.target.empty() || std::any_of(request.target.begin(), request.target.end(),
                                            [](char c) { return c == ' ' || is_control(c); });
  if (!is_token(request.method) || bad_target) {
    return fail(400, "the request line is not METHOD TARGET VERSION"), false;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return version.starts_with("HTTP/") ? (fail(505, "this server speaks HTTP/1.0 and 1.1"), false)
                                        : (fail(400, "not an HTTP request"), false);
  }
  request.minor_version = version.back() - '0';
  split_target(request);
  while (!head.empty()) {
    const std::size_t end = head.find(kLineEnd);
    const std::string_view field = head.substr(0, end);
    head.remove_prefix(end + kLineEnd.size());
    const std::size_t colon = field.find(':');
    const std::string_view name = field.substr(0, colon);
    if (colon == std::string_view::npos || !is_token(name)) {
      return fail(400, "a header is not NAME: VALUE"), false;
    }
    const std::string_view value = trimmed(field.substr(colon + 1));
    if (std::any_of(value.begin(), value.end(), is_control)) {
      return fail(400, "a header holds a control character"), false;
    }
    if (request.headers.size() >= static_cast<std::size_t>(limits.max_headers)) {
      return fail(431, "too many headers"), false;
    }
    request.headers.push_back({name, value});
  }
  const std::string_view connection = request.header("connection");
  request.keep_alive = request.minor_version == 1 ? !http_list_names(connection, "close")
                                                  : http_list_names(connection, "keep-alive");
  return true;
}

bool HttpServerRequestReader::read_framing(const HttpServerLimits& limits,
                                           const HttpServerRequest& request) {
  bool has_length = false;
  std::size_t hosts = 0;
  for (const auto& [name, value] : request.headers) {
    if (same_word(name, "content-length")) {
      std::size_t length = 0;
      if (!read_number(value, 10, length)) return fail(400, "bad Content-Length"), false;
      if (has_length && length != body_bytes_) return fail(400, "two Content-Lengths"), false;
      has_length = true;
      body_bytes_ = length;
    } else if (same_word(name, "transfer-encoding")) {
      if (!same_word(value, "chunked") || chunked_) {
        return fail(501, "the only transfer encoding known here is chunked"), false;
      }
      chunked_ = true;
    } else if (same_word(name, "expect")) {
      if (!same_word(value, "100-continue")) return fail(417, "unknown expectation"), false;
      expects_continue_ = request.minor_version == 1;
    } else if (same_word(name, "host")) {
      ++hosts;
    }
  }
  if (hosts > 1 || (hosts == 0 && request.minor_version == 1)) {
    return fail(400, "HTTP/1.1 needs one Host"), false;
  }
  if (chunked_ && (has_length || request.minor_version == 0)) {
    return fail(400, "both a length and chunks"), false;
  }
  if (body_bytes_ > static_cast<std::size_t>(limits.max_body_bytes)) {
    return fail(413, "the body is too long"), false;
  }
  if (body_bytes_ == 0 && !chunked_) expects_continue_ = false;
  return true;
}

// Takes whole chunks off the buffer as they come, so that each byte is looked at once.
HttpServerRequestReader::State HttpServerRequestReader::read_chunks(
    std::string_view buffer, const HttpServerLimits& limits) {
  for (;;) {
    if (chunk_at_ - head_bytes_ > static_cast<std::size_t>(limits.max_body_bytes)) {
      return fail(413, "the body is too long");
    }
    const std::string_view rest = buffer.substr(chunk_at_);
    const std::size_t line_end = rest.find(kLineEnd);
    if (line_end == std::string_view::npos) {
      return rest.size() > kMaxChunkLine ? fail(400, "the line of a chunk is too long")
                                         : State::incomplete;
    }
    std::size_t size = 0;
    if (!read_number(trimmed(rest.substr(0, std::min(line_end, rest.find(';')))), 16, size)) {
      return fail(400, "a chunk without a length");
    }
    if (size > static_cast<std::size_t>(limits.max_body_bytes)) {
      return fail(413, "the body is too long");
    }
    if (size == 0) {
      // The trailer: lines up to an empty one, which nobody here reads.
      const std::size_t end = rest.find(kHeadEnd, line_end);
      if (end == std::string_view::npos) {
        return rest.size() > static_cast<std::size_t>(limits.max_head_bytes)
                   ? fail(431, "the trailer is too long")
                   : State::incomplete;
      }
      consumed_bytes_ = chunk_at_ + end + kHeadEnd.size();
      whole_body_ = std::exchange(chunks_, {});
      return State::complete;
    }
    const std::size_t data_at = line_end + kLineEnd.size();
    if (rest.size() < data_at + size + kLineEnd.size()) {
      wanted_bytes_ = chunk_at_ + data_at + size + kLineEnd.size();
      return State::incomplete;
    }
    if (rest.substr(data_at + size, kLineEnd.size()) != kLineEnd) {
      return fail(400, "a chunk longer than it says");
    }
    chunks_ += rest.substr(data_at, size);
    chunk_at_ += data_at + size + kLineEnd.size();
  }
}

}  // namespace tpt::engine
