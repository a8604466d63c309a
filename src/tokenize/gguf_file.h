// The key/value part of a GGUF file (llama.cpp's format), enough to take a vocabulary out of it.
// The tensors are not touched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace tpt::tokenize {

// Integers and booleans of any width come as int64, floats as double; arrays of strings and of
// integers keep their items, other arrays come as monostate.
using GgufValue = std::variant<std::monostate, std::int64_t, double, std::string,
                               std::vector<std::string>, std::vector<std::int64_t>>;

// All keys with their values. Versions 2 and 3, little-endian. Error(user) naming the file where it
// is not GGUF, is cut short or lies about its lengths.
std::map<std::string, GgufValue> read_gguf_values(const std::filesystem::path& path);

}  // namespace tpt::tokenize
