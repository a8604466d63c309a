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

// Those of the whole program that this one was built without.
std::span<const std::string_view> verbs_left_out();

}  // namespace tpt::app
