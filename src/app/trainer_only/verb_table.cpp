#include "app/verb_table.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <string>

namespace tpt::app {
namespace {

constexpr std::array<Verb, 6> kVerbs = {{
    {"train", "pre-train or fine-tune a model on shards", train_verb},
    {"plan train", "memory and days of a training run, and whether it fits", plan_train_verb},
    {"replay-step", "run one step of a training run again, bit for bit", replay_step_verb},
    {"verify-resume", "show on your own shards that a killed run goes on bit for bit",
     verify_resume_verb},
    {"selftest", "show on this machine that documents in one row are kept apart", selftest_verb},
    {"export", "a checkpoint for llama.cpp, or as another Hugging Face folder", export_verb},
}};

constexpr std::array<std::string_view, 10> kOfTheWholeProgram = {
    "run", "augment", "filter", "inspect", "pack", "eval", "report", "plan", "lab", "mock-server"};

}  // namespace

std::span<const Verb> verb_table() { return kVerbs; }

void refuse_verb(std::string_view name) {
  std::string allowed;
  for (const Verb& verb : kVerbs) allowed += (allowed.empty() ? "" : ", ") + std::string(verb.name);
  if (std::find(kOfTheWholeProgram.begin(), kOfTheWholeProgram.end(), name) !=
      kOfTheWholeProgram.end()) {
    user_error("this program was built to train alone and has no verb {}; it has {}", name,
               allowed);
  }
  user_error("there is no verb {}; allowed: {}", name, allowed);
}

}  // namespace tpt::app
