// A mock server of its own, and corpora to ask it about.
#pragma once

#include "base/json.h"
#include "flow/program.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tpt::flow {

class Mock {
 public:
  // `options` as of tpt mock-server.
  explicit Mock(std::vector<std::string> options);
  const std::string& url() const { return url_; }  // ends in /v1
  // Its counts by now.
  Json stats() const;

 private:
  Program program_;
  std::string url_;
};

// Of curl, "" where nothing answers.
std::string fetch(const std::string& url);

// Documents doc-0, doc-1, ... of 200 to 4000 bytes, those of `step` to the next left out: with
// step 10 every tenth of them.
void write_corpus(const std::filesystem::path& file, std::int64_t documents, std::int64_t step = 1);

// The last line of stdout; fails the test where the program did.
Json last_line(const Outcome& outcome);

std::string bytes_of(const std::filesystem::path& file);
Json json_of(const std::filesystem::path& file);

}  // namespace tpt::flow
