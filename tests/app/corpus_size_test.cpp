#include "app/corpus_size.h"

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

namespace tpt::app {
namespace {

// Sorted by length, which is where counting the first documents goes wrong.
class CorpusSizes : public testing::Test {
 protected:
  // 12,000 documents of 100 to 5,400 bytes, 20 MB, in so many files.
  void write(std::int64_t files) {
    constexpr std::int64_t kDocuments = 12'000;
    std::filesystem::create_directories(folder_ / "corpus");
    std::ofstream lines;
    for (std::int64_t i = 0; i < kDocuments; ++i) {
      if (i % (kDocuments / files) == 0) {
        const std::int64_t file = 1000 + i / (kDocuments / files);
        lines = std::ofstream(folder_ / "corpus" / (std::to_string(file) + ".jsonl"));
      }
      const double share = static_cast<double>(i) / kDocuments;
      const std::string text(static_cast<std::size_t>(100 * std::exp(4 * share)), 'x');
      lines << Json({{"id", std::to_string(i)}, {"text", text}}).dump() << "\n";
      documents_ += 1;
      bytes_ += static_cast<double>(text.size());
    }
  }
  CorpusSize measure(const CorpusReading& reading) {
    return measure_corpus({.inputs = {(folder_ / "corpus").string()}}, reading, *tokenizer_);
  }

  TemporaryFolder folder_;
  std::unique_ptr<tokenize::Tokenizer> tokenizer_ = tokenize::load_tokenizer("bytes");
  double documents_ = 0;
  double bytes_ = 0;
};

TEST_F(CorpusSizes, AreExactWhereAllIsRead) {
  write(1);
  const CorpusSize all = measure({.sample_documents = 0, .context_tokens = 1000});
  EXPECT_EQ(all.documents, documents_);
  EXPECT_EQ(all.bytes, bytes_);
  EXPECT_NEAR(all.full_document_tokens, bytes_, 1);
  EXPECT_LT(all.document_tokens, 0.5 * bytes_) << "cut at the context";
  EXPECT_FALSE(all.estimated);
  const CorpusSize some = measure({.sample_documents = 1000, .context_tokens = 1000});
  EXPECT_EQ(some.documents, documents_);
  EXPECT_EQ(some.bytes, bytes_);
  EXPECT_NEAR(some.document_tokens, all.document_tokens, 0.1 * all.document_tokens);
  EXPECT_TRUE(some.estimated);
}

TEST_F(CorpusSizes, OfALargeOneAreTakenFromAllOverIt) {
  write(1);
  const CorpusSize size = measure({.whole_bytes = 1 << 20, .place_bytes = 1 << 16});
  EXPECT_NEAR(size.documents, documents_, 0.15 * documents_);
  EXPECT_NEAR(size.bytes, bytes_, 0.15 * bytes_);
  EXPECT_TRUE(size.estimated);
}

TEST_F(CorpusSizes, OfManyFilesAreTakenFromAllOfThem) {
  write(120);
  const CorpusSize size = measure({.whole_bytes = 1 << 20, .place_bytes = 1 << 16});
  EXPECT_NEAR(size.documents, documents_, 0.15 * documents_);
  EXPECT_NEAR(size.bytes, bytes_, 0.15 * bytes_);
}

TEST_F(CorpusSizes, OfArchives) {
  write(4);
  const std::string files = (folder_ / "corpus").string() + "/*.jsonl";
  ASSERT_EQ(std::system(("gzip " + files).c_str()), 0);
  const CorpusSize size = measure({.whole_bytes = 1 << 10, .place_bytes = 1 << 16});
  // Each archive is read from its beginning, and these shrink to next to nothing.
  EXPECT_NEAR(size.documents, documents_, 0.3 * documents_);
}

TEST_F(CorpusSizes, OfNothingAreRefused) {
  std::ofstream(folder_ / "empty.jsonl") << "\n";
  EXPECT_THROW(measure_corpus({.inputs = {(folder_ / "empty.jsonl").string()}}, {}, *tokenizer_),
               Error);
}

}  // namespace
}  // namespace tpt::app
