// What the engine is asked: a template with the document, and fields of it, in their places.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::augment {

// A template names at least one of
//
//   {{CONTEXT}}  the document, or the chunk of it, cut to `context_tokens`
//   {{BEFORE}}   the end of the text before the chunk; nothing for the first
//   {{name}}     a field of the document's metadata, by its name or its name in small letters
//                ({{QUESTION}}: "QUESTION", else "question"); text as it is, all else as JSON.
//                Where it has none of that name, "text" is the context and "id" the document's id
//
// If it also names <<<READING HERE>>>, that marker is put into the context at a place drawn from
// the seed (the paper's random-focus variant).
class Prompt {
 public:
  // `text` as in the file; one line end at its end is left out. Error(user), naming `what`, where
  // it names none of these.
  Prompt(std::string_view text, std::string_view what);

  struct Parts {
    std::string_view context;
    std::string_view id;
    std::string_view before;
    std::string_view metadata = "{}";
    std::uint64_t seed = 0;  // of the focus
  };
  // The prompt with the parts put in as they are: a {{CONTEXT}} in them is text. Error(data) where
  // the metadata lacks a field.
  std::string render(const Parts& parts) const;
  std::string render(std::string_view context, std::uint64_t seed) const;

  bool needs_seed() const { return focus_; }
  bool needs_before() const { return before_; }
  // Of the template's text.
  const std::string& sha256() const { return sha256_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string sha256_;
  // Text and the names between: pieces_[0], then names_[0], then pieces_[1], ...
  std::vector<std::string> pieces_;
  std::vector<std::string> names_;
  bool focus_ = false;
  bool before_ = false;
  bool fields_ = false;
};

// The files of prompts/ are built in, by their names without ".txt"; anything else is the path of a
// file. Error(user) with what is allowed.
Prompt load_prompt(const std::string& name_or_path);
// True for a name that load_prompt finds without a file.
bool is_built_in(const std::string& name);

}  // namespace tpt::augment
