#include "storage/checksum.h"

#include <bit>
#include <cstring>

namespace tpt::storage {
namespace {

constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;

// One to one in each argument while the other stays, so that no change of one word is lost.
std::uint64_t mixed(std::uint64_t sum, std::uint64_t word) {
  sum = (sum ^ word) * kFactor;
  return sum ^ (sum >> 32U);
}

}  // namespace

std::uint64_t checksum64(std::string_view bytes, std::uint64_t seed) {
  // The files are of little-endian machines, as all of ours (docs/formats.md).
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t sum = mixed(seed, bytes.size());
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    sum = mixed(sum, word);
  }
  std::uint64_t word = 0;
  if (at < bytes.size()) std::memcpy(&word, bytes.data() + at, bytes.size() - at);
  return mixed(mixed(sum, word), kFactor);
}

}  // namespace tpt::storage
