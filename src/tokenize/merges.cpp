#include "tokenize/merges.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <tuple>

namespace tpt::tokenize {
namespace {

constexpr std::size_t kShortPiece = 48;  // symbols; above, the heap is faster than scanning
constexpr std::uint32_t kNone = ~std::uint32_t{0};

std::uint64_t pair_of(TokenId left, TokenId right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) |
         static_cast<std::uint32_t>(right);
}

struct Candidate {
  std::uint32_t rank;
  std::uint32_t position;  // of the left symbol
  TokenId merged;
};

struct Later {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return std::tie(a.rank, a.position) > std::tie(b.rank, b.position);
  }
};

struct Link {
  std::uint32_t previous;
  std::uint32_t next;
};

}  // namespace

Merges::Merges(const std::vector<Merge>& by_rank)
    : slots_(std::bit_ceil(std::max<std::size_t>(8, by_rank.size() * 2))) {
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    const Merge& merge = by_rank[rank];
    const std::uint64_t pair = pair_of(merge.left, merge.right);
    Slot& slot = slots_[slot_of(pair)];
    count_ += slot.pair == kNoPair ? 1 : 0;
    slot = {pair, static_cast<std::uint32_t>(rank), merge.merged};
  }
}

std::size_t Merges::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = (pair * 0x9E3779B97F4A7C15ULL) >> 20U & mask;
  while (slots_[at].pair != pair && slots_[at].pair != kNoPair) {
    at = (at + 1) & mask;
  }
  return at;
}

Merges::Slot Merges::find(TokenId left, TokenId right) const {
  return slots_[slot_of(pair_of(left, right))];
}

void Merges::apply(std::vector<TokenId>& symbols) const {
  if (symbols.size() < 2 || count_ == 0) {
    return;
  }
  if (symbols.size() <= kShortPiece) {
    apply_to_short(symbols);
  } else {
    apply_to_long(symbols);
  }
}

void Merges::apply_to_short(std::vector<TokenId>& symbols) const {
  std::array<Slot, kShortPiece> pairs;  // pairs[i] is that of symbols i and i + 1
  std::size_t size = symbols.size();
  for (std::size_t i = 0; i + 1 < size; ++i) {
    pairs[i] = find(symbols[i], symbols[i + 1]);
  }
  while (size > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < size; ++i) {
      best = pairs[i].rank < pairs[best].rank ? i : best;
    }
    if (pairs[best].rank == kNoRank) {
      break;
    }
    symbols[best] = pairs[best].merged;
    for (std::size_t i = best + 1; i + 1 < size; ++i) {
      symbols[i] = symbols[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --size;
    if (best + 1 < size) {
      pairs[best] = find(symbols[best], symbols[best + 1]);
    }
    if (best > 0) {
      pairs[best - 1] = find(symbols[best - 1], symbols[best]);
    }
  }
  symbols.resize(size);
}

void Merges::apply_to_long(std::vector<TokenId>& symbols) const {
  TPT_CHECK(symbols.size() < kNone, "a piece of {} bytes", symbols.size());
  const auto size = static_cast<std::uint32_t>(symbols.size());
  std::vector<Link> links(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    links[i] = {i == 0 ? kNone : i - 1, i + 1 == size ? kNone : i + 1};
  }
  std::vector<Candidate> first;
  for (std::uint32_t i = 0; i + 1 < size; ++i) {
    if (const Slot slot = find(symbols[i], symbols[i + 1]); slot.rank != kNoRank) {
      first.push_back({slot.rank, i, slot.merged});
    }
  }
  std::priority_queue<Candidate, std::vector<Candidate>, Later> queue(Later{}, std::move(first));
  constexpr TokenId kGone = -1;
  const auto offer = [&](std::uint32_t left) {
    const std::uint32_t right = links[left].next;
    if (right == kNone) {
      return;
    }
    if (const Slot slot = find(symbols[left], symbols[right]); slot.rank != kNoRank) {
      queue.push({slot.rank, left, slot.merged});
    }
  };
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    const std::uint32_t left = candidate.position;
    const std::uint32_t right = symbols[left] == kGone ? kNone : links[left].next;
    // A candidate is out of date where one of its two symbols has merged with another since.
    if (right == kNone || find(symbols[left], symbols[right]).rank != candidate.rank) {
      continue;
    }
    symbols[left] = candidate.merged;
    symbols[right] = kGone;
    links[left].next = links[right].next;
    if (links[left].next != kNone) {
      links[links[left].next].previous = left;
    }
    offer(left);
    if (links[left].previous != kNone) {
      offer(links[left].previous);
    }
  }
  std::erase(symbols, kGone);
}

}  // namespace tpt::tokenize
