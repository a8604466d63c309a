// One HTTP/1.x request as a server reads it from a growing buffer: RFC 9112, strict where two
// readers could disagree about where a request ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

struct HttpServerHeader {
  std::string_view name;
  std::string_view value;
};

// All views point into the buffer the request was read from.
struct HttpServerRequest {
  std::string_view method;  // "GET"
  std::string_view target;  // as sent: "/v1/models?limit=3"
  std::string_view path;    // before the question mark, the scheme and host of an absolute target
                            // left out
  std::string_view query;   // behind it
  std::int64_t minor_version = 1;  // HTTP/1.0 or 1.1
  std::vector<HttpServerHeader> headers;
  std::string_view body;
  bool keep_alive = true;  // what the client asked for

  // The value of the first header of that name in any case; "" where there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpServerLimits {
  std::int64_t max_head_bytes = 32 << 10;  // request line and headers
  std::int64_t max_headers = 128;
  std::int64_t max_body_bytes = 64 << 20;  // as sent, with the framing of chunks
};

class HttpServerRequestReader {
 public:
  enum class State {
    incomplete,  // read on and call again with the longer buffer
    complete,    // `request` is filled; consumed_bytes() of the buffer were its
    broken       // answer error_status() and close
  };

  // Looks at the bytes from the start of one request. May be called again with the same bytes and
  // more, wherever they lie now. After `complete` it is ready for the next request.
  State read(std::string_view buffer, const HttpServerLimits& limits, HttpServerRequest& request);

  std::size_t consumed_bytes() const { return consumed_bytes_; }
  // No more than an interim answer is possible before the buffer has this many bytes.
  std::size_t wanted_bytes() const { return wanted_bytes_; }
  // True once, where the client waits for "100 Continue" before it sends the body.
  bool take_expectation();
  int error_status() const { return error_status_; }
  std::string_view error_text() const { return error_text_; }

 private:
  State fail(int status, std::string_view text);
  // Both give false after fail().
  bool read_head(std::string_view head, const HttpServerLimits& limits, HttpServerRequest& request);
  bool read_framing(const HttpServerLimits& limits, const HttpServerRequest& request);
  State read_chunks(std::string_view buffer, const HttpServerLimits& limits);
  void start_next();

  std::size_t searched_bytes_ = 0;  // no end of the head before here
  std::size_t head_bytes_ = 0;      // 0: the head is not whole yet
  std::size_t body_bytes_ = 0;
  std::size_t chunk_at_ = 0;  // where in the buffer the next chunk starts
  std::size_t consumed_bytes_ = 0;
  std::size_t wanted_bytes_ = 0;
  bool chunked_ = false;
  bool expects_continue_ = false;
  std::string chunks_;      // the joined body of a chunked request ...
  std::string whole_body_;  // ... and of the one that was given out last
  int error_status_ = 0;
  std::string_view error_text_;
};

// "OK" for 200; "Unknown" for a status without a name here.
std::string_view http_reason(int status);

// True where `value` is a comma-separated list that names `token`, in any case.
bool http_list_names(std::string_view value, std::string_view token);

}  // namespace tpt::engine
