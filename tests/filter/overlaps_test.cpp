// The overlaps between public sets that are known to be there: each must be found.
#include "base/json.h"
#include "filter/decontaminator.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tpt::filter {
namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char* shared = std::getenv("TPT_SHARED");
  return fs::path(shared != nullptr ? shared : TPT_SOURCE_DIR "/../shared") / "data";
}

// The field of every object of a file of lines, unpacked by gzip where it is packed.
std::vector<std::string> texts(const std::string& name, const std::string& field) {
  const std::string path = (data_folder() / name).string();
  const std::string command = (name.ends_with(".gz") ? "gzip -dc '" : "cat '") + path + "'";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string all;
  std::array<char, 65536> block{};
  for (std::size_t got = 0; (got = fread(block.data(), 1, block.size(), pipe.get())) > 0;) {
    all.append(block.data(), got);
  }
  std::vector<std::string> found;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    if (end > at) {
      found.push_back(parse_json(all.substr(at, end - at), name).at(field).get<std::string>());
    }
    at = end + 1;
  }
  return found;
}

// The obvious sameness: letters and digits in small ASCII letters.
std::string plain(const std::string& text) {
  std::string result;
  bool space = false;
  for (const char c : text) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word && space && !result.empty()) result += ' ';
    space = !word;
    if (word) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return result;
}

class OverlapsSlow : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(data_folder())) GTEST_SKIP() << "needs ../shared/data (or TPT_SHARED)";
  }

  // Of the texts that recur word for word in the benchmark: how many, and how many were found.
  static std::pair<int, int> recurring(const std::vector<std::string>& benchmark,
                                       const std::vector<std::string>& documents) {
    Decontaminator index;
    std::set<std::string> known;
    for (std::size_t i = 0; i < benchmark.size(); ++i) {
      index.add("benchmark", std::to_string(i), benchmark[i]);
      known.insert(plain(benchmark[i]));
    }
    index.finish();
    std::pair<int, int> counts;
    for (const std::string& document : documents) {
      if (!known.contains(plain(document))) continue;
      ++counts.first;
      const auto hit = index.find(document);
      counts.second += hit ? 1 : 0;
      EXPECT_TRUE(hit) << document;
    }
    return counts;
  }
};

TEST_F(OverlapsSlow, AreFoundInMath) {
  const auto test = texts("math/test_5000.jsonl.gz", "problem");
  const auto train = texts("math/train_7500.jsonl.gz", "problem");
  const auto math500 = texts("math/math500.jsonl", "problem");
  const auto aime = texts("competition/aime_1983_2023.jsonl.gz", "problem");
  EXPECT_EQ(recurring(test, math500), std::pair(500, 500));
  EXPECT_EQ(recurring(test, train), std::pair(9, 9));
  EXPECT_EQ(recurring(test, aime), std::pair(38, 38));
  EXPECT_EQ(recurring(train, aime), std::pair(356, 356));
  EXPECT_EQ(recurring(math500, aime), std::pair(6, 6));
  EXPECT_EQ(recurring(test, texts("reasoning_sft/qwen25_math_cot_100.jsonl.gz", "question")),
            std::pair(100, 100));
}

TEST_F(OverlapsSlow, AreFoundInMmlu) {
  const auto mmlu = texts("mcq/mmlu_test.jsonl.gz", "question");
  const auto in_test = recurring(texts("math/test_5000.jsonl.gz", "problem"), mmlu);
  const auto in_train = recurring(texts("math/train_7500.jsonl.gz", "problem"), mmlu);
  EXPECT_GE(in_test.first, 60);
  EXPECT_EQ(in_test.first, in_test.second);
  EXPECT_GE(in_train.first, 60);
  EXPECT_EQ(in_train.first, in_train.second);
}

}  // namespace
}  // namespace tpt::filter
