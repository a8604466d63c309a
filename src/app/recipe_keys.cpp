#include "app/recipe_keys.h"

#include <algorithm>
#include <array>

namespace tpt::app {
namespace {

constexpr std::array<std::string_view, 19> kSections = {
    "corpus", "lab",    "engine",   "augment", "filter",    "pack",       "model",
    "train",  "verify", "finetune", "task",    "eval",      "experiment", "report",
    "plan",   "replay", "mock",     "export",  "train_plan"};
constexpr std::array<std::string_view, 3> kValues = {"title", "description", "flows"};

bool contains(const auto& list, std::string_view key) {
  return std::find(list.begin(), list.end(), key) != list.end();
}

}  // namespace

bool is_recipe_section(std::string_view key) { return contains(kSections, key); }

bool is_recipe_key(std::string_view key) {
  return contains(kSections, key) || contains(kValues, key);
}

std::string recipe_key_list() {
  std::string list;
  for (const auto key : kValues) list += std::string(key) + ", ";
  for (const auto key : kSections) list += "[" + std::string(key) + "], ";
  list.resize(list.size() - 2);
  return list;
}

}  // namespace tpt::app
