#include "app/recipe.h"

#include "app/recipe_keys.h"
#include "base/error.h"
#include "storage/atomic_file.h"

#include <functional>
#include <type_traits>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// Calls `visit(name, config)` for every section that belongs to a component.
template <typename AnyRecipe, typename Visit>
void for_each_section(AnyRecipe& recipe, Visit&& visit) {
  visit("lab", recipe.lab);
  visit("corpus", recipe.corpus);
  visit("engine", recipe.engine);
  visit("augment", recipe.augment);
  visit("filter", recipe.filter);
  visit("pack", recipe.pack);
  visit("model", recipe.model);
  visit("train", recipe.train);
  visit("finetune", recipe.finetune);
  visit("task", recipe.task);
  visit("eval", recipe.eval);
  visit("experiment", recipe.experiment);
  visit("plan", recipe.plan);
}

struct Setting {
  std::string section;
  std::string option;
  std::string value;
};

Setting split_setting(const std::string& text) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || equals < dot) {
    user_error("--set: got {}, expected section.option=value", text);
  }
  Setting setting{text.substr(0, dot), text.substr(dot + 1, equals - dot - 1),
                  text.substr(equals + 1)};
  if (!is_recipe_section(setting.section)) {
    user_error("--set: {} is not a section; allowed: {}", setting.section, recipe_key_list());
  }
  return setting;
}

// A list is written with commas: --set experiment.seeds=1,2,3
Json setting_value(const Fields& fields, const Setting& setting) {
  for (const Field& field : fields.all()) {
    if (field.name != setting.option || !field.is_list) continue;
    Json list = Json::array();
    for (std::size_t at = 0; at <= setting.value.size();) {
      const std::size_t comma = std::min(setting.value.find(',', at), setting.value.size());
      list.push_back(setting.value.substr(at, comma - at));
      at = comma + 1;
    }
    return list;
  }
  return setting.value;
}

void read_top(Recipe& recipe, const Json& table) {
  for (const auto& [key, value] : table.items()) {
    if (!is_recipe_key(key)) {
      user_error("{}: {} is not a section of a recipe; allowed: {}", recipe.file.string(), key,
                 recipe_key_list());
    }
    if (is_recipe_section(key)) recipe.sections.insert(key);
  }
  std::vector<std::string> flows;
  Fields top(recipe.file.filename().string());
  top.text("title", recipe.title, "");
  top.text("description", recipe.description, "");
  top.texts("flows", flows, "");
  for (const char* key : {"title", "description", "flows"}) {
    if (table.contains(key)) top.set(key, table[key]);
  }
  for (const std::string& flow : flows) recipe.flows.push_back(recipe.file.parent_path() / flow);
  if (!recipe.flows.empty() && !recipe.sections.empty()) {
    user_error("{}: has both `flows` and sections of its own; a recipe is one or the other",
               recipe.file.string());
  }
}

// A step needs what an earlier one makes.
void check_order(const Recipe& recipe) {
  const auto needs = [&](const std::string& section, const std::vector<std::string>& any_of) {
    if (!recipe.has(section)) return;
    std::string names;
    for (const std::string& other : any_of) {
      if (recipe.has(other)) return;
      names += (names.empty() ? "[" : " or [") + other + "]";
    }
    user_error("{}: [{}] needs {}", recipe.file.string(), section, names);
  };
  if (recipe.has("mock")) {
    user_error("{}: [mock] is for tpt mock-server --recipe, not for a run", recipe.file.string());
  }
  needs("augment", {"corpus", "lab"});
  needs("augment", {"engine"});
  if (recipe.brings_thinking() && recipe.has("augment")) {
    user_error("{}: has [augment], but corpus.thinking_column says that the thinking is there",
               recipe.file.string());
  }
  if (!recipe.brings_thinking()) {
    needs("filter", {"augment"});
    needs("pack", {"augment"});
  }
  needs("train", {"pack"});
  needs("train", {"model"});
  needs("finetune", {"train"});
  needs("finetune", {"lab", "task"});
  needs("eval", {"train"});
  needs("eval", {"lab", "task"});
  needs("experiment", {"train"});
  if (recipe.has("corpus") && recipe.has("lab")) {
    user_error("{}: has [corpus] and [lab]; the documents come from one of them",
               recipe.file.string());
  }
}

Recipe from_table(const fs::path& file, const Json& table,
                  const std::vector<std::string>& settings) {
  Recipe recipe;
  recipe.file = file;
  recipe.title = file.stem().string();
  recipe.finetune.objective = train::Objective::answers;
  read_top(recipe, table);
  for_each_section(recipe, [&](const std::string& name, auto& config) {
    Fields fields(name);
    describe(fields, config);
    const auto note = [&](const std::string& option) {
      if (name == "model") recipe.model_given.insert(option);
    };
    if (table.contains(name)) {
      fields.apply(table[name]);
      for (const auto& [option, value] : table[name].items()) note(option);
    }
    for (const std::string& text : settings) {
      const Setting setting = split_setting(text);
      if (setting.section != name || !recipe.has(name)) continue;
      fields.set(setting.option, setting_value(fields, setting));
      note(setting.option);
    }
  });
  check_order(recipe);
  return recipe;
}

}  // namespace

Recipe read_recipe(const fs::path& file, const std::vector<std::string>& settings) {
  return from_table(file, read_toml_file(file.string()), settings);
}

Recipe read_record(const fs::path& file) {
  return from_table(file, parse_json(storage::read_file(file), file.string()), {});
}

Json recorded(const Recipe& recipe) {
  Json record = Json::object();
  record["title"] = recipe.title;
  record["description"] = recipe.description;
  for_each_section(recipe, [&](const std::string& name, auto config) {
    if (!recipe.has(name)) return;
    if constexpr (std::is_same_v<decltype(config), EngineConfig>) config = without_secrets(config);
    Fields fields(name);
    describe(fields, config);
    record[name] = fields.to_json();
  });
  return record;
}

}  // namespace tpt::app
