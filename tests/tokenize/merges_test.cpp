// The merges against a slow twin, and against words made to take quadratic time.
#include "tokenize/merges.h"

#include "base/random.h"
#include "oracle.h"

#include <ctime>

namespace tpt::tokenize {
namespace {

// Tries every merge in order of rank, at every place, from the start again after each.
std::vector<TokenId> merge_slowly(const std::vector<Merge>& merges, std::vector<TokenId> symbols) {
  for (bool merged = true; merged;) {
    merged = false;
    for (const Merge& merge : merges) {
      for (std::size_t i = 0; i + 1 < symbols.size() && !merged; ++i) {
        if (symbols[i] == merge.left && symbols[i + 1] == merge.right) {
          symbols[i] = merge.merged;
          symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
          merged = true;
        }
      }
      if (merged) {
        break;
      }
    }
  }
  return symbols;
}

TEST(Merges, EqualTheSlowTwin) {
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t letters = 1 + random.below(4);
    std::vector<Merge> merges;
    TokenId next = static_cast<TokenId>(letters);
    for (int i = 0; i < 30; ++i) {
      const auto any = [&] {
        return static_cast<TokenId>(random.below(static_cast<std::uint64_t>(next)));
      };
      const Merge merge = {any(), any(), next};
      bool known = false;
      for (const Merge& other : merges) {
        known = known || (other.left == merge.left && other.right == merge.right);
      }
      if (!known) {
        merges.push_back(merge);
        ++next;
      }
    }
    const Merges fast(merges);
    // Short pieces are scanned, long ones go through a heap.
    for (const std::size_t length : {0, 1, 2, 3, 10, 47, 48, 49, 50, 200}) {
      std::vector<TokenId> symbols(length);
      for (TokenId& symbol : symbols) {
        symbol = static_cast<TokenId>(random.below(letters));
      }
      std::vector<TokenId> merged = symbols;
      fast.apply(merged);
      ASSERT_EQ(merged, merge_slowly(merges, symbols)) << "round " << round << ", " << length;
    }
  }
}

double seconds_to_encode(const Tokenizer& tokenizer, const std::string& text) {
  const std::clock_t started = std::clock();  // of the processor: other programs do not count
  const std::vector<TokenId> ids = tokenizer.encode(text);
  const double seconds = static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC;
  EXPECT_EQ(tokenizer.decode(ids), text);
  return seconds;
}

TEST(LongWordsSlow, TakeNoQuadraticTime) {
  NEEDS_SHARED();
  constexpr std::size_t kBytes = 1'000'000;
  Random random(1);
  std::string letters;
  std::string spaces_and_letters;
  for (std::size_t i = 0; i < kBytes; ++i) {
    letters.push_back(static_cast<char>('a' + random.below(26)));
    spaces_and_letters += i % 2000 == 0 ? "x" : " ";
  }
  for (const char* name : {"gpt2", "qwen2"}) {
    const auto tokenizer = load_tokenizer(tokenizer_files() / name);
    const std::vector<std::string> attacks = {
        std::string(kBytes, 'a'), std::string(kBytes, ' '),        std::string(kBytes, '\n'),
        std::string(kBytes, '7'), std::string(kBytes, '\0'),       letters,
        std::string(kBytes, '!'), " " + std::string(kBytes, '\t'), spaces_and_letters};
    for (std::size_t i = 0; i < attacks.size(); ++i) {
      EXPECT_LT(seconds_to_encode(*tokenizer, attacks[i]), 4) << name << ", attack " << i;
    }
  }
}

}  // namespace
}  // namespace tpt::tokenize
