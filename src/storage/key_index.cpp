#include "storage/key_index.h"

#include "base/error.h"

#include <algorithm>
#include <utility>

namespace tpt::storage {

void KeyIndex::add(std::uint32_t key_hash, std::uint32_t number) {
  TPT_CHECK(number != 0);
  if (4 * (size_ + 1) > 3 * entries_.size()) grow();
  const std::size_t mask = entries_.size() - 1;
  std::size_t place = key_hash & mask;
  while (entries_[place].number != 0) place = (place + 1) & mask;
  entries_[place] = {key_hash, number};
  ++size_;
}

void KeyIndex::grow() {
  constexpr std::size_t kFewest = 1024;
  const std::vector<Entry> before =
      std::exchange(entries_, std::vector<Entry>(std::max(kFewest, 2 * entries_.size())));
  size_ = 0;
  for (const Entry& entry : before) {
    if (entry.number != 0) add(entry.key_hash, entry.number);
  }
}

}  // namespace tpt::storage
