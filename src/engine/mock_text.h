// The words of the mock server: a pool of prose made once from the seed, in plain bytes and as the
// inside of a JSON string, and texts that are slices of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

// A token is a word with what follows it. The prose has quotes, backslashes, line ends, letters
// beyond ASCII and an emoji, partly written as \u escapes, because real answers do.
class MockPool {
 public:
  explicit MockPool(std::uint64_t seed);

  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  const Range& words() const { return words_; }      // each with its space
  const Range& fillers() const { return fillers_; }  // the end of a sentence, 1, 2, 3, ... bytes
  const Range& prose() const { return prose_; }      // for slices
  const Range& refusal() const { return refusal_; }
  const Range& think_start() const { return think_start_; }
  const Range& think_end() const { return think_end_; }

  std::string_view raw(std::size_t first, std::size_t count) const {
    return slice(raw_, raw_ends_, first, count);
  }
  std::string_view escaped(std::size_t first, std::size_t count) const {
    return slice(escaped_, escaped_ends_, first, count);
  }
  std::size_t raw_bytes(std::size_t first, std::size_t count) const {
    return raw_ends_[first + count] - raw_ends_[first];
  }
  // How many tokens from `first` of the prose on, going round at its end, have at most `bytes`.
  std::size_t prose_tokens_within(std::size_t first, std::size_t bytes) const;
  // Bytes of `count` tokens from there on.
  std::size_t prose_bytes(std::size_t first, std::size_t count) const;

 private:
  static std::string_view slice(const std::string& text, const std::vector<std::uint32_t>& ends,
                                std::size_t first, std::size_t count) {
    return std::string_view(text).substr(ends[first], ends[first + count] - ends[first]);
  }
  void add(std::string_view raw, bool escape_letters = false);
  Range since(std::size_t first) const;
  void write_prose(std::uint64_t seed);

  std::string raw_;
  std::string escaped_;
  std::vector<std::uint32_t> raw_ends_{0};  // token i lies between ends i and i + 1
  std::vector<std::uint32_t> escaped_ends_{0};
  Range words_, fillers_, prose_, refusal_, think_start_, think_end_;
};

// A text as parts of a pool, so that one in flight costs the same few bytes however long it is.
class MockText {
 public:
  explicit MockText(const MockPool& pool) : pool_(&pool) {}

  void add(MockPool::Range range);
  // `count` tokens of the prose from `first` on, going round at its end; with a `period` the first
  // so many of them over and over.
  void add_prose(std::size_t first, std::size_t count, std::size_t period = 0);
  // Everything of another text of the same pool.
  void add(const MockText& text);
  // Text from elsewhere: each word is a token.
  void add_own(std::string_view raw);

  std::size_t tokens() const { return tokens_; }
  std::size_t raw_bytes() const;
  bool empty() const { return tokens_ == 0; }
  // Keeps the first `tokens` only.
  void cut(std::size_t tokens);
  // Tokens [first, first + count), as the inside of a JSON string.
  void append_escaped(std::size_t first, std::size_t count, std::string& out) const;
  void append_raw(std::size_t first, std::size_t count, std::string& out) const;
  std::string raw() const;

 private:
  static constexpr std::size_t kMaxParts = 20;
  struct Part {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t period = 0;  // of a repetition; 0: none
    bool own = false;
  };
  void add_part(Part part);
  // Calls take(part, offset in the part, count) for each stretch of the range.
  template <typename Take>
  void walk(std::size_t first, std::size_t count, Take take) const;
  // Calls take(first, count) for each stretch of the pool that a part's tokens lie in.
  template <typename Take>
  void walk_pool(const Part& part, std::size_t offset, std::size_t count, Take take) const;

  const MockPool* pool_;
  std::array<Part, kMaxParts> parts_;
  std::size_t parts_used_ = 0;
  std::size_t tokens_ = 0;
  std::string own_;
  std::vector<std::uint32_t> own_ends_{};
};

// `raw` as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json_escaped(std::string_view raw, std::string& out);

}  // namespace tpt::engine
