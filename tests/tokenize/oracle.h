// What the tests of tokenizers share: where the outside truth is and how to ask for it.
#pragma once

#include "temporary_folder.h"
#include "tokenize/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace tpt::tokenize {

inline std::filesystem::path shared_folder() {
  const char* named = std::getenv("TPT_SHARED");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(TPT_SOURCE_DIR).parent_path() / "shared";
}

inline bool has_shared() { return std::filesystem::exists(shared_folder() / "data/tokenizers"); }

inline std::filesystem::path tokenizer_files() { return shared_folder() / "data/tokenizers"; }

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

inline void spit(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline bool has_python() { return std::filesystem::exists(TPT_PYTHON); }

// Runs the oracle; its standard output.
inline std::string ask_tokenizers(const std::string& arguments, int& status) {
  const std::string command = std::string(TPT_PYTHON) + " " + TPT_SOURCE_DIR +
                              "/tests/tokenize/tokenizers_oracle.py " + arguments + " 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    out.append(buffer, n);
  }
  status = ::pclose(pipe);
  return out;
}

// Calls `check` for every document in a file that the oracle wrote; how many there were.
inline int for_each_encoded(
    const std::filesystem::path& file,
    const std::function<void(const std::string&, const std::vector<TokenId>&)>& check) {
  std::ifstream in(file, std::ios::binary);
  int documents = 0;
  std::uint32_t bytes = 0;
  while (in.read(reinterpret_cast<char*>(&bytes), sizeof(bytes))) {
    std::string text(bytes, '\0');
    in.read(text.data(), bytes);
    std::uint32_t count = 0;
    in.read(reinterpret_cast<char*>(&count), sizeof(count));
    std::vector<TokenId> ids(count);
    in.read(reinterpret_cast<char*>(ids.data()), static_cast<std::streamsize>(count * 4));
    check(text, ids);
    ++documents;
  }
  return documents;
}

}  // namespace tpt::tokenize

#define NEEDS_SHARED() \
  if (!has_shared()) GTEST_SKIP() << "needs ../shared"
#define NEEDS_PYTHON() \
  if (!has_python()) GTEST_SKIP() << "needs the Python oracles (make setup-test)"
