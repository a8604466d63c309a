// How models decline, in a dozen languages.
#pragma once

#include <string_view>
#include <vector>

namespace tpt::filter {

// A refusal opens with one of `openings`, and says within the sentence one of `inabilities` and one
// of `actions`; an empty list asks for nothing. ASCII letters are small, apostrophes straight.
struct RefusalForm {
  std::vector<std::string_view> openings;
  std::vector<std::string_view> inabilities;
  std::vector<std::string_view> actions;
};

const std::vector<RefusalForm>& refusal_forms();

}  // namespace tpt::filter
