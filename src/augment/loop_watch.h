// Sees that a growing text runs in circles, so that an answer need not go on to its cap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tpt::augment {

// A text loops where its end is one piece of any length (up to 16,384 bytes), byte for byte, at
// least kRepeats times more after the first, over at least kLeastBytes in all; where it says one or
// two bytes over and over, kLeastFillBytes: real texts have zeros of 6,000 bytes in base 64. Rules
// of a table, lists and padding stay below that. Copies watch each for themselves; memory is 2 KiB
// from the first kLeastBytes of text on.
class LoopWatch {
 public:
  static constexpr std::size_t kLeastBytes = 1024;
  static constexpr std::size_t kLeastFillBytes = 8192;
  static constexpr std::size_t kRepeats = 4;

  // `text` is all there is so far: what came before, or a new text where it is shorter. A few
  // nanoseconds a new byte. Once true it stays true for the text.
  bool loops(std::string_view text);

 private:
  bool short_period(std::string_view text) const;
  bool long_period(std::string_view text, std::size_t end);

  std::size_t seen_ = 0;     // bytes of the text looked at
  std::size_t checked_ = 0;  // for short periods
  bool found_ = false;
  std::vector<std::uint16_t> last_;  // where a sample of eight bytes ended last, modulo 65,536
};

}  // namespace tpt::augment
