// Ids of pieces met before. Text repeats its words, so most pieces never reach the merges.
#pragma once

#include "tokenize/tokenizer.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tpt::tokenize {

// One thread's cache for all tokenizers: each place holds the last piece that fell on it. `owner`
// tells tokenizers apart and must never be used twice.
class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 40;
  static constexpr std::size_t kMaxIds = 14;

  // Appends the ids of `piece` if they are known.
  [[nodiscard]] bool find(std::uint32_t owner, std::string_view piece,
                          std::vector<TokenId>& ids) const {
    if (piece.size() > kMaxBytes) {
      return false;
    }
    const Place& place = (*places_)[place_of(owner, piece)];
    if (place.owner != owner || place.bytes != piece.size() ||
        std::memcmp(place.text.data(), piece.data(), piece.size()) != 0) {
      return false;
    }
    ids.insert(ids.end(), place.ids.begin(), place.ids.begin() + place.count);
    return true;
  }

  void keep(std::uint32_t owner, std::string_view piece, std::span<const TokenId> ids) {
    if (piece.size() > kMaxBytes || ids.size() > kMaxIds) {
      return;
    }
    Place& place = (*places_)[place_of(owner, piece)];
    place.owner = owner;
    place.bytes = static_cast<std::uint8_t>(piece.size());
    place.count = static_cast<std::uint8_t>(ids.size());
    std::memcpy(place.text.data(), piece.data(), piece.size());
    std::copy(ids.begin(), ids.end(), place.ids.begin());
  }

 private:
  struct Place {
    std::uint32_t owner = 0;
    std::uint8_t bytes = 0;
    std::uint8_t count = 0;
    std::array<char, kMaxBytes> text;
    std::array<TokenId, kMaxIds> ids;
  };
  static constexpr std::size_t kPlaces = std::size_t{1} << 15U;

  static std::size_t place_of(std::uint32_t owner, std::string_view piece) {
    return (std::hash<std::string_view>{}(piece) ^ (owner * 0x9E3779B9U)) & (kPlaces - 1);
  }

  std::unique_ptr<std::array<Place, kPlaces>> places_ =
      std::make_unique<std::array<Place, kPlaces>>();
};

}  // namespace tpt::tokenize
