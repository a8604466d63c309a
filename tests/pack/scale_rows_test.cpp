// The rows that recipes/scale/shard_rows.py makes of our shards for other trainers, held to our own
// reader.
#include "shards.h"

#include <cstdlib>
#include <sstream>

namespace tpt::pack {
namespace {

struct Printed {
  std::vector<std::int64_t> ids, kinds, positions;
};

std::vector<std::int64_t> numbers_of(const std::string& text) {
  std::istringstream words(text);
  std::vector<std::int64_t> numbers;
  for (std::int64_t number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

Printed printed(const std::string& line) {
  const std::size_t one = line.find('|'), other = line.find('|', one + 1);
  return {numbers_of(line.substr(0, one)), numbers_of(line.substr(one + 1, other - one - 1)),
          numbers_of(line.substr(other + 1))};
}

TEST(ScaleRowsSlow, AreTheSequencesJoinedAndCutWithTheirKindsAndStarts) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python oracles (make setup-test)";
  }
  constexpr std::int64_t kLength = 37;
  const TemporaryFolder folder;
  Config config;
  config.tokenizer = "bytes";
  pack_rows(config, some_rows(60), folder.path());
  const ShardReader shards(folder.path());
  const std::string command =
      fmt::format("{} {}/tests/pack/scale_rows_oracle.py {}/recipes/scale {} {} > {} 2> {}",
                  TPT_PYTHON, TPT_SOURCE_DIR, TPT_SOURCE_DIR, folder.path().string(), kLength,
                  (folder / "rows").string(), (folder / "log").string());
  ASSERT_EQ(std::system(command.c_str()), 0) << slurp(folder / "log");
  std::istringstream lines(slurp(folder / "rows"));
  std::string line;
  std::getline(lines, line);
  std::vector<std::int64_t> ids, kinds;
  std::vector<bool> starts;
  const std::vector<std::int64_t> order = numbers_of(line);
  ASSERT_EQ(static_cast<std::int64_t>(order.size()), shards.sequences());
  for (const std::int64_t number : order) {
    std::vector<TokenId> own;
    std::vector<Kind> own_kinds;
    shards.read(number, 0, shards.length(number), own, own_kinds);
    for (std::size_t i = 0; i < own.size(); ++i) {
      ids.push_back(own[i]);
      kinds.push_back(static_cast<std::int64_t>(own_kinds[i]));
      starts.push_back(i == 0);
    }
  }
  std::size_t at = 0;
  std::int64_t rows = 0;
  for (; std::getline(lines, line); ++rows, at += kLength) {
    const Printed row = printed(line);
    ASSERT_EQ(row.ids.size(), kLength + 1U);
    ASSERT_EQ(row.kinds.size(), static_cast<std::size_t>(kLength));
    std::int64_t position = 0;
    for (std::size_t i = 0; i < kLength; ++i) {
      position = i == 0 || starts[at + i] ? 0 : position + 1;
      ASSERT_EQ(row.ids[i], ids[at + i]);
      ASSERT_EQ(row.ids[i + 1], ids[at + i + 1]);
      ASSERT_EQ(row.kinds[i], kinds[at + i + 1]);
      ASSERT_EQ(row.positions[i], position) << "row " << rows << ", position " << i;
    }
  }
  EXPECT_EQ(rows, (static_cast<std::int64_t>(ids.size()) - 1) / kLength);
}

}  // namespace
}  // namespace tpt::pack
