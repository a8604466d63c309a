// The endpoints that a person names: on the command line, in a file that may change while the run
// goes on, by a name with many addresses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {

// One endpoint as it was written: an address, then settings.
//
//   http://gpu-1:8000/v1
//   gpu-2:8000 limit=256 price_hour=2.10
//   http+dns://vllm.default.svc:8000/v1 weight=2    # every address of the name
//   llama:models/qwen3-8b.gguf
struct EndpointEntry {
  std::string url;      // without "+dns"; may hold a password, so it is never shown
  std::string name;     // for people: without user, password and query; unique
  std::string address;  // the one of several addresses of the name; "" otherwise
  bool dns = false;     // stands for all addresses of its name
  std::string llama_file;
  std::int64_t limit = 0;  // most requests at once; 0: the usual
  double weight = 1;
  std::optional<double> price_in;    // for a million tokens of prompt
  std::optional<double> price_out;   // for a million tokens that were written
  std::optional<double> price_hour;  // while it has work
  std::optional<double> gpus;        // behind it

  bool operator==(const EndpointEntry&) const = default;
};

// Error(user) for what is no address and for settings that are unknown or out of range. `where`
// stands before the message.
EndpointEntry parse_endpoint(std::string_view text, std::string_view where);

// The same text without user, password and query of the address; what is no address is not shown.
std::string shown_endpoint(std::string_view text);

struct EndpointFile {
  std::vector<EndpointEntry> entries;
  std::vector<std::string> bad_lines;  // what is wrong with each, with its place
};

// One endpoint a line; '#' at the start or after a blank begins a comment. Error(io) for a file
// that cannot be read.
EndpointFile read_endpoint_file(const std::filesystem::path& path);

// The same list with every `dns` entry replaced by one entry for each address of its name.
// `failed` gets the messages of names that cannot be resolved; of these nothing is in the list.
std::vector<EndpointEntry> resolve_names(const std::vector<EndpointEntry>& entries,
                                         std::vector<std::string>& failed);

// Without those whose name has come before; `doubled` gets the names.
std::vector<EndpointEntry> without_doubles(std::vector<EndpointEntry> entries,
                                           std::vector<std::string>& doubled);

}  // namespace tpt::app
