// Which numbers a key may stand under: 8 bytes an entry, at most 16 with the free places. The keys
// themselves stay on disk, so a number that is found still has to be compared with its key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tpt::storage {

class KeyIndex {
 public:
  // `number` is 1 to 2^32 - 1; `key_hash` should be evenly spread.
  void add(std::uint32_t key_hash, std::uint32_t number);

  // Calls `is_it(number)` for each number whose key may be the one of `key_hash` until one returns
  // true; that number, or 0.
  template <typename IsIt>
  std::uint32_t find(std::uint32_t key_hash, const IsIt& is_it) const {
    const std::size_t place = place_of(key_hash, is_it);
    return place == kNowhere ? 0 : entries_[place].number;
  }

  // The number of that key becomes `number`; false where the key is not there.
  template <typename IsIt>
  bool replace(std::uint32_t key_hash, std::uint32_t number, const IsIt& is_it) {
    const std::size_t place = place_of(key_hash, is_it);
    if (place != kNowhere) entries_[place].number = number;
    return place != kNowhere;
  }

  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint32_t key_hash = 0;
    std::uint32_t number = 0;  // 0: free
  };
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  template <typename IsIt>
  std::size_t place_of(std::uint32_t key_hash, const IsIt& is_it) const {
    if (entries_.empty()) return kNowhere;
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t place = key_hash & mask; entries_[place].number != 0;
         place = (place + 1) & mask) {
      if (entries_[place].key_hash == key_hash && is_it(entries_[place].number)) return place;
    }
    return kNowhere;
  }

  void grow();

  std::vector<Entry> entries_;  // a power of two of them, at most three quarters taken
  std::size_t size_ = 0;
};

}  // namespace tpt::storage
