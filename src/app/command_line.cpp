#include "app/command_line.h"

#include "app/recipe_keys.h"
#include "base/error.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace tpt::app {
namespace {

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string help_of(const Field& field) {
  std::string text = field.help;
  if (!field.is_flag && !field.allowed.empty()) text += "; " + field.allowed;
  const Json value = field.get();
  if (value.is_string()) {
    const auto word = value.get<std::string>();
    if (!word.empty()) text += " [" + word + "]";
  } else if (!value.empty()) {
    text += " [" + dump_json(value) + "]";
  }
  return text;
}

// What was given on the command line for one field, in JSON as a recipe would hold it.
Json given_value(const Field& field, const std::vector<std::string>& words) {
  if (field.is_list) {
    Json list = Json::array();
    for (const std::string& word : words) list.push_back(word);
    return list;
  }
  return words.back();
}

void keep_lines_short(CLI::App& parser) {
  parser.get_formatter()->column_width(38);
  parser.get_formatter()->label("REQUIRED", "(required)");
}

}  // namespace

CommandLine::CommandLine(std::string verb, std::string summary)
    : verb_(std::move(verb)), summary_(std::move(summary)) {}

void CommandLine::inputs(std::string name, std::vector<std::string>& values, std::string help,
                         bool required) {
  inputs_name_ = std::move(name);
  inputs_ = &values;
  inputs_help_ = std::move(help);
  inputs_required_ = required;
}

void CommandLine::input(std::string name, std::string& value, std::string help) {
  inputs_name_ = std::move(name);
  input_ = &value;
  inputs_help_ = std::move(help);
  inputs_required_ = true;
}

void CommandLine::text(std::string flag, std::string& value, std::string help, bool required) {
  own_.push_back(
      {.flag = std::move(flag), .help = std::move(help), .required = required, .text = &value});
}

void CommandLine::flag(std::string flag, bool& value, std::string help) {
  own_.push_back({.flag = std::move(flag), .help = std::move(help), .flag_value = &value});
}

void CommandLine::texts(std::string flag, std::vector<std::string>& values, std::string help) {
  own_.push_back({.flag = std::move(flag), .help = std::move(help), .texts = &values});
}

Fields& CommandLine::add_section(const std::string& name) {
  TPT_CHECK(is_recipe_section(name), "{} is not a section of recipes", name);
  return sections_.emplace_back(name);
}

std::string CommandLine::flag_of(const Fields& section, const Field& field) const {
  std::size_t uses = 0;
  for (const Fields& other : sections_) {
    for (const Field& option : other.all()) uses += option.name == field.name ? 1U : 0U;
  }
  const std::string name = dashed(field.name);
  const bool own = std::any_of(own_.begin(), own_.end(),
                               [&](const OwnOption& option) { return option.flag == name; });
  return uses > 1 || own ? dashed(section.section()) + "-" + name : name;
}

void CommandLine::apply_recipe(const std::string& path) {
  const Json recipe = read_toml_file(path);
  for (const auto& [key, value] : recipe.items()) {
    if (!is_recipe_key(key)) {
      user_error("{}: {} is not a section of a recipe; allowed: {}", path, key, recipe_key_list());
    }
  }
  for (Fields& section : sections_) {
    if (!recipe.contains(section.section())) continue;
    section.apply(recipe[section.section()]);
    for (const auto& [name, value] : recipe[section.section()].items()) {
      given_[section.section()].insert(name);
    }
  }
}

// What was given on the command line for the fields of the sections.
struct CommandLine::Given {
  std::map<const Field*, std::vector<std::string>> words;
  std::map<const Field*, bool> switched;
};

// Each option takes one value: with allow_extra_args, which vectors have, CLI11 would take the
// inputs that follow it too, and what stands in brackets apart.
void CommandLine::add_own_options(CLI::App& parser) {
  for (const OwnOption& option : own_) {
    const std::string flag = "--" + option.flag;
    if (option.text != nullptr) {
      parser.add_option(flag, *option.text, option.help)
          ->type_name("TEXT")
          ->required(option.required);
    } else if (option.texts != nullptr) {
      parser.add_option(flag, *option.texts, option.help)
          ->type_name("TEXT")
          ->expected(1)
          ->take_all()
          ->allow_extra_args(false);
    } else {
      parser.add_flag(flag, *option.flag_value, option.help);
    }
  }
}

void CommandLine::add_section_options(CLI::App& parser, Given& given) {
  for (const Fields& section : sections_) {
    for (const Field& field : section.all()) {
      const std::string flag = flag_of(section, field);
      CLI::Option* option = nullptr;
      if (field.is_flag) {
        option = parser.add_flag_function(
            "--" + flag + ",!--no-" + flag,
            [&given, key = &field](std::int64_t count) { given.switched[key] = count > 0; },
            help_of(field));
      } else {
        option = parser.add_option("--" + flag, given.words[&field], help_of(field))
                     ->expected(1)
                     ->allow_extra_args(false)
                     ->type_name(field.is_text ? "TEXT" : "NUMBER");
        if (field.is_list) option->take_all();
        if (field.is_list && !field.is_text) option->delimiter(',');
      }
      option->group("[" + section.section() + "]");
    }
  }
}

void CommandLine::apply(const Given& given) {
  for (Fields& section : sections_) {
    for (const Field& field : section.all()) {
      const auto words = given.words.find(&field);
      const auto take = [&](const Json& value) {
        section.set(field.name, value);
        given_[section.section()].insert(field.name);
      };
      if (words != given.words.end() && !words->second.empty()) {
        take(given_value(field, words->second));
      }
      const auto switched = given.switched.find(&field);
      if (switched != given.switched.end()) take(switched->second);
    }
  }
}

void CommandLine::take_inputs(const std::vector<std::string>& given) {
  if (input_ == nullptr) {
    if (!given.empty()) *inputs_ = given;
    return;
  }
  if (given.size() > 1) {
    user_error("tpt {}: {}: got {}, expected one", verb_, inputs_name_, given.size());
  }
  if (!given.empty()) *input_ = given[0];
}

bool CommandLine::parse(std::span<const std::string> arguments) {
  CLI::App parser(summary_, "tpt " + verb_);
  keep_lines_short(parser);
  std::string recipe;
  parser.add_option("--recipe", recipe, "a TOML recipe to take the options from; flags go first")
      ->type_name("FILE");
  std::vector<std::string> positional;
  if (!inputs_name_.empty()) parser.add_option(inputs_name_, positional, inputs_help_);
  Given given;
  add_own_options(parser);
  add_section_options(parser, given);
  std::string footer;
  for (const std::string& example : examples_) {
    footer += (footer.empty() ? "Examples:\n  " : "\n  ") + example;
  }
  parser.footer(footer);
  try {
    parser.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    std::fputs(parser.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    user_error("{} (tpt {} --help lists what there is)", error.what(), verb_);
  }
  if (!recipe.empty()) apply_recipe(recipe);
  take_inputs(positional);
  apply(given);
  if (inputs_required_ && (input_ != nullptr ? input_->empty() : inputs_->empty())) {
    user_error("tpt {}: {} is missing: {}", verb_, inputs_name_, inputs_help_);
  }
  return true;
}

std::set<std::string> CommandLine::given(const std::string& section) const {
  const auto found = given_.find(section);
  return found == given_.end() ? std::set<std::string>() : found->second;
}

Json CommandLine::record() const {
  Json record = Json::object();
  for (const Fields& section : sections_) record[section.section()] = section.to_json();
  return record;
}

}  // namespace tpt::app
