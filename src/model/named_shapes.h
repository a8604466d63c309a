// The shapes of published models by name: what is planned with before their files are there.
#pragma once

#include "model/config.h"

#include <string>
#include <string_view>

namespace tpt::model {

// "llama-3.1-8b" and such, whatever the case. Error(user) lists the names that are known.
Config named_shape(std::string_view name);

}  // namespace tpt::model
