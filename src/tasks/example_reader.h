// Fine-tuning examples from a JSONL file, one after the other.
#pragma once

#include "base/source.h"
#include "records/conversation.h"
#include "storage/lines.h"

#include <filesystem>

namespace tpt::tasks {

// One object a line, either with "messages": [{"role": text, "content": text}, ...], or with
// "prompt" and "completion" (absent: none), which are a turn of the user and one of the assistant.
// Optional "id" (the line number where absent); further fields do not matter. Plain, .gz or .zst;
// empty lines are skipped. What is taught is chosen with care: anything wrong is Error(data) with
// file:line, nothing is skipped. A content of null, as calls of tools have it, is no error: the
// turn says so, and the packer leaves its example out.
class ExampleReader : public Source<Conversation> {
 public:
  // Error(io) where the file cannot be opened.
  explicit ExampleReader(const std::filesystem::path& jsonl);

  // Error(data) at the end of a file without examples, too.
  [[nodiscard]] bool next(Conversation& example) override;

 private:
  std::filesystem::path file_;
  storage::LineReader lines_;
  bool is_empty_ = true;
  bool has_warned_ = false;
};

}  // namespace tpt::tasks
