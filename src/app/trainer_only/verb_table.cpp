#include "app/verb_table.h"

#include <array>

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

std::span<const std::string_view> verbs_left_out() { return kOfTheWholeProgram; }

}  // namespace tpt::app
