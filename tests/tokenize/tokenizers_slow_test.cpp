// Ids against Hugging Face's tokenizers on all documents there are.
#include "oracle.h"

#include <fmt/core.h>

#include <ctime>

namespace tpt::tokenize {
namespace {

std::string all_documents() {
  std::string files;
  for (const auto& entry : std::filesystem::directory_iterator(shared_folder() / "data/docs")) {
    files += " " + entry.path().string();
  }
  return files;
}

struct Case {
  std::string name;
  std::string ours;
  std::string theirs;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class TokenizersSlow : public testing::TestWithParam<Case> {};

TEST_P(TokenizersSlow, GivesTheSameIdsOnAllDocuments) {
  NEEDS_SHARED();
  NEEDS_PYTHON();
  const TemporaryFolder folder;
  int status = 0;
  ask_tokenizers(
      fmt::format("ids {} {} {}", GetParam().theirs, (folder / "ids").string(), all_documents()),
      status);
  ASSERT_EQ(status, 0);
  const auto tokenizer = load_tokenizer(GetParam().ours);
  double seconds = 0;
  double bytes = 0;
  int wrong = 0;
  const int documents =
      for_each_encoded(folder / "ids", [&](const std::string& text, const auto& expected) {
        const std::clock_t started = std::clock();
        const std::vector<TokenId> ids = tokenizer->encode(text);
        seconds += static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC;
        bytes += static_cast<double>(text.size());
        if (ids != expected && ++wrong <= 3) {
          const auto at = std::mismatch(ids.begin(), ids.end(), expected.begin(), expected.end());
          const auto place = static_cast<std::size_t>(at.first - ids.begin());
          ADD_FAILURE() << "token " << place << " of: "
                        << tokenizer->decode(std::span(expected).subspan(place).first(
                               std::min<std::size_t>(20, expected.size() - place)));
        }
      });
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(documents, 1000);
  RecordProperty("MB_per_second", fmt::format("{:.1f}", bytes / 1e6 / seconds));
  fmt::print("{}: {} documents, {:.1f} MB, {:.1f} MB/s of processor time\n", GetParam().name,
             documents, bytes / 1e6, bytes / 1e6 / seconds);
}

const std::filesystem::path kFiles = tokenizer_files();

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizersSlow,
                         testing::Values(Case{"gpt2_json", kFiles / "gpt2/tokenizer.json",
                                              kFiles / "gpt2/tokenizer.json"},
                                         Case{"qwen2_folder", kFiles / "qwen2", kFiles / "qwen2"},
                                         Case{"smollm2_gguf", TPT_SMOLLM2, TPT_SMOLLM2}),
                         [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace tpt::tokenize
