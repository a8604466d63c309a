#include "filter/special_tokens.h"

#include "filter/reading.h"

#include <algorithm>
#include <array>

namespace tpt::filter {

namespace {

// Tokens that have no other meaning. Those of a family are shown together in texts about them.
struct Known {
  std::string_view token;
  char family;
};

constexpr std::array<Known, 31> kKnown = {{
    {"[INST]", 'i'},
    {"[/INST]", 'i'},
    {"<<SYS>>", 'i'},
    {"<</SYS>>", 'i'},
    {"[SYSTEM_PROMPT]", 'i'},
    {"[/SYSTEM_PROMPT]", 'i'},
    {"[TOOL_CALLS]", 'i'},
    {"[AVAILABLE_TOOLS]", 'i'},
    {"<think>", 't'},
    {"</think>", 't'},
    {"<thinking>", 't'},
    {"</thinking>", 't'},
    {"<Thought>", 't'},
    {"</Thought>", 't'},
    {"<tool_call>", 'c'},
    {"</tool_call>", 'c'},
    {"<tool_response>", 'c'},
    {"</tool_response>", 'c'},
    {"<start_of_turn>", 'g'},
    {"<end_of_turn>", 'g'},
    {"<bos>", 'g'},
    {"<eos>", 'g'},
    {"<pad>", 'g'},
    {"[gMASK]", 'b'},
    {"[BOS]", 'b'},
    {"[EOS]", 'b'},
    {"[PAD]", 'b'},
    {"<s>", 's'},
    {"</s>", 's'},
    {"<answer>", 'a'},
    {"</answer>", 'a'},
}};

// Names inside <|...|> that say nothing else; any other needs an underscore: <|x|> is mathematics.
constexpr std::array<std::string_view, 17> kBarNames = {
    "endoftext", "endofprompt", "end", "start",  "system",   "user",
    "assistant", "eot",         "eom", "return", "message",  "channel",
    "constrain", "call",        "pad", "im",     "endofturn"};

bool is_bar_name(std::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return plain && (name.find('_') != std::string_view::npos ||
                   std::find(kBarNames.begin(), kBarNames.end(), name) != kBarNames.end());
}

struct Found {
  std::string_view token;
  char family = 0;
};

// <|name|>, and the same with the wide bars and spaces that DeepSeek's vocabulary has.
Found bar_token(std::string_view text) {
  constexpr std::string_view kWideBar = "\xEF\xBD\x9C";
  constexpr std::size_t kMost = 64;
  if (text.substr(1, 3) == kWideBar) {
    const std::size_t end = text.substr(0, kMost).find("\xEF\xBD\x9C>", 4);
    if (end != std::string_view::npos) return {text.substr(0, end + 4), 'w'};
  } else if (text.substr(1, 1) == "|") {
    const std::size_t end = text.substr(0, kMost).find("|>", 2);
    if (end != std::string_view::npos && is_bar_name(text.substr(2, end - 2))) {
      return {text.substr(0, end + 2), '|'};
    }
  }
  return {};
}

Found token_at(std::string_view text) {
  if (const Found found = bar_token(text); found.family != 0) return found;
  for (const Known& known : kKnown) {
    if (text.size() > 1 && known.token[1] == text[1] && text.starts_with(known.token)) {
      return {known.token, known.family};
    }
  }
  return {};
}

// Calls visit(token, position) until it gives false.
template <typename Visit>
void for_each_token(std::string_view text, Visit&& visit) {
  std::size_t angle = text.find('<');
  std::size_t bracket = text.find('[');
  while (std::min(angle, bracket) < text.size()) {
    const std::size_t at = std::min(angle, bracket);
    if (at == angle) angle = text.find('<', at + 1);
    if (at == bracket) bracket = text.find('[', at + 1);
    const Found found = token_at(text.substr(at));
    if (found.family != 0 && !visit(found, at)) return;
  }
}

bool is_quoted(std::string_view text, std::size_t begin, std::size_t end) {
  const auto is_quote = [](char c) { return c == '"' || c == '\'' || c == '`'; };
  // The last byte of the typographic quotes and of the guillemets.
  const bool before = begin > 0 && (is_quote(text[begin - 1]) || text[begin - 1] == '\x9C' ||
                                    text[begin - 1] == '\x98' || text[begin - 1] == '\xAB');
  return before && end < text.size() &&
         (is_quote(text[end]) || text[end] == '\xE2' || text[end] == '\xC2');
}

// <p>, </div>, <br/>, <b>: then <s> is a line through words.
bool has_other_tags(std::string_view text) {
  constexpr std::array<std::string_view, 9> kTags = {"<p>", "</p>", "<b>",   "<i>",  "<div",
                                                     "<br", "<li>", "<span", "<del>"};
  return std::any_of(kTags.begin(), kTags.end(), [text](std::string_view tag) {
    return text.find(tag) != std::string_view::npos;
  });
}

}  // namespace

std::string leaked_special_token(std::string_view thinking, std::string_view document) {
  std::string families;  // that the document shows
  bool families_known = false;
  std::vector<Extent> code;
  std::string leaked;
  for_each_token(thinking, [&](const Found& found, std::size_t at) {
    if (!families_known) {
      for_each_token(document, [&](const Found& shown, std::size_t) {
        families += shown.family;
        return true;
      });
      code = code_extents(thinking);
      families_known = true;
    }
    const bool subject = families.find(found.family) != std::string::npos ||
                         document.find(found.token) != std::string_view::npos;
    const bool struck =
        found.family == 's' && (has_other_tags(thinking) || has_other_tags(document));
    if (subject || struck || is_quoted(thinking, at, at + found.token.size()) ||
        stands_in(code, at)) {
      return true;
    }
    leaked = found.token;
    return false;
  });
  return leaked;
}

}  // namespace tpt::filter
