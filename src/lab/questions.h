// What is asked of the students of the lab, and what both are fine-tuned on.
#pragma once

#include "lab/config.h"
#include "records/question.h"

#include <vector>

namespace tpt::lab {

// config.questions different chains that no training document, held-out document or example states:
// prompt "7-3*4+8=?\n", answer "4", no completion; metadata {"domain":"arithmetic","steps":n}.
std::vector<Question> questions(const Config& config);

// config.examples different chains, disjoint from all others, with what fine-tuning teaches:
// prompt "7-3*4+8=?\n", completion "<think>7-3=4 4*4=6 6+8=4</think>4". Every student is taught the
// same ones.
std::vector<Question> examples(const Config& config);

}  // namespace tpt::lab
