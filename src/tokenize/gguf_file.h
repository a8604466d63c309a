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

// The types of values as the format numbers them.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12
};

// Integers and booleans of any width come as int64, floats as double; arrays of strings and of
// integers keep their items, other arrays come as monostate.
using GgufValue = std::variant<std::monostate, std::int64_t, double, std::string,
                               std::vector<std::string>, std::vector<std::int64_t>>;

// All keys with their values. Versions 2 and 3, little-endian. Error(user) naming the file where it
// is not GGUF, is cut short or lies about its lengths.
std::map<std::string, GgufValue> read_gguf_values(const std::filesystem::path& path);

}  // namespace tpt::tokenize
