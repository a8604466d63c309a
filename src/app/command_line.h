// The command line of one verb, made from the Fields of the components it uses: every option of a
// recipe's section is a flag, and a recipe can be given whole. Defaults < --recipe < flags.
//
//   CommandLine line("filter", "Keeps trajectories worth training on, drops the others with a
//   reason"); line.inputs("IN", inputs, "folders or files written by tpt augment");
//   line.section("filter", config);          // [filter] in a recipe; --min-thinking-tokens and so
//   on if (!line.parse(arguments)) return;      // --help was asked for and printed
#pragma once

#include "base/config.h"

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace tpt::app {

class CommandLine {
 public:
  CommandLine(std::string verb, std::string summary);

  // The arguments that are not flags. `required`: at least one must be given, here or in the
  // recipe.
  void inputs(std::string name, std::vector<std::string>& values, std::string help,
              bool required = true);
  // The same for exactly one argument.
  void input(std::string name, std::string& value, std::string help);
  // One option that belongs to the verb alone, such as --out.
  void text(std::string flag, std::string& value, std::string help, bool required = false);
  void flag(std::string flag, bool& value, std::string help);
  void texts(std::string flag, std::vector<std::string>& values, std::string help);
  // The options of a component; `describe(fields, config)` is found in the component's namespace.
  template <typename Config>
  void section(const std::string& name, Config& config) {
    describe(add_section(name), config);
  }
  // An example for the end of --help.
  void example(std::string command) { examples_.push_back(std::move(command)); }

  // False where --help was asked for: it stands on stdout. Error(user) for anything not allowed.
  [[nodiscard]] bool parse(std::span<const std::string> arguments);

  // The options of a section that the recipe or the flags gave a value, whatever value.
  std::set<std::string> given(const std::string& section) const;
  // Every section with its values as they are now, for the record of a run.
  Json record() const;

 private:
  struct OwnOption {
    std::string flag;
    std::string help;
    bool required = false;
    std::string* text = nullptr;
    bool* flag_value = nullptr;
    std::vector<std::string>* texts = nullptr;
  };
  struct Given;
  Fields& add_section(const std::string& name);
  void add_own_options(CLI::App& parser);
  void add_section_options(CLI::App& parser, Given& given);
  void apply(const Given& given);
  void take_inputs(const std::vector<std::string>& given);
  std::string flag_of(const Fields& section, const Field& field) const;
  void apply_recipe(const std::string& path);

  std::string verb_;
  std::string summary_;
  std::string inputs_name_;
  std::string inputs_help_;
  bool inputs_required_ = false;
  std::vector<std::string>* inputs_ = nullptr;
  std::string* input_ = nullptr;
  std::vector<OwnOption> own_;
  std::deque<Fields> sections_;
  std::map<std::string, std::set<std::string>> given_;  // by section
  std::vector<std::string> examples_;
};

}  // namespace tpt::app
