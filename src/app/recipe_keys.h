// The keys that may stand at the top of a TOML recipe.
#pragma once

#include <string>
#include <string_view>

namespace tpt::app {

// True for [corpus], [augment], ... : the options of one component.
bool is_recipe_section(std::string_view key);
// True for a section, and for `title`, `description` and `flows`.
bool is_recipe_key(std::string_view key);
// All keys with commas between, for messages.
std::string recipe_key_list();

}  // namespace tpt::app
