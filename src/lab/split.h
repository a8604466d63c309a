// Who may see which text: a fixed hash of the text itself says, so the splits are disjoint whatever
// the seed and however much is drawn from each.
#pragma once

#include <string_view>

namespace tpt::lab {

enum class Split {
  training,  // 85 in 100: documents to train on
  held_out,  // 5: documents for the loss on unseen text
  examples,  // 5: fine-tuning
  questions  // 5: the test
};

// Of an expression ("7-3*4+8") or of a plain sentence.
Split split_of(std::string_view text);

}  // namespace tpt::lab
