#include "flow/program.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace tpt::flow {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// The commands under a heading of the README, as a person would type them.
std::vector<std::string> commands_under(const std::string& heading) {
  std::ifstream readme(TPT_SOURCE_DIR "/README.md");
  std::vector<std::string> commands;
  bool inside = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    if (inside && line.starts_with("    build/tpt ")) commands.push_back(line.substr(4));
  }
  return commands;
}

TEST(ReadmeSlow, EveryCommandOfTheVerbsWorks) {
  const TemporaryFolder folder;
  const auto commands = commands_under("Every verb alone");
  ASSERT_EQ(commands.size(), 9U);
  for (std::string command : commands) {
    replace_all(command, "build/tpt", TPT_PROGRAM);
    replace_all(command, "build/try", (folder / "try").string());
    command = "cd " TPT_SOURCE_DIR " && " + command + " >" + (folder / "log").string() + " 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
}

}  // namespace
}  // namespace tpt::flow
