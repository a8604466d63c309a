// Cuts text into the pieces inside which BPE merges: the pre-tokenizers of tokenizer.json as
// regular expressions (PCRE2, compiled to machine code).
#pragma once

#include "tokenize/definition.h"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace tpt::tokenize {

class Splitter {
 public:
  using Piece = std::function<void(std::string_view)>;

  // Error(user) naming `origin` for a pattern that PCRE2 does not take.
  Splitter(const std::vector<SplitStep>& steps, std::string_view origin);
  ~Splitter();
  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;

  // Calls `piece` for every piece in order; they add up to `text`, which must be valid UTF-8. Any
  // thread may call it.
  void split(std::string_view text, const Piece& piece) const;

 private:
  struct Pattern;
  void split_from(std::size_t step, std::string_view text, const Piece& piece) const;

  std::vector<std::unique_ptr<Pattern>> patterns_;
};

}  // namespace tpt::tokenize
