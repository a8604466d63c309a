// What a request is to the mock server: 128 bits of what was asked, for choices that must be the
// same whenever the same is asked again.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tpt::engine {

struct MockKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const MockKey&) const = default;
  // 32 hex digits.
  std::string hex() const;
};

// Folds the 128-bit product of two words: every bit of both reaches every bit of the result.
inline std::uint64_t mix_words(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// A number for one purpose on one request: `purpose` is a seed from derive_seed.
inline std::uint64_t draw(std::uint64_t purpose, MockKey key, std::uint64_t count = 0) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  return mix_words(mix_words(purpose ^ key.high, key.low ^ 0xa0761d6478bd642f) ^ (count * kOdd),
                   purpose ^ 0xe7037ed1a0b428db);
}

// The same in [0, 1).
inline double draw_share(std::uint64_t purpose, MockKey key, std::uint64_t count = 0) {
  return static_cast<double>(draw(purpose, key, count) >> 11U) * 0x1.0p-53;
}

// A fast hash that is not for secrets. Pieces are told apart: "ab", "c" is not "a", "bc".
class MockHasher {
 public:
  void add(std::uint64_t value) {
    high_ = mix_words(high_ ^ value, 0x8ebc6af09c88c6e3);
    low_ = mix_words(low_ ^ value ^ 0x589965cc75374cc3, high_ ^ 0x1d8e4e27c47d124f);
  }

  void add(std::string_view text) {
    const std::size_t size = text.size();
    while (text.size() >= 16) {
      add_words(word(text.data(), 8), word(text.data() + 8, 8));
      text.remove_prefix(16);
    }
    const std::size_t first = text.size() < 8 ? text.size() : 8;
    add_words(word(text.data(), first), word(text.data() + first, text.size() - first));
    add(size);
  }

  MockKey key() const { return {high_, low_}; }

 private:
  static std::uint64_t word(const char* bytes, std::size_t count) {
    std::uint64_t value = 0;
    if (count > 0) std::memcpy(&value, bytes, count);
    return value;
  }
  void add_words(std::uint64_t a, std::uint64_t b) {
    high_ = mix_words(high_ ^ a, b ^ 0xa0761d6478bd642f);
    low_ = mix_words(low_ ^ b, a ^ 0xe7037ed1a0b428db) + high_;
  }

  std::uint64_t high_ = 0x2d358dccaa6c78a5;
  std::uint64_t low_ = 0x8bb84b93962eacc9;
};

}  // namespace tpt::engine
