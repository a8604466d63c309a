// Megatron-core reads our shards and its builder writes the same bytes.
#include "shards.h"

#include <cstdlib>
#include <sstream>

namespace tpt::pack {
namespace {

class MegatronSlow : public testing::TestWithParam<std::string> {};

TEST_P(MegatronSlow, ReadsTheSameIdsAndWritesTheSameBytes) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python oracles (make setup-test)";
  }
  Config config;
  config.tokenizer = GetParam();
  if (config.tokenizer != "bytes") {
    const char* shared = std::getenv("TPT_SHARED");
    const std::filesystem::path folder = shared != nullptr
                                             ? std::filesystem::path(shared)
                                             : std::filesystem::path(TPT_SOURCE_DIR) / "../shared";
    config.tokenizer = (folder / "data/tokenizers" / config.tokenizer).string();
    if (!std::filesystem::exists(config.tokenizer)) {
      GTEST_SKIP() << "needs ../shared";
    }
  }
  const TemporaryFolder folder;
  const Counts counts = pack_rows(config, some_rows(200), folder.path());
  const ShardReader shards(folder.path());
  const std::string prefix = (folder / "tpt_text_document").string();
  const std::string command =
      fmt::format("{} {}/tests/pack/megatron_oracle.py {} {} {} > {} 2> {}", TPT_PYTHON,
                  TPT_SOURCE_DIR, prefix, (folder / "theirs").string(), shards.vocab_size(),
                  (folder / "ids").string(), (folder / "log").string());
  ASSERT_EQ(std::system(command.c_str()), 0) << slurp(folder / "log");
  EXPECT_TRUE(slurp(folder / "theirs.bin") == slurp(prefix + ".bin"));
  EXPECT_TRUE(slurp(folder / "theirs.idx") == slurp(prefix + ".idx"));
  std::istringstream lines(slurp(folder / "ids"));
  std::string line;
  std::int64_t sequence = 0;
  std::int64_t tokens = 0;
  for (; std::getline(lines, line); ++sequence) {
    std::istringstream numbers(line);
    std::vector<TokenId> ids;
    for (TokenId id = 0; numbers >> id;) {
      ids.push_back(id);
    }
    tokens += static_cast<std::int64_t>(ids.size());
    ASSERT_EQ(ids, shards.sequence(sequence).ids);
  }
  EXPECT_EQ(sequence, shards.sequences());
  EXPECT_EQ(tokens, counts.total);
}

// u16 for the first two, i32 for the vocabulary above 65,500.
INSTANTIATE_TEST_SUITE_P(Tokenizers, MegatronSlow, testing::Values("bytes", "gpt2", "qwen2"));

}  // namespace
}  // namespace tpt::pack
