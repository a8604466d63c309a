// The address of an OpenAI-compatible server as people write it, and as it may be shown.
#pragma once

#include <string>
#include <string_view>

namespace tpt::engine {

// An endpoint's base address. Rules, in this order:
//   - without a scheme it is http: "gpu-3:8000" is http://gpu-3:8000;
//   - a path that ends in /chat/completions, /completions or /models is cut before that;
//   - without any path it gets /v1: http://gpu-3:8000 is http://gpu-3:8000/v1;
//   - any other path is taken as it is: https://host/team/llm/v1.
// A query ("?api-version=1") is kept and goes behind the path of every request.
class HttpUrl {
 public:
  // Error(user) for what is not an http or https address.
  explicit HttpUrl(std::string_view text);

  // The address of `path` ("/models") on that server, with user and query.
  std::string at(std::string_view path) const { return base_ + std::string(path) + query_; }
  // For names and messages: without user, password and query.
  const std::string& shown() const { return shown_; }
  // Host name without port and brackets; 443 or 80 where none was written.
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  bool secure() const { return secure_; }
  // `text` without the user and password of this address and without its query.
  std::string redact(std::string text) const;

 private:
  void parse_authority(std::string_view authority, std::string_view whole);

  std::string base_;
  std::string query_;
  std::string user_;  // "name:password"
  std::string shown_;
  std::string host_;
  int port_ = 0;
  bool secure_ = false;
};

}  // namespace tpt::engine
