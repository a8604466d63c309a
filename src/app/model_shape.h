// The shape of the network that a run begins with, from what was given beside init_from.
#pragma once

#include "model/config.h"

#include <set>
#include <string>

namespace tpt::app {

// `described` where `init_from` is empty. Else the shape in init_from/config.json, with more
// positions where max_positions was given: nothing else of it can be changed, so Error(user) names
// every option among `given` (names of [model]) that says something else. A folder without a
// config.json is left to who loads it.
model::Config shape_to_start_from(const std::string& init_from, const model::Config& described,
                                  const std::set<std::string>& given);

// The same for a model whose shape is known already; `origin` names it in messages.
model::Config with_given(model::Config known, const std::string& origin,
                         const model::Config& described, const std::set<std::string>& given);

}  // namespace tpt::app
