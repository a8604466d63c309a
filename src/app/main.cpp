#include "app/stop_signal.h"
#include "app/terminal_progress.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/log.h"

#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {
namespace {

enum Exit { kDone = 0, kFailed = 1, kUserMistake = 2, kBadData = 3, kBug = 70, kInterrupted = 130 };

struct Verb {
  std::string_view name;
  std::string_view summary;
  void (*function)(Arguments, Run);
};

constexpr std::array<Verb, 15> kVerbs = {{
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
    {"lab", "write the controlled corpus with its questions", lab_verb},
    {"mock-server", "a server without a model, with faults on demand, to rehearse with",
     mock_server_verb},
}};

void print_overview() {
  fmt::print(
      "tpt: thinking augmented pre-training, from corpus to report\n\nusage: tpt VERB "
      "[options]\n\n");
  for (const Verb& verb : kVerbs) fmt::print("  {:<13} {}\n", verb.name, verb.summary);
  fmt::print(
      "\n'tpt VERB --help' lists every option; 'tpt --version' names this build.\n"
      "exit status: 0 done, 1 disk or remote, 2 a mistake in the options, 3 bad data, 130 "
      "stopped and resumable\n");
}

void run_named(std::string_view name, Arguments arguments) {
  for (const Verb& verb : kVerbs) {
    if (verb.name != name) continue;
    const StopSignal stop;
    TerminalProgress progress;
    verb.function(arguments, {.progress = progress, .stop = stop.token()});
    return;
  }
  std::string allowed;
  for (const Verb& verb : kVerbs) allowed += (allowed.empty() ? "" : ", ") + std::string(verb.name);
  user_error("there is no verb {}; allowed: {}", name, allowed);
}

Exit status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::user:
      return kUserMistake;
    case ErrorKind::data:
      return kBadData;
    case ErrorKind::io:
    case ErrorKind::remote:
      return kFailed;
    case ErrorKind::bug:
      return kBug;
  }
  return kBug;
}

Exit run_program(const std::vector<std::string>& arguments) {
  try {
    if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
        arguments[0] == "help") {
      print_overview();
    } else if (arguments[0] == "--version") {
      fmt::print("tpt {}\n", TPT_VERSION);
    } else {
      run_named(arguments[0], Arguments(arguments).subspan(1));
    }
    return kDone;
  } catch (const Interrupted& stopped) {
    fmt::print(stderr, "tpt: stopped: {}\n", stopped.what());
    return kInterrupted;
  } catch (const Error& error) {
    fmt::print(stderr, "tpt: {}\n", error.what());
    return status_of(error.kind());
  } catch (const std::exception& error) {
    // Libraries put a stack behind their first line.
    const std::string_view text = error.what();
    fmt::print(stderr, "tpt: unexpected: {}\n", text.substr(0, text.find('\n')));
    return kBug;
  }
}

}  // namespace
}  // namespace tpt::app

int main(int count, char** values) {
  return tpt::app::run_program(std::vector<std::string>(values + 1, values + count));
}
