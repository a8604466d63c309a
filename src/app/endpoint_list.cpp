#include "app/endpoint_list.h"

#include "base/byte_order_mark.h"
#include "base/error.h"
#include "engine/http_resolve.h"
#include "engine/http_url.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

namespace tpt::app {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(kBlanks);
    if (start == std::string_view::npos || text[start] == '#') return words;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

double number_of(std::string_view text, double most, std::string_view setting,
                 std::string_view where) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      value < 0 || value > most) {
    user_error("{}: {}: got {}, allowed: a number from 0 to {}", where, setting, text, most);
  }
  return value;
}

void take_setting(EndpointEntry& entry, std::string_view word, std::string_view where) {
  constexpr double kMostPrice = 1e6;
  constexpr double kMostLimit = 1 << 20;
  const std::size_t equals = std::min(word.find('='), word.size());
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(std::min(equals + 1, word.size()));
  if (name == "limit") {
    entry.limit = std::llround(number_of(value, kMostLimit, name, where));
  } else if (name == "weight") {
    entry.weight = number_of(value, 1000, name, where);
    if (entry.weight <= 0) user_error("{}: weight: got {}, allowed: above 0", where, value);
  } else if (name == "price_in") {
    entry.price_in = number_of(value, kMostPrice, name, where);
  } else if (name == "price_out") {
    entry.price_out = number_of(value, kMostPrice, name, where);
  } else if (name == "price_hour") {
    entry.price_hour = number_of(value, kMostPrice, name, where);
  } else if (name == "gpus") {
    entry.gpus = number_of(value, kMostLimit, name, where);
  } else {
    // The word may be a part of an address with a password.
    user_error(
        "{}: got a setting that is none of limit=, weight=, price_in=, price_out=, "
        "price_hour=, gpus=",
        where);
  }
}

}  // namespace

EndpointEntry parse_endpoint(std::string_view text, std::string_view where) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.empty()) user_error("{}: got nothing, allowed: an address such as host:8000", where);
  EndpointEntry entry;
  entry.url = words.front();
  if (entry.url.starts_with("llama:")) {
    entry.llama_file = entry.url.substr(6);
    if (entry.llama_file.empty()) user_error("{}: llama: names no file", where);
    entry.name = "llama:" + entry.llama_file;
  } else {
    const std::size_t scheme = entry.url.find("://");
    const std::size_t plus = entry.url.find("+dns");
    if (scheme != std::string::npos && plus != std::string::npos && plus + 4 == scheme) {
      entry.dns = true;
      entry.url.erase(plus, 4);
    }
    entry.name = engine::HttpUrl(entry.url).shown();
  }
  for (std::size_t i = 1; i < words.size(); ++i) take_setting(entry, words[i], where);
  return entry;
}

std::string shown_endpoint(std::string_view text) {
  try {
    const EndpointEntry entry = parse_endpoint(text, "");
    std::string shown = entry.name;
    if (entry.dns) shown.insert(shown.find("://"), "+dns");
    const std::size_t settings = std::min(text.find_first_of(kBlanks), text.size());
    return shown + std::string(text.substr(settings));
  } catch (const Error&) {
    return "an address that is none";
  }
}

EndpointFile read_endpoint_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  if (!file || content.bad()) io_error("{}: cannot be read", path.string());
  EndpointFile read;
  std::string line;
  for (std::int64_t number = 1; std::getline(content, line); ++number) {
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (words_of(line).empty()) continue;
    const std::string where = path.string() + ":" + std::to_string(number);
    try {
      read.entries.push_back(parse_endpoint(line, where));
    } catch (const Error& error) {
      const std::string message = error.what();
      read.bad_lines.push_back(message.starts_with(where) ? message : where + ": " + message);
    }
  }
  return read;
}

std::vector<EndpointEntry> resolve_names(const std::vector<EndpointEntry>& entries,
                                         std::vector<std::string>& failed) {
  std::vector<EndpointEntry> resolved;
  for (const EndpointEntry& entry : entries) {
    if (!entry.dns) {
      resolved.push_back(entry);
      continue;
    }
    const engine::HttpUrl url(entry.url);
    try {
      for (const std::string& address : engine::resolve_addresses(url.host(), url.port())) {
        EndpointEntry one = entry;
        one.dns = false;
        one.address = address;
        one.name += " at " + address;
        resolved.push_back(std::move(one));
      }
    } catch (const Error& error) {
      failed.emplace_back(error.what());
    }
  }
  return resolved;
}

std::vector<EndpointEntry> without_doubles(std::vector<EndpointEntry> entries,
                                           std::vector<std::string>& doubled) {
  std::set<std::string> names;
  std::vector<EndpointEntry> once;
  for (EndpointEntry& entry : entries) {
    if (names.insert(entry.name).second) {
      once.push_back(std::move(entry));
    } else {
      doubled.push_back(entry.name);
    }
  }
  return once;
}

}  // namespace tpt::app
