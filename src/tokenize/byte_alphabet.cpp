#include "tokenize/byte_alphabet.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

namespace tpt::tokenize {
namespace {

struct Alphabet {
  std::array<std::string, 256> of_byte;
  std::array<std::int16_t, 512> of_character;  // -1: not of the alphabet
};

bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.of_character.fill(-1);
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const int character = stands_for_itself(byte) ? byte : next++;
    std::array<utf8proc_uint8_t, 4> encoded{};
    const auto bytes = utf8proc_encode_char(character, encoded.data());
    std::string& text = alphabet.of_byte[static_cast<std::size_t>(byte)];
    for (std::size_t i = 0; i < static_cast<std::size_t>(bytes); ++i) {
      text.push_back(static_cast<char>(encoded[i]));
    }
    alphabet.of_character[static_cast<std::size_t>(character)] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

const Alphabet& alphabet() {
  static const Alphabet made = make_alphabet();
  return made;
}

}  // namespace

std::string to_alphabet(std::string_view bytes) {
  std::string characters;
  for (const char byte : bytes) {
    characters += alphabet().of_byte[static_cast<unsigned char>(byte)];
  }
  return characters;
}

std::optional<std::string> from_alphabet(std::string_view characters) {
  std::string bytes;
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(characters.data());
  for (std::size_t at = 0; at < characters.size();) {
    utf8proc_int32_t character = -1;
    const auto length = utf8proc_iterate(
        data + at, static_cast<utf8proc_ssize_t>(characters.size() - at), &character);
    if (length <= 0 || character >= 512) {
      return std::nullopt;
    }
    const std::int16_t byte = alphabet().of_character[static_cast<std::size_t>(character)];
    if (byte < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(byte));
    at += static_cast<std::size_t>(length);
  }
  return bytes;
}

}  // namespace tpt::tokenize
