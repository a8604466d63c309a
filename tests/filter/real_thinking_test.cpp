// What SmolLM2-135M-Instruct wrote about documents of data/sample, judged by eye: the filter
// agrees.
#include "filter/filter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

namespace tpt::filter {
namespace {

TEST(RealThinking, IsJudgedAsByEye) {
  std::ifstream file(TPT_SOURCE_DIR "/tests/filter/data/smollm2.jsonl");
  ASSERT_TRUE(file);
  Config config;
  config.require_end = false;  // the cap on tokens was low
  std::map<std::string, int> by_eye;
  for (std::string line; std::getline(file, line);) {
    const Json json = parse_json(line, "smollm2.jsonl");
    AugmentedDocument row;
    row.document.id = json.at("id").get<std::string>();
    row.trajectory.text = json.at("thinking").get<std::string>();
    row.trajectory.finish = finish_from_name(json.at("finish").get<std::string>());
    row.trajectory.thinking_tokens = json.at("tokens").get<std::int64_t>();
    const auto eye = json.at("by_eye").get<std::string>();
    const Verdict verdict = Filter(config).judge(row);
    if (eye == "unclear") {
      continue;
    }
    EXPECT_EQ(verdict.keep, eye == "keep") << row.document.id << ": " << verdict.reason;
    ++by_eye[eye];
  }
  EXPECT_GE(by_eye["keep"], 2);
  EXPECT_GE(by_eye["loop"], 8);
}

}  // namespace
}  // namespace tpt::filter
