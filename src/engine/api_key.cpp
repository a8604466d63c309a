#include "engine/api_key.h"

#include "base/error.h"
#include "base/white_space.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tpt::engine {

namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

ApiKey::ApiKey(std::string_view secret, std::string_view origin) : secret_(trimmed(secret)) {
  if (secret_.empty()) user_error("the key in {} is empty", origin);
  const bool printable = std::all_of(secret_.begin(), secret_.end(),
                                     [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  // What is wrong with it is not shown: a message must never hold a key.
  if (!printable) user_error("the key in {} holds a byte that no header may hold", origin);
}

ApiKey ApiKey::load(const std::string& variable, const std::string& file) {
  if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    // Sets a bit, where an iterator would throw for a folder.
    if (in) text << in.rdbuf();
    if (!in) user_error("the key's file {} cannot be read", file);
    return {text.str(), file};
  }
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  // A variable that is set to nothing is how scripts say "no key".
  if (value == nullptr || trimmed(value).empty()) return {};
  return {value, "the environment variable " + variable};
}

std::string ApiKey::authorization_header() const {
  return empty() ? "" : "Authorization: Bearer " + secret_;
}

std::string ApiKey::redact(std::string text) const {
  if (empty()) return text;
  replace_all(text, secret_, "[key]");
  // As a server writes it inside a JSON string.
  std::string escaped;
  for (const char c : secret_) {
    if (c == '"' || c == '\\' || c == '/') escaped += '\\';
    escaped += c;
  }
  if (escaped != secret_) replace_all(text, escaped, "[key]");
  return text;
}

}  // namespace tpt::engine
