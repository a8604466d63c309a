// Each option is written once: a component's Config struct, with its default beside each field, and
// one describe() that names the fields. TOML recipes, command-line flags, --help and the saved
// record of a run all come from it.
//
//   struct Config {
//     std::int64_t context_tokens = 2048;
//     Policy policy = Policy::keep;
//   };
//   void describe(Fields& fields, Config& config) {
//     fields.integer("context_tokens", config.context_tokens, "cut the document to this many
//     tokens", 1, 1 << 20); fields.choice("policy", config.policy, {{"keep", Policy::keep},
//     {"drop", Policy::drop}}, "at the cap");
//   }
//
//   Config config;
//   Fields fields("augment");
//   describe(fields, config);
//   fields.apply(recipe["augment"]);   // unknown keys and values out of range are Error(user)
//   Json record = fields.to_json();
#pragma once

#include "base/json.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt {

// One option: how it is called, what it does, how to set it and how to read it back.
struct Field {
  std::string name;                      // snake_case as in TOML; the flag is the same with dashes
  std::string help;                      // one line
  std::string allowed;                   // "1 to 64", "keep, drop", "" for any
  bool is_flag = false;                  // a boolean
  bool is_list = false;                  // takes several values
  bool is_text = false;                  // its values are never read as numbers on the command line
  std::function<void(const Json&)> set;  // throws std::string naming what is wrong with the value
  std::function<Json()> get;
};

class Fields {
 public:
  // `section` prefixes every message: "augment.context_tokens: got ...".
  explicit Fields(std::string section) : section_(std::move(section)) {}

  void flag(std::string name, bool& value, std::string help);
  void integer(std::string name, std::int64_t& value, std::string help,
               std::int64_t min = std::numeric_limits<std::int64_t>::min(),
               std::int64_t max = std::numeric_limits<std::int64_t>::max());
  void number(std::string name, double& value, std::string help,
              double min = -std::numeric_limits<double>::infinity(),
              double max = std::numeric_limits<double>::infinity());
  void text(std::string name, std::string& value, std::string help);
  void texts(std::string name, std::vector<std::string>& value, std::string help);
  void integers(std::string name, std::vector<std::int64_t>& value, std::string help,
                std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                std::int64_t max = std::numeric_limits<std::int64_t>::max());
  template <typename Enum>
  void choice(std::string name, Enum& value, std::vector<std::pair<std::string, Enum>> options,
              std::string help);

  // Sets every field named in `object` (a JSON object; null means nothing to set). Error(user) for
  // an unknown key, a wrong type or a value out of range, each with what was given and what is
  // allowed.
  void apply(const Json& object);
  // Sets one field; text from a command line is accepted for numbers ("--lr 3e-4").
  void set(std::string_view name, const Json& value);
  // All fields with their present values, in the order described: the record of a run.
  Json to_json() const;

  const std::string& section() const { return section_; }
  const std::deque<Field>& all() const { return fields_; }

 private:
  void add(Field field);

  std::string section_;
  std::deque<Field> fields_;
};

template <typename Enum>
void Fields::choice(std::string name, Enum& value,
                    std::vector<std::pair<std::string, Enum>> options, std::string help) {
  Field field;
  field.name = std::move(name);
  field.help = std::move(help);
  field.is_text = true;
  for (const auto& [word, unused] : options) {
    field.allowed += (field.allowed.empty() ? "" : ", ") + word;
  }
  field.set = [&value, options](const Json& given) {
    for (const auto& [word, option] : options) {
      if (given.is_string() && given.template get<std::string>() == word) {
        value = option;
        return;
      }
    }
    throw std::string("not one of the allowed words");
  };
  field.get = [&value, options]() -> Json {
    for (const auto& [word, option] : options) {
      if (option == value) {
        return word;
      }
    }
    return nullptr;
  };
  add(std::move(field));
}

// Reads a TOML file into JSON (tables become objects). Error(user) with line and column for a file
// that is not TOML.
Json read_toml_file(const std::string& path);
Json parse_toml(std::string_view text, std::string_view what);

}  // namespace tpt
