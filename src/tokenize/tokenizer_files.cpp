#include "tokenize/tokenizer_files.h"

namespace tpt::tokenize {

std::vector<std::filesystem::path> tokenizer_files(const std::string& spec) {
  namespace fs = std::filesystem;
  if (spec == "bytes") return {};
  const fs::path path(spec);
  std::vector<fs::path> candidates = {path, path.parent_path() / "tokenizer_config.json"};
  if (path.extension() == ".gguf") candidates.pop_back();
  if (fs::is_directory(path)) {
    candidates = {path / "tokenizer.json"};
    if (!fs::exists(candidates[0])) candidates = {path / "vocab.json", path / "merges.txt"};
    candidates.push_back(path / "tokenizer_config.json");
  }
  std::vector<fs::path> files;
  for (const fs::path& candidate : candidates) {
    if (fs::is_regular_file(candidate)) files.push_back(candidate);
  }
  return files;
}

}  // namespace tpt::tokenize
