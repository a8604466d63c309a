// A set of 64-bit hashes for the few thousand runs of words of one text: one block of memory, no
// node for each.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tpt::filter {

class HashSet {
 public:
  // Room for `most` hashes; more must not be inserted.
  explicit HashSet(std::size_t most) : slots_(std::bit_ceil(3 * most + 2), 0) {}

  // False where it was in already.
  bool insert(std::uint64_t hash) {
    const std::size_t at = place(hash);
    if (slots_[at] != 0) return false;
    slots_[at] = stored(hash);
    return true;
  }
  bool contains(std::uint64_t hash) const { return slots_[place(hash)] != 0; }

 private:
  // 0 marks a free slot.
  static std::uint64_t stored(std::uint64_t hash) { return hash == 0 ? 1 : hash; }

  // Where it stands, or the free slot where it would.
  std::size_t place(std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at] != 0 && slots_[at] != stored(hash)) at = (at + 1) & mask;
    return at;
  }

  std::vector<std::uint64_t> slots_;
};

}  // namespace tpt::filter
