#include "augment/prompt.h"

#include "augment/embedded.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "tokenize/tokenizer.h"

#include <algorithm>
#include <filesystem>

namespace tpt::augment {

namespace {

constexpr std::string_view kContext = "{{CONTEXT}}";
constexpr std::string_view kFocus = "<<<READING HERE>>>";
constexpr std::string_view kExtension = ".txt";

bool starts_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }

// The start of the word after `at`; where none is near (a script without spaces), of the code
// point.
std::size_t near_word_start(std::string_view text, std::size_t at) {
  constexpr std::size_t kNear = 64;
  for (std::size_t i = at; i < std::min(text.size(), at + kNear); ++i) {
    if (i == 0 || is_space(text[i - 1])) {
      return i;
    }
  }
  if (text.size() - at <= kNear) {
    return text.size();
  }
  while (at < text.size() && !starts_code_point(text[at])) {
    ++at;
  }
  return at;
}

}  // namespace

Prompt::Prompt(std::string_view text, std::string_view what) {
  if (text.ends_with('\n')) {
    text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
  }
  text_ = text;
  sha256_ = sha256_hex(text_);
  focus_ = text_.find(kFocus) != std::string::npos;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = text_.find(kContext, from)) != std::string::npos;) {
    pieces_.push_back(text_.substr(from, at - from));
    from = at + kContext.size();
  }
  if (pieces_.empty()) {
    user_error("prompt {}: has no {}: put it where the document belongs", what, kContext);
  }
  pieces_.push_back(text_.substr(from));
}

std::string Prompt::render(std::string_view context, std::uint64_t seed) const {
  std::string marked;
  if (focus_) {
    const auto at = static_cast<std::size_t>(Random(seed).below(context.size() + 1));
    const std::size_t place = near_word_start(context, at);
    marked.append(context.substr(0, place)).append(kFocus).append(" ");
    marked.append(context.substr(place));
    context = marked;
  }
  std::string prompt = pieces_.front();
  for (std::size_t i = 1; i < pieces_.size(); ++i) {
    prompt.append(context).append(pieces_[i]);
  }
  return prompt;
}

Prompt load_prompt(const std::string& name_or_path) {
  std::string names;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.ends_with(kExtension)) {
      continue;
    }
    const auto name = file.name.substr(0, file.name.size() - kExtension.size());
    if (name == name_or_path) {
      return {file.bytes, name};
    }
    names.append(name).append(", ");
  }
  if (!std::filesystem::is_regular_file(name_or_path)) {
    user_error("prompt: got {}, allowed: {}or the path of a file that names {}", name_or_path,
               names, kContext);
  }
  return {storage::read_file(name_or_path), name_or_path};
}

std::size_t context_bytes(std::string_view text, std::int64_t max_tokens,
                          const engine::TokenCounter& tokens) {
  // Only a beginning is tokenised: a document may have 100 MB. It grows until it has too many
  // tokens.
  constexpr std::size_t kBytesPerToken = 16;
  for (std::size_t look = static_cast<std::size_t>(max_tokens) * kBytesPerToken;; look *= 2) {
    std::size_t shown = std::min(look, text.size());
    while (shown < text.size() && shown > 0 && !starts_code_point(text[shown])) {
      --shown;
    }
    const std::size_t fits = tokens.prefix_bytes(text.substr(0, shown), max_tokens);
    if (fits < shown) {
      return tokenize::sentence_cut(text.substr(0, shown), fits);
    }
    if (shown == text.size()) {
      return shown;
    }
  }
}

}  // namespace tpt::augment
