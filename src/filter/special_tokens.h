// Control tokens of a model's vocabulary that stand in the thinking as text.
#pragma once

#include <string>
#include <string_view>

namespace tpt::filter {

// The first that leaked into `thinking`: "<|im_end|>", "[INST]", "<think>", "<s>", ...; "" where
// there is none. A kind of token that the document shows itself is its subject and does not count,
// nor does one that is quoted or set as code, nor <s> among other tags of HTML.
std::string leaked_special_token(std::string_view thinking, std::string_view document);

}  // namespace tpt::filter
