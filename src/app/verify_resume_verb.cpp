#include "app/child_process.h"
#include "app/command_line.h"
#include "app/train_step.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/random.h"
#include "train/launch.h"
#include "train/run_comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct VerifyOptions {
  std::int64_t kills = 10;
};

void describe(Fields& fields, VerifyOptions& options) {
  fields.integer("kills", options.kills, "how often the second run is killed", 1, 10'000);
}

// The arguments of `tpt train` for the same run in another folder.
std::vector<std::string> train_arguments(Arguments given, const fs::path& folder) {
  std::vector<std::string> arguments = {"train"};
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& one = given[i];
    const bool is_own = one == "--out" || one == "--kills" || one == "--log-every-steps";
    if (is_own) {
      ++i;
    } else if (!one.starts_with("--out=") && !one.starts_with("--kills=") &&
               !one.starts_with("--log-every-steps=")) {
      arguments.push_back(one);
    }
  }
  arguments.insert(arguments.end(), {"--log-every-steps", "1", "--out", folder.string()});
  return arguments;
}

void run_whole(const std::vector<std::string>& arguments) {
  ChildProcess child(arguments);
  if (const int status = child.wait(); status != 0) {
    user_error("verify-resume: tpt train ended with status {}; see its words above", status);
  }
}

// Where a run stands, for the kills to be spread over its steps: bytes of its records.
std::uintmax_t progress_of(const fs::path& folder) {
  std::error_code missing;
  const std::uintmax_t bytes = fs::file_size(folder / "metrics.jsonl", missing);
  return missing ? 0 : bytes;
}

// Kills the run at `at` bytes of records and a random while later; false where it had ended before.
bool run_and_kill(const std::vector<std::string>& arguments, const fs::path& folder,
                  std::uintmax_t at, std::chrono::microseconds later) {
  ChildProcess child(arguments);
  while (progress_of(folder) < at) {
    if (child.has_ended()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::this_thread::sleep_for(later);
  if (child.has_ended()) return false;
  child.kill();
  return true;
}

}  // namespace

void verify_resume_verb(Arguments arguments, Run run) {
  VerifyOptions options;
  train::Config config;
  model::Config model;
  std::string shards;
  std::string out;
  std::string from;  // goes on to tpt train with the other arguments
  CommandLine line("verify-resume",
                   "Trains twice with the same options, once whole and once killed (SIGKILL) at "
                   "random moments and gone on with, and compares losses, weights, optimizer and "
                   "the next batches bit for bit.");
  line.input("SHARDS", shards,
             "the folder that tpt pack wrote, or the prefix of any Megatron .bin/.idx pair");
  line.text("out", out, "folder for both runs", true);
  line.text("from", from, "a Hugging Face folder to go on from: the same as --init-from");
  line.section("verify", options);
  line.section("model", model);
  line.section("train", config);
  line.example("tpt verify-resume build/shards --train-tokens 2e5 --kills 20 --out build/verify");
  if (!line.parse(arguments)) return;
  train::refuse_many_processes("verify-resume");
  const fs::path whole = fs::path(out) / "whole";
  const fs::path killed = fs::path(out) / "killed";
  run_whole(train_arguments(arguments, whole));
  const std::uintmax_t end = progress_of(whole);
  const auto killed_run = train_arguments(arguments, killed);
  Random random(derive_seed(static_cast<std::uint64_t>(config.seed), "kills", "verify-resume"));
  std::vector<std::uintmax_t> places;
  for (std::int64_t i = 0; i < options.kills; ++i) places.push_back(random.below(end + 1));
  std::sort(places.begin(), places.end());
  std::int64_t kills = 0;
  for (const std::uintmax_t place : places) {
    if (run.stop.stop_requested()) throw Interrupted("verify-resume was stopped");
    const auto later = std::chrono::microseconds(random.below(100'000));
    kills += run_and_kill(killed_run, killed, place, later) ? 1 : 0;
  }
  run_whole(killed_run);
  const train::RunComparison compared = train::compare_runs(whole, killed, shards);
  fmt::print("{}\n", dump_json_pretty({{"kills", kills},
                                       {"lines", compared.lines},
                                       {"same_losses", compared.same_losses},
                                       {"same_weights", compared.same_weights},
                                       {"same_optimizer", compared.same_optimizer},
                                       {"same_next_batches", compared.same_next_batches},
                                       {"first_difference", compared.first_difference}}));
  if (!compared.same()) {
    throw Error(ErrorKind::bug,
                "verify-resume: the killed run differs: " + compared.first_difference);
  }
}

}  // namespace tpt::app
