// tpt plan train as a person asks it, and the table of docs/scale.md, which it has written.
#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace tpt::flow {
namespace {

using testing::HasSubstr;

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream text(row);
  for (std::string cell; std::getline(text, cell, '|');) {
    const auto first = cell.find_first_not_of(' ');
    const auto last = cell.find_last_not_of(' ');
    if (first != std::string::npos) cells.push_back(cell.substr(first, last - first + 1));
  }
  return cells;
}

// The command behind a row of the table.
std::vector<std::string> command_of(const std::vector<std::string>& cells) {
  const std::size_t times = cells.at(1).find(" x ");
  std::vector<std::string> command = {"plan", "train", cells.at(0), "--ranks"};
  command.push_back(cells.at(1).substr(0, times));
  command.insert(command.end(),
                 {"--device", cells.at(1).substr(times + 3), "--seq-length", cells.at(2),
                  "--batch-rows", "1", "--accumulation", "1024", "--precision", "bf16",
                  "--train-tokens", "100000000000", "--markdown"});
  if (cells.at(3) == "yes") command.emplace_back("--recompute-layers");
  return command;
}

TEST(PlanTrain, TheTableOfTheDocumentsIsWhatTheCommandWrites) {
  std::ifstream page(TPT_SOURCE_DIR "/docs/scale.md");
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("|---")) inside = rows.empty();
    if (inside && line.empty()) break;
    if (inside && line.starts_with("| ")) rows.push_back(line);
  }
  ASSERT_GE(rows.size(), 8U);
  std::size_t that_do_not_fit = 0;
  for (const std::string& row : rows) {
    const Outcome planned = run(command_of(cells_of(row)));
    ASSERT_EQ(planned.status, 0) << planned.errors;
    EXPECT_EQ(planned.output, row + "\n");
    that_do_not_fit += row.find("does not fit") != std::string::npos ? 1U : 0U;
  }
  EXPECT_GT(that_do_not_fit, 0U) << "a plan that fits everywhere says nothing";
}

TEST(PlanTrain, TellsThePartsAndTheTime) {
  const Outcome planned =
      run({"plan", "train", "llama-3.1-8b", "--device", "h200", "--ranks", "8", "--seq-length",
           "8192", "--batch-rows", "1", "--accumulation", "1024", "--precision", "bf16",
           "--recompute-layers", "--train-tokens", "1e11"});
  ASSERT_EQ(planned.status, 0) << planned.errors;
  for (const char* part : {"weights, fp32", "moments", "activations", "peak", "fits", "days for"}) {
    EXPECT_THAT(planned.output, HasSubstr(part));
  }
}

TEST(PlanTrain, TakesARecipeAndARealFolder) {
  const TemporaryFolder folder;
  std::ofstream(folder / "config.json")
      << R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu",
"vocab_size":512,"hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":4,
"num_key_value_heads":2,"max_position_embeddings":256,"rms_norm_eps":1e-5,"rope_theta":10000.0,
"tie_word_embeddings":true,"attention_bias":false})";
  std::ofstream(folder / "recipe.toml") << "[train]\nseq_length = 128\nprecision = \"bf16\"\n";
  const Outcome planned = run({"plan", "train", folder.path().string(), "--recipe",
                               (folder / "recipe.toml").string(), "--device", "cpu", "--json"});
  ASSERT_EQ(planned.status, 0) << planned.errors;
  const Json json = parse_json(planned.output, "plan");
  EXPECT_EQ(json.at("parameters"),
            512 * 64 + 64 + 2 * (2 * 64 + 64 * (2 * 64 + 2 * 32) + 3 * 64 * 128));
  EXPECT_EQ(json.at("peak_flops"), "unknown");
  EXPECT_FALSE(json.contains("fits"));
}

TEST(PlanTrain, NamesWhatIsKnown) {
  const Outcome unknown = run({"plan", "train", "gpt-9"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("smollm2-135m"));
  const Outcome device = run({"plan", "train", "smollm2-135m", "--device", "abacus"});
  EXPECT_EQ(device.status, 2);
  EXPECT_THAT(device.errors, HasSubstr("--memory-gib"));
}

// The models of these recipes are not here: their names say enough.
TEST(PlanTrain, TakesTheModelThatARecipeGoesOnFrom) {
  for (const char* size : {"1.5b", "7b"}) {
    const std::string recipe =
        TPT_SOURCE_DIR "/recipes/paper-mid-training-" + std::string(size) + ".toml";
    const Outcome planned = run({"plan", "train", "--recipe", recipe, "--json"});
    ASSERT_EQ(planned.status, 0) << planned.errors;
    EXPECT_EQ(parse_json(planned.output, "the plan").at("parameters"),
              std::string(size) == "7b" ? 7615616512 : 1543714304);
  }
  const Outcome unknown = run({"plan", "train", "--init-from", "models/mine"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("models/mine is not there to take the shape from"));
  const Outcome other =
      run({"plan", "train", "--init-from", "qwen2.5-0.5b", "--vocab-size", "512"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("model.vocab_size: got 512, it has 151936"));
}

}  // namespace
}  // namespace tpt::flow
