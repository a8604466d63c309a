// One question with the answer that counts as right: what tasks ask, what fine-tuning learns from.
#pragma once

#include <string>

namespace tpt {

struct Question {
  std::string id;
  std::string prompt;           // the text the model is to continue
  std::string answer;           // the exact answer
  std::string completion;       // what a fine-tuning example teaches: working and answer; "" for
                                // questions that are only asked
  std::string metadata = "{}";  // further fields, one JSON object

  bool operator==(const Question&) const = default;
};

}  // namespace tpt
