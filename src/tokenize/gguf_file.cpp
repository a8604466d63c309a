#include "tokenize/gguf_file.h"

#include "base/error.h"

#include <cstring>
#include <fstream>
#include <type_traits>

namespace tpt::tokenize {
namespace {

using Type = GgufType;

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path.string()) {
    file_.open(path, std::ios::binary);
    if (!file_) {
      io_error("{}: cannot be opened", path_);
    }
    left_ = std::filesystem::file_size(path);
  }

  std::map<std::string, GgufValue> read() {
    if (left_ < 4 || number<std::uint32_t>() != 0x46554747U) {
      user_error("{}: not a GGUF file", path_);
    }
    const auto version = number<std::uint32_t>();
    if (version != 2 && version != 3) {
      user_error("{}: GGUF version {} is not supported; 2 and 3 are", path_, version);
    }
    number<std::uint64_t>();  // tensors
    const auto pairs = number<std::uint64_t>();
    std::map<std::string, GgufValue> values;
    for (std::uint64_t i = 0; i < pairs; ++i) {
      std::string key = string();
      const auto type = static_cast<Type>(number<std::uint32_t>());
      values[std::move(key)] = type == Type::array ? array() : scalar(type);
    }
    return values;
  }

 private:
  void take(std::uint64_t bytes) {
    if (bytes > left_) {
      user_error("{}: the GGUF file is cut short or damaged", path_);
    }
    left_ -= bytes;
  }

  template <typename T>
  T number() {
    take(sizeof(T));
    T value{};
    file_.read(reinterpret_cast<char*>(&value), sizeof(T));
    return value;
  }

  std::string string() {
    const auto bytes = number<std::uint64_t>();
    take(bytes);
    std::string text(bytes, '\0');
    file_.read(text.data(), static_cast<std::streamsize>(bytes));
    return text;
  }

  std::int64_t integer(Type type) {
    switch (type) {
      case Type::u8:
      case Type::boolean:
        return number<std::uint8_t>();
      case Type::i8:
        return number<std::int8_t>();
      case Type::u16:
        return number<std::uint16_t>();
      case Type::i16:
        return number<std::int16_t>();
      case Type::u32:
        return number<std::uint32_t>();
      case Type::i32:
        return number<std::int32_t>();
      case Type::u64:
        return static_cast<std::int64_t>(number<std::uint64_t>());
      case Type::i64:
        return number<std::int64_t>();
      default:
        user_error("{}: a value of the unknown type {}", path_, static_cast<unsigned>(type));
    }
  }

  GgufValue scalar(Type type) {
    switch (type) {
      case Type::string:
        return string();
      case Type::f32:
        return static_cast<double>(number<float>());
      case Type::f64:
        return number<double>();
      default:
        return integer(type);
    }
  }

  GgufValue array() {
    const auto type = static_cast<Type>(number<std::uint32_t>());
    const auto count = number<std::uint64_t>();
    if (count > left_) {
      take(count);  // no item is smaller than a byte, so this is damage
    }
    if (type == Type::array) {
      user_error("{}: arrays of arrays are not supported", path_);
    }
    if (type == Type::string) {
      std::vector<std::string> items;
      for (std::uint64_t i = 0; i < count; ++i) {
        items.push_back(string());
      }
      return items;
    }
    if (type == Type::f32 || type == Type::f64) {
      const std::uint64_t bytes = count * (type == Type::f32 ? 4 : 8);
      take(bytes);
      file_.seekg(static_cast<std::streamoff>(bytes), std::ios::cur);
      return std::monostate{};
    }
    std::vector<std::int64_t> items;
    for (std::uint64_t i = 0; i < count; ++i) {
      items.push_back(integer(type));
    }
    return items;
  }

  std::string path_;
  std::ifstream file_;
  std::uint64_t left_ = 0;
};

}  // namespace

std::map<std::string, GgufValue> read_gguf_values(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace tpt::tokenize
