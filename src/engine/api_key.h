// The secret an endpoint wants to see. It cannot be formatted, streamed or compared by accident:
// the only ways out are the header of a request, and redact(), which takes it out of a text.
#pragma once

#include <string>
#include <string_view>

namespace tpt::engine {

class ApiKey {
 public:
  ApiKey() = default;
  // Error(user) for an empty one, and for bytes that no header may hold. White space around it is
  // dropped. `origin` says in messages where it came from.
  ApiKey(std::string_view secret, std::string_view origin);

  // Reads the key from `file`, or else from the environment variable `variable`; each may be empty.
  // No key where the variable is not set. Error(user) where the file cannot be read.
  static ApiKey load(const std::string& variable, const std::string& file);

  bool empty() const { return secret_.empty(); }
  // "Authorization: Bearer ..."; "" without a key.
  std::string authorization_header() const;
  // `text` with every copy of the key replaced by "[key]".
  std::string redact(std::string text) const;

 private:
  std::string secret_;
};

}  // namespace tpt::engine
