#include "augment/prompt.h"

#include "augment/embedded.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace tpt::augment {

namespace {

constexpr std::string_view kContext = "CONTEXT";
constexpr std::string_view kBefore = "BEFORE";
constexpr std::string_view kFocus = "<<<READING HERE>>>";
constexpr std::string_view kExtension = ".txt";

bool starts_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }

bool is_name(std::string_view text) {
  const auto fits = [](char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '-' ||
           byte == '.';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

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

std::string with_focus(std::string_view context, std::uint64_t seed) {
  const auto at = static_cast<std::size_t>(Random(seed).below(context.size() + 1));
  const std::size_t place = near_word_start(context, at);
  std::string marked(context.substr(0, place));
  marked.append(kFocus).append(" ").append(context.substr(place));
  return marked;
}

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  return text;
}

std::string field_text(const Json& metadata, const std::string& name, std::string_view context,
                       std::string_view id) {
  const std::string small = in_small_letters(name);
  for (const std::string& key : {name, small}) {
    const auto found = metadata.find(key);
    if (found == metadata.end() || found->is_null()) continue;
    return found->is_string() ? found->get<std::string>() : dump_json(*found);
  }
  // Fields too, though they do not stand in the metadata.
  if (small == "text") return std::string(context);
  if (small == "id") return std::string(id);
  data_error("the document has no field \"{}\", which the prompt names", small);
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
  for (std::size_t at = 0; (at = text_.find("{{", at)) != std::string::npos;) {
    const std::size_t end = text_.find("}}", at);
    const std::string name = end == std::string::npos ? "" : text_.substr(at + 2, end - at - 2);
    if (!is_name(name)) {
      ++at;
      continue;
    }
    pieces_.push_back(text_.substr(from, at - from));
    names_.push_back(name);
    before_ = before_ || name == kBefore;
    fields_ = fields_ || (name != kBefore && name != kContext);
    at = from = end + 2;
  }
  if (names_.empty()) {
    user_error(
        "prompt {}: has no {{{{CONTEXT}}}}, nor another field in braces: put it where the document "
        "belongs",
        what);
  }
  pieces_.push_back(text_.substr(from));
}

std::string Prompt::render(const Parts& parts) const {
  const std::string marked = focus_ ? with_focus(parts.context, parts.seed) : std::string();
  const std::string_view context = focus_ ? marked : parts.context;
  const Json metadata = fields_ ? parse_json(parts.metadata, "metadata") : Json();
  std::string prompt = pieces_.front();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == kContext) {
      prompt.append(context);
    } else if (names_[i] == kBefore) {
      prompt.append(parts.before);
    } else {
      prompt.append(field_text(metadata, names_[i], context, parts.id));
    }
    prompt.append(pieces_[i + 1]);
  }
  return prompt;
}

std::string Prompt::render(std::string_view context, std::uint64_t seed) const {
  return render(Parts{.context = context, .id = {}, .before = {}, .metadata = "{}", .seed = seed});
}

bool is_built_in(const std::string& name) {
  const auto files = embedded_files();
  return std::any_of(files.begin(), files.end(), [&](const EmbeddedFile& file) {
    return file.name == name + std::string(kExtension);
  });
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
    user_error("prompt: got {}, allowed: {}or the path of a file that names {{{{CONTEXT}}}}",
               name_or_path, names);
  }
  return {storage::read_file(name_or_path), name_or_path};
}

}  // namespace tpt::augment
