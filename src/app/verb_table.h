// The verbs that a program has. The whole program and the one that only trains each have a table of
// their own.
#pragma once

#include "app/verbs.h"

#include <span>
#include <string_view>

namespace tpt::app {

struct Verb {
  std::string_view name;  // one word, or two
  std::string_view summary;
  void (*function)(Arguments, Run);
};

std::span<const Verb> verb_table();

// Error(user) for a verb that the program lacks, with those that it has.
[[noreturn]] void refuse_verb(std::string_view name);

}  // namespace tpt::app
