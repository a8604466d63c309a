// The merges of byte-level BPE: which two neighbours become one token, and which go first.
#pragma once

#include "tokenize/tokenizer.h"

#include <cstdint>
#include <vector>

namespace tpt::tokenize {

struct Merge {
  TokenId left = 0;
  TokenId right = 0;
  TokenId merged = 0;
};

class Merges {
 public:
  // In order of rank; a pair that comes twice keeps its later rank, as in `tokenizers`.
  explicit Merges(const std::vector<Merge>& by_rank);

  // Merges the symbols of one piece in place: lowest rank first, leftmost first within a rank.
  // O(n log n) for long pieces.
  void apply(std::vector<TokenId>& symbols) const;
  bool empty() const { return count_ == 0; }

 private:
  struct Slot {
    std::uint64_t pair = kNoPair;
    std::uint32_t rank = kNoRank;
    TokenId merged = 0;
  };
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

  std::size_t slot_of(std::uint64_t pair) const;
  Slot find(TokenId left, TokenId right) const;
  void apply_to_short(std::vector<TokenId>& symbols) const;
  void apply_to_long(std::vector<TokenId>& symbols) const;

  std::vector<Slot> slots_;  // open addressing, at most half full
  std::size_t count_ = 0;
};

}  // namespace tpt::tokenize
