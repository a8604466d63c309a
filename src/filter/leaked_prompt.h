// Pieces of the prompt's own wording that came back in the thinking.
#pragma once

#include "filter/hash_set.h"
#include "filter/reading.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tpt::filter {

// Thread-safe after construction.
class PromptPieces {
 public:
  // `templates` are whole prompts as they stand in their files: "{{CONTEXT}}" marks where the
  // document was. A piece is a run of `words` words, a line with signs ("## End of the context"),
  // or a marker in double braces or triple angles.
  PromptPieces(const std::vector<std::string>& templates, std::size_t words);

  // The first piece that stands in the thinking and not in the document; "" where there is none.
  std::string find(const Reading& thinking, const Reading& document) const;

 private:
  void add_line(std::string_view line);
  std::string find_run(const Reading& thinking, const Reading& document) const;

  std::size_t words_;
  std::unordered_map<std::uint64_t, std::string> runs_;  // ngram hash -> the words as written
  HashSet known_runs_;                                   // the same hashes, quickly asked
  std::vector<std::string> literals_;
};

}  // namespace tpt::filter
