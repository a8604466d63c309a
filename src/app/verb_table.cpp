#include "app/verb_table.h"

#include <array>

namespace tpt::app {
namespace {

constexpr std::array<Verb, 16> kVerbs = {{
    {"run", "a whole recipe: corpus to report", run_verb},
    {"augment", "have an engine think about every document", augment_verb},
    {"filter", "keep the thinking worth training on, drop the rest with a reason", filter_verb},
    {"inspect", "page through the rows, kept and rejected, with the reasons", inspect_verb},
    {"pack", "documents and thinking into Megatron shards", pack_verb},
    {"train", "pre-train or fine-tune a model on shards", train_verb},
    {"replay-step", "run one step of a training run again, bit for bit", replay_step_verb},
    {"verify-resume", "show on your own shards that a killed run goes on bit for bit",
     verify_resume_verb},
    {"selftest", "show on this machine that documents in one row are kept apart", selftest_verb},
    {"export", "a checkpoint for llama.cpp, or as another Hugging Face folder", export_verb},
    {"eval", "put questions to a checkpoint or another engine and grade the answers", eval_verb},
    {"report", "the page and the summary of a finished run", report_verb},
    {"plan", "tokens, GPU-hours and disk of a corpus before it is paid for", plan_verb},
    {"plan train", "memory and days of a training run, and whether it fits", plan_train_verb},
    {"lab", "write the controlled corpus with its questions", lab_verb},
    {"mock-server", "a server without a model, with faults on demand, to rehearse with",
     mock_server_verb},
}};

}  // namespace

std::span<const Verb> verb_table() { return kVerbs; }

std::span<const std::string_view> verbs_left_out() { return {}; }

}  // namespace tpt::app
