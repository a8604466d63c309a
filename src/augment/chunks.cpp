#include "augment/chunks.h"

#include "tokenize/tokenizer.h"

#include <algorithm>

namespace tpt::augment {

namespace {

// Only a beginning is tokenised: a document may have 100 MB. What is looked at grows until it has
// too many tokens.
constexpr std::size_t kBytesPerToken = 16;

bool starts_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }

// The largest position not above `at` where a code point starts; bytes that continue none count for
// themselves.
std::size_t code_point_start(std::string_view text, std::size_t at) {
  for (std::size_t back = 0; back <= std::min<std::size_t>(3, at); ++back) {
    if (at - back == text.size() || starts_code_point(text[at - back])) return at - back;
  }
  return at;
}

// A beginning of `text` that has more than `max_tokens` tokens, and how many of its bytes those
// are; the whole text where all of it fits.
struct Beginning {
  std::string_view looked_at;
  std::size_t fits = 0;
};

Beginning beginning_of(std::string_view text, std::int64_t max_tokens,
                       const engine::TokenCounter& tokens) {
  for (std::size_t look = static_cast<std::size_t>(max_tokens) * kBytesPerToken;; look *= 2) {
    const std::size_t shown =
        look >= text.size() ? text.size() : std::max<std::size_t>(1, code_point_start(text, look));
    const std::size_t fits = tokens.prefix_bytes(text.substr(0, shown), max_tokens);
    if (fits < shown || shown == text.size()) return {text.substr(0, shown), fits};
  }
}

// The end of the last paragraph in the second half of `text`; 0 where none ends there.
std::size_t paragraph_end(std::string_view text) {
  for (std::size_t end = text.size(); end > text.size() / 2; --end) {
    if (is_space(text[end - 1])) continue;
    const std::string_view after = text.substr(end);
    if (after.starts_with("\n\n") || after.starts_with("\r\n\r\n")) return end;
  }
  return 0;
}

// Bytes of the first chunk of `text`, which is not empty.
std::size_t chunk_bytes(std::string_view text, std::int64_t max_tokens,
                        const engine::TokenCounter& tokens) {
  const Beginning beginning = beginning_of(text, max_tokens, tokens);
  if (beginning.fits >= text.size()) return text.size();
  std::size_t end = paragraph_end(beginning.looked_at.substr(0, beginning.fits));
  if (end == 0) end = tokenize::sentence_cut(beginning.looked_at, beginning.fits);
  // A code point of more tokens than allowed is a chunk of its own.
  if (end == 0) {
    end = 1;
    while (end < text.size() && end < 4 && !starts_code_point(text[end])) ++end;
  }
  return end;
}

// The start of the first sentence (or else word) in the first half of `text`; else 0.
std::size_t sentence_start(std::string_view text) {
  std::size_t word = 0;
  for (std::size_t at = 1; at < text.size() / 2; ++at) {
    if (!is_space(text[at - 1]) || is_space(text[at])) continue;
    if (word == 0) word = at;
    const std::size_t last = text.substr(0, at).find_last_not_of(" \t\r\n");
    const std::string_view gap =
        text.substr(last == std::string_view::npos ? 0 : last, at - (last + 1) + 1);
    const char mark = gap.empty() ? ' ' : gap.front();
    if (mark == '.' || mark == '!' || mark == '?' || gap.find('\n') != std::string_view::npos) {
      return at;
    }
  }
  return word;
}

}  // namespace

std::size_t context_bytes(std::string_view text, std::int64_t max_tokens,
                          const engine::TokenCounter& tokens) {
  const Beginning beginning = beginning_of(text, max_tokens, tokens);
  if (beginning.fits >= text.size()) return text.size();
  return tokenize::sentence_cut(beginning.looked_at, beginning.fits);
}

std::vector<std::size_t> chunk_ends(std::string_view text, std::int64_t max_tokens,
                                    const engine::TokenCounter& tokens) {
  const std::size_t space_at_end = text.find_last_not_of(" \t\r\n") + 1;
  std::vector<std::size_t> ends;
  std::size_t at = 0;
  while (max_tokens > 0 && at < text.size()) {
    at += chunk_bytes(text.substr(at), max_tokens, tokens);
    if (at >= space_at_end) at = text.size();
    ends.push_back(at);
  }
  if (ends.empty()) ends.push_back(text.size());
  return ends;
}

std::string_view tail_of(std::string_view text, std::int64_t max_tokens,
                         const engine::TokenCounter& tokens) {
  const auto room = static_cast<std::size_t>(max_tokens);
  std::size_t bytes = std::min(text.size(), room * kBytesPerToken);
  while (true) {
    const std::size_t begin = code_point_start(text, text.size() - bytes);
    const std::string_view tail = text.substr(begin);
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, tokens.count(tail)));
    if (count <= room) {
      return begin == 0 ? tail : tail.substr(sentence_start(tail));
    }
    // In proportion, and at least a little less.
    bytes = std::min(bytes - std::min(bytes, std::size_t{4}), bytes * room / count);
  }
}

}  // namespace tpt::augment
