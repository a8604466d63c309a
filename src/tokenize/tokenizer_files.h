// Which files make a tokenizer what it is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tpt::tokenize {

// The files that load_tokenizer(spec) reads, those that are there; none for "bytes".
std::vector<std::filesystem::path> tokenizer_files(const std::string& spec);

}  // namespace tpt::tokenize
