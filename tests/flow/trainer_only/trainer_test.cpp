// The program that only trains: shards by another tool -> a checkpoint, and what it says of the
// verbs that it lacks.
#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace tpt::flow {
namespace {

using testing::HasSubstr;
using testing::Not;

template <typename T>
void put(std::ofstream& file, T value) {
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

// As docs/formats.md says: a pair that Megatron's reader takes, what each token is for, and what
// the ids are of.
void write_shards(const std::filesystem::path& folder) {
  constexpr std::int32_t kSequences = 50, kLength = 40;
  std::filesystem::create_directories(folder);
  std::ofstream ids(folder / "tpt_text_document.bin", std::ios::binary);
  for (std::int32_t i = 0; i < kSequences * kLength; ++i) {
    put<std::uint16_t>(ids, static_cast<std::uint16_t>((i * 7 + i / kLength) % 60 + 1));
  }
  std::ofstream index(folder / "tpt_text_document.idx", std::ios::binary);
  index.write("MMIDIDX\0\0", 9);
  put<std::uint64_t>(index, 1);
  put<std::uint8_t>(index, 8);
  put<std::uint64_t>(index, kSequences);
  put<std::uint64_t>(index, kSequences + 1);
  for (std::int32_t i = 0; i < kSequences; ++i) put<std::int32_t>(index, kLength);
  for (std::int64_t i = 0; i < kSequences; ++i) put<std::int64_t>(index, i * kLength * 2);
  for (std::int64_t i = 0; i <= kSequences; ++i) put<std::int64_t>(index, i);
  // One run a sequence, all of a document.
  std::ofstream spans(folder / "tpt_text_document.spans", std::ios::binary);
  spans.write("TPTSPAN\0", 8);
  put<std::uint64_t>(spans, 1);
  put<std::uint64_t>(spans, kSequences);
  put<std::uint64_t>(spans, kSequences);
  for (std::uint64_t i = 0; i <= kSequences; ++i) put<std::uint64_t>(spans, i);
  for (std::int32_t i = 0; i < kSequences; ++i) {
    put<std::uint8_t>(spans, 0);
    put<std::int32_t>(spans, kLength);
  }
  std::ofstream(folder / "shard.json") << dump_json({{"version", 1},
                                                     {"prefix", "tpt_text_document"},
                                                     {"sequences", kSequences},
                                                     {"tokens", kSequences * kLength},
                                                     {"dtype", "uint16"},
                                                     {"vocab_size", 64},
                                                     {"end_of_text", 0},
                                                     {"padding", 0}});
}

class TrainerOnly : public testing::Test {
 protected:
  void SetUp() override { write_shards(folder_ / "shards"); }
  std::vector<std::string> options(const char* verb, const char* out) const {
    std::vector<std::string> all = {verb, (folder_ / "shards").string()};
    for (const char* one :
         {"--train-tokens", "4000", "--seq-length", "32", "--batch-rows", "4", "--hidden-size",
          "32", "--num-layers", "1", "--num-heads", "2", "--num-kv-heads", "1", "--threads", "1",
          "--log-every-steps", "5", "--out"}) {
      all.emplace_back(one);
    }
    all.push_back((folder_ / out).string());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainerOnly, TrainsAndExports) {
  const Outcome trained = run(options("train", "model"));
  ASSERT_EQ(trained.status, 0) << trained.errors;
  const Json counts = parse_json(trained.output, "train");
  EXPECT_GE(counts.at("tokens"), 4000);
  EXPECT_LT(counts.at("final_loss"), 4.0);
  const auto checkpoint = folder_ / "model" / counts.at("checkpoints")[0].at("folder");
  const Outcome exported =
      run({"export", checkpoint.string(), "--hf", (folder_ / "hf").string(), "--type", "bf16"});
  ASSERT_EQ(exported.status, 0) << exported.errors;
  EXPECT_TRUE(std::filesystem::exists(folder_ / "hf" / "model.safetensors"));
}

TEST_F(TrainerOnly, GoesOnBitForBit) {
  std::vector<std::string> verify = options("verify-resume", "verified");
  verify.insert(verify.end(), {"--kills", "2"});
  const Outcome verified = run(verify);
  EXPECT_EQ(verified.status, 0) << verified.errors;
  EXPECT_TRUE(parse_json(verified.output, "verify-resume").at("same_weights").get<bool>());
  const Outcome again = run({"replay-step", (folder_ / "verified" / "whole").string(), "--shards",
                             (folder_ / "shards").string(), "--step", "3"});
  EXPECT_EQ(again.status, 0) << again.errors;
}

TEST_F(TrainerOnly, KeepsDocumentsApartAndPlans) {
  EXPECT_EQ(run({"selftest"}).status, 0);
  const Outcome planned = run({"plan", "train", "smollm2-135m", "--device", "l40s", "--json"});
  ASSERT_EQ(planned.status, 0) << planned.errors;
  EXPECT_TRUE(parse_json(planned.output, "plan").at("fits").get<bool>());
}

TEST_F(TrainerOnly, SaysWhatItLacks) {
  const Outcome help = run({"help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, HasSubstr("verify-resume"));
  EXPECT_THAT(help.output, Not(HasSubstr("augment ")));
  for (const char* verb : {"augment", "pack", "run", "eval", "plan"}) {
    const Outcome refused = run({verb});
    EXPECT_EQ(refused.status, 2) << verb;
    EXPECT_THAT(refused.errors, HasSubstr("built to train alone"));
  }
  EXPECT_THAT(run({"fly"}).errors, HasSubstr("there is no verb fly"));
  const Outcome remote = run({"train", "s3://bucket/shards", "--out", (folder_ / "x").string()});
  EXPECT_EQ(remote.status, 2);
  EXPECT_THAT(remote.errors, HasSubstr("does not read S3"));
}

// The libraries that it is to do without.
TEST_F(TrainerOnly, LinksNoOtherLibraries) {
  const auto listing = folder_ / "libraries.txt";
  ASSERT_EQ(std::system(("ldd " TPT_PROGRAM " > " + listing.string()).c_str()), 0);
  std::ifstream file(listing);
  const std::string libraries{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(libraries, HasSubstr("libtorch"));
  for (const char* absent : {"arrow", "parquet", "llama", "ggml", "curl", "sqlite", "event"}) {
    EXPECT_THAT(libraries, Not(HasSubstr(absent)));
  }
}

}  // namespace
}  // namespace tpt::flow
