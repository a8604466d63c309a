#include "engine/http_url.h"

#include "base/error.h"

#include <algorithm>
#include <charconv>

namespace tpt::engine {

namespace {

// What may be shown of an address that could not be read: it may hold a password.
std::string shown_of(std::string_view whole) {
  const std::size_t at = whole.rfind('@');
  std::string_view rest = at == std::string_view::npos ? whole : whole.substr(at + 1);
  return std::string(rest.substr(0, rest.find('?')));
}

[[noreturn]] void not_an_address(std::string_view whole, std::string_view why) {
  user_error("the address {} {}; expected http://HOST:PORT or https://HOST/PATH", shown_of(whole),
             why);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return result;
}

void replace_all(std::string& text, const std::string& what, std::string_view with) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string_view without_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

HttpUrl::HttpUrl(std::string_view text) {
  for (const unsigned char c : text) {
    if (c <= 0x20 || c == 0x7F) not_an_address(text, "holds white space or a control character");
  }
  std::string_view rest = text.substr(0, text.find('#'));
  std::string scheme = "http";
  if (const std::size_t colon = rest.find("://"); colon != std::string_view::npos) {
    scheme = lower(rest.substr(0, colon));
    rest.remove_prefix(colon + 3);
  }
  if (scheme != "http" && scheme != "https") not_an_address(text, "is neither http nor https");
  secure_ = scheme == "https";
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query_ = rest.substr(mark);
    rest = rest.substr(0, mark);
  }
  const std::size_t slash = rest.find('/');
  std::string_view path =
      slash == std::string_view::npos ? std::string_view() : without_slashes(rest.substr(slash));
  const std::string_view authority = rest.substr(0, slash);
  parse_authority(authority, text);
  bool cut = false;
  for (const std::string_view tail : {"/chat/completions", "/completions", "/models"}) {
    if (!cut && path.ends_with(tail)) {
      path = without_slashes(path.substr(0, path.size() - tail.size()));
      cut = true;
    }
  }
  const std::string shown_path(path.empty() && !cut ? "/v1" : path);
  base_ = scheme + "://" + std::string(authority) + shown_path;
  const std::size_t at = authority.rfind('@');
  const std::string_view place =
      at == std::string_view::npos ? authority : authority.substr(at + 1);
  shown_ = scheme + "://" + std::string(place) + shown_path;
}

void HttpUrl::parse_authority(std::string_view authority, std::string_view whole) {
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    user_ = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) not_an_address(whole, "has a [ without its ]");
    host_ = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) not_an_address(whole, "has no : before its port");
  } else {
    const std::size_t colon = authority.find(':');
    host_ = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (host_.empty()) not_an_address(whole, "names no host");
  port_ = secure_ ? 443 : 80;
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), port_);
    if (error != std::errc() || end != port.data() + port.size() || port_ < 1 || port_ > 65535) {
      not_an_address(whole, "has a port that is not 1 to 65535");
    }
  }
}

std::string HttpUrl::redact(std::string text) const {
  replace_all(text, user_, "[user]");
  if (const std::size_t colon = user_.find(':'); colon != std::string::npos) {
    replace_all(text, user_.substr(colon + 1), "[password]");
  }
  if (query_.size() > 1) replace_all(text, query_, "?[query]");
  return text;
}

}  // namespace tpt::engine
