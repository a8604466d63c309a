// Loops compiled for several instruction sets, chosen when the program starts; and the exponential
// they use, which the compiler can turn into vector instructions with the options that
// CMakeLists.txt gives the files of such loops. (An optimize attribute here would keep it from
// being inlined.)
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TPT_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TPT_VECTOR_CLONES
#endif

namespace tpt::model {

// exp(x) to 2 units in the last place for -87 < x < 88; clamped outside.
inline float fast_exp(float x) {
  x = x < -87.0F ? -87.0F : (x > 88.0F ? 88.0F : x);
  const float scaled = x * 1.44269504F;
  const float whole =
      static_cast<float>(static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5F : 0.5F)));
  // ln 2 in two parts, so that the difference keeps its bits.
  const float rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
  float value = 1.9875691500e-4F;
  value = value * rest + 1.3981999507e-3F;
  value = value * rest + 8.3334519073e-3F;
  value = value * rest + 4.1665795894e-2F;
  value = value * rest + 1.6666665459e-1F;
  value = value * rest + 5.0000001201e-1F;
  value = value * rest * rest + rest + 1.0F;
  const auto power = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) + 127) << 23U;
  return value * std::bit_cast<float>(power);
}

// The largest of at least one number. By hand because compilers take the loop for a vector one only
// where they may forget that numbers may be no numbers.
inline float largest(const float* numbers, std::int64_t count) {
  using Lanes = float __attribute__((vector_size(32)));
  constexpr std::int64_t kLanes = 8;
  float top = numbers[0];
  std::int64_t i = 0;
  if (count >= kLanes) {
    Lanes tops;
    std::memcpy(&tops, numbers, sizeof(tops));
    for (i = kLanes; i + kLanes <= count; i += kLanes) {
      Lanes next;
      std::memcpy(&next, numbers + i, sizeof(next));
      tops = next > tops ? next : tops;
    }
    for (std::int64_t lane = 0; lane < kLanes; ++lane) top = tops[lane] > top ? tops[lane] : top;
  }
  for (; i < count; ++i) top = numbers[i] > top ? numbers[i] : top;
  return top;
}

}  // namespace tpt::model
