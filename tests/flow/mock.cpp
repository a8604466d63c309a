#include "flow/mock.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace tpt::flow {
namespace {

std::vector<std::string> with_verb(std::vector<std::string> options) {
  std::vector<std::string> words = {"mock-server", "--listen", "127.0.0.1:0"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

}  // namespace

Mock::Mock(std::vector<std::string> options)
    : program_(with_verb(std::move(options))), url_(program_.first_line()) {
  EXPECT_NE(url_, "") << "the mock server does not start";
}

Json Mock::stats() const {
  return Json::parse(fetch(url_.substr(0, url_.rfind("/v1")) + "/mock/stats"));
}

std::string fetch(const std::string& url) {
  std::string text;
  std::FILE* pipe = popen(("curl -s --max-time 20 " + url).c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    text.append(buffer, got);
  }
  pclose(pipe);
  return text;
}

void write_corpus(const std::filesystem::path& file, std::int64_t documents, std::int64_t step) {
  std::ofstream lines(file);
  for (std::int64_t i = 0; i < documents; i += step) {
    const std::string id = "doc-" + std::to_string(i);
    Random random(derive_seed(1, id, "text"));
    const auto words = static_cast<std::size_t>(40 * std::exp(3 * random.uniform()));
    std::string text;
    for (std::size_t w = 0; w < words; ++w) text += "w" + std::to_string(random.below(1000)) + " ";
    lines << Json({{"id", id}, {"text", text}}).dump() << "\n";
  }
}

Json last_line(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  return Json::parse(outcome.output);
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Json json_of(const std::filesystem::path& file) { return Json::parse(bytes_of(file)); }

}  // namespace tpt::flow
