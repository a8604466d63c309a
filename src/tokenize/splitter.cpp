#include "tokenize/splitter.h"

#include "base/error.h"

#include <array>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace tpt::tokenize {
namespace {

constexpr std::string_view kGpt2Pattern =
    R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re";

std::string_view pattern_of(const SplitStep& step) {
  switch (step.form) {
    case SplitStep::Form::regex:
      return step.pattern;
    case SplitStep::Form::single_digits:
      return "\\p{N}";
    case SplitStep::Form::digit_runs:
      return "\\p{N}+";
    case SplitStep::Form::gpt2:
      return kGpt2Pattern;
  }
  TPT_CHECK(false, "split form {}", static_cast<int>(step.form));
}

// PCRE2 counts U+180E as \s, the regular expressions that the vocabularies were made with do not.
std::string with_unicode_spaces(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's') {
        out += "\\p{White_Space}";
      } else if (next == 'S') {
        out += "\\P{White_Space}";
      } else {
        out += {'\\', next};
      }
    } else {
      out += pattern[i];
    }
  }
  return out;
}

// What one thread needs to match: room for the two ends of a match, and a stack for long pieces.
struct Scratch {
  Scratch()
      : match(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(std::size_t{32} << 10U, std::size_t{8} << 20U, nullptr)) {
    TPT_CHECK(match != nullptr && context != nullptr && stack != nullptr, "out of memory");
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Scratch() {
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  pcre2_match_data* match;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

}  // namespace

struct Splitter::Pattern {
  explicit Pattern(pcre2_code* compiled) : code(compiled) {}
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  pcre2_code* code;
};

Splitter::Splitter(const std::vector<SplitStep>& steps, std::string_view origin) {
  for (const SplitStep& step : steps) {
    const std::string pattern = with_unicode_spaces(pattern_of(step));
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    if (code == nullptr) {
      std::array<PCRE2_UCHAR, 200> message{};
      pcre2_get_error_message(error, message.data(), message.size());
      user_error("{}: the pre-tokenizer's pattern is not supported: {} at {} of {}", origin,
                 reinterpret_cast<const char*>(message.data()), offset, pattern);
    }
    // Where there is no JIT for the machine, matching is slower and gives the same.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    patterns_.push_back(std::make_unique<Pattern>(code));
  }
}

Splitter::~Splitter() = default;
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;

void Splitter::split(std::string_view text, const Piece& piece) const {
  split_from(0, text, piece);
}

void Splitter::split_from(std::size_t step, std::string_view text, const Piece& piece) const {
  if (text.empty()) {
    return;
  }
  if (step == patterns_.size()) {
    piece(text);
    return;
  }
  // Each step has its own, because the pieces of one are split while its match is still in use.
  static thread_local std::vector<std::unique_ptr<Scratch>> scratches;
  while (scratches.size() <= step) {
    scratches.push_back(std::make_unique<Scratch>());
  }
  const Scratch& scratch = *scratches[step];
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const pcre2_code* code = patterns_[step]->code;
  std::size_t done = 0;
  std::size_t from = 0;
  while (from < text.size()) {
    int found = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, scratch.match,
                            scratch.context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          scratch.match, scratch.context);
    }
    if (found == PCRE2_ERROR_NOMATCH) {
      break;
    }
    if (found < 0) {
      data_error("the pre-tokenizer's pattern gave up on a text of {} bytes (PCRE2 error {})",
                 text.size(), found);
    }
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch.match);
    const std::size_t start = ends[0];
    const std::size_t end = ends[1];
    if (end <= start) {
      user_error("the pre-tokenizer's pattern can match nothing, which is not supported");
    }
    split_from(step + 1, text.substr(done, start - done), piece);
    split_from(step + 1, text.substr(start, end - start), piece);
    done = from = end;
  }
  split_from(step + 1, text.substr(done), piece);
}

}  // namespace tpt::tokenize
