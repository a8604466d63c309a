#include "app/child_process.h"
#include "app/command_line.h"
#include "app/train_step.h"
#include "app/training_folder.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/random.h"
#include "train/launch.h"
#include "train/run_comparison.h"
#include "train/state.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <thread>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct VerifyOptions {
  std::int64_t kills = 10;
};

void describe(Fields& fields, VerifyOptions& options) {
  fields.integer("kills", options.kills,
                 "how often the second run is killed and goes on from a state in its midst", 1,
                 10'000);
}

// The arguments of `tpt train` for the same run in another folder.
std::vector<std::string> train_arguments(Arguments given, const fs::path& folder) {
  constexpr std::array<std::string_view, 4> kOwn = {"--out", "--kills", "--log-every-steps",
                                                    "--state-every-seconds"};
  std::vector<std::string> arguments = {"train"};
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t end = std::min(given[i].find('='), given[i].size());
    const std::string_view name = std::string_view(given[i]).substr(0, end);
    if (std::find(kOwn.begin(), kOwn.end(), name) == kOwn.end()) {
      arguments.push_back(given[i]);
    } else if (end == given[i].size()) {
      ++i;  // its value
    }
  }
  arguments.insert(arguments.end(), {"--log-every-steps", "1", "--out", folder.string()});
  return arguments;
}

void check_end(ChildProcess& child) {
  if (const int status = child.wait(); status != 0) {
    user_error("verify-resume: tpt train ended with status {}; see its words above", status);
  }
}

void run_whole(const std::vector<std::string>& arguments) {
  ChildProcess child(arguments);
  check_end(child);
}

// Where a run stands, for the kills to be spread over its steps: bytes of its records.
std::uintmax_t progress_of(const fs::path& folder) {
  std::error_code missing;
  const std::uintmax_t bytes = fs::file_size(folder / "metrics.jsonl", missing);
  return missing ? 0 : bytes;
}

// The step from which the next start goes on; 0 where it is the beginning.
std::int64_t next_start(const fs::path& folder) {
  const auto state = train::newest_state(folder);
  return state ? train::step_of_state(*state) : 0;
}

// The run that was not disturbed: what the other one is killed by.
struct WholeRun {
  std::int64_t steps = 0;
  double seconds = 0;
  std::uintmax_t bytes = 0;  // of its records
};

WholeRun whole_run(const fs::path& folder) {
  const auto state = train::newest_state(folder);
  TPT_CHECK(state.has_value(), "{} holds no state", folder.string());
  const train::RunState last = train::read_state(*state);
  return {.steps = last.steps, .seconds = last.seconds, .bytes = progress_of(folder)};
}

// Two states to a kill, by steps: the clock would leave most runs without any. A run that goes back
// to its states has to keep the number it was given; the clock adds others then.
std::vector<std::string> state_arguments(const train::Config& config, const WholeRun& whole,
                                         std::int64_t kills) {
  const std::int64_t wanted = std::max<std::int64_t>(1, whole.steps / (2 * (kills + 1)));
  if (config.state_every_steps == 0) return {"--state-every-steps", std::to_string(wanted)};
  if (config.state_every_steps <= wanted) return {};
  return {"--state-every-seconds",
          fmt::format("{:.3f}", whole.seconds / static_cast<double>(2 * (kills + 1)))};
}

// What was left there by an earlier call.
void clear(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  if (!fs::exists(folder / "started.json")) {
    user_error("{}: this is no training run; name another --out", folder.string());
  }
  fs::remove_all(folder);
}

// Kills the run once its records have `at` bytes and a newer state stands than the one it went on
// from, and `later` than that; false where it had ended before.
bool run_and_kill(const std::vector<std::string>& arguments, const fs::path& folder,
                  std::uintmax_t at, std::chrono::microseconds later) {
  const std::int64_t before = next_start(folder);
  ChildProcess child(arguments);
  while (progress_of(folder) < at || next_start(folder) <= before) {
    if (child.has_ended()) {
      check_end(child);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::this_thread::sleep_for(later);
  if (child.has_ended()) {
    check_end(child);
    return false;
  }
  child.kill();
  return true;
}

// One run from the beginning to the end that is killed up to `kills` times, at random places; the
// steps from which it went on.
std::vector<std::int64_t> run_killed(const std::vector<std::string>& arguments,
                                     const fs::path& folder, const WholeRun& whole,
                                     std::int64_t kills, Random& random, const Run& run) {
  clear(folder);
  std::vector<std::uintmax_t> places;
  for (std::int64_t i = 0; i < kills; ++i) places.push_back(random.below(whole.bytes * 9 / 10 + 1));
  std::sort(places.begin(), places.end());
  // Not so late that a short run has ended.
  const double longest_microseconds =
      std::clamp(whole.seconds * 1e6 / static_cast<double>(2 * (kills + 1)), 1.0, 1e5);
  std::vector<std::int64_t> resumed_from;
  for (const std::uintmax_t place : places) {
    if (run.stop.stop_requested()) throw Interrupted("verify-resume was stopped");
    const std::chrono::microseconds later(
        random.below(static_cast<std::uint64_t>(longest_microseconds)));
    if (!run_and_kill(arguments, folder, place, later)) break;
    if (const std::int64_t step = next_start(folder); step < whole.steps) {
      resumed_from.push_back(step);
    }
  }
  run_whole(arguments);
  return resumed_from;
}

// What the kills came to.
struct Verified {
  std::int64_t runs = 0;                   // that were killed, one after the other
  std::vector<std::int64_t> resumed_from;  // a kill each
  train::RunComparison last;               // of the last one with the undisturbed run
};

// Runs that are killed until there were `kills` of them, or until one differs: a short run may end
// before it was killed as often.
Verified verify(const std::vector<std::string>& arguments, const fs::path& out,
                const WholeRun& whole, const fs::path& shards, std::int64_t kills, Random& random,
                const Run& run) {
  Verified verified;
  const auto count = [&] { return static_cast<std::int64_t>(verified.resumed_from.size()); };
  while (count() < kills) {
    const auto more = run_killed(arguments, out / "killed", whole, kills - count(), random, run);
    if (more.empty()) {
      user_error(
          "verify-resume: a run of {} steps in {:.2f} s ends before it can be killed behind a "
          "state: raise --train-tokens or --epochs",
          whole.steps, whole.seconds);
    }
    ++verified.runs;
    verified.resumed_from.insert(verified.resumed_from.end(), more.begin(), more.end());
    verified.last = train::compare_runs(out / "whole", out / "killed", shards);
    if (!verified.last.same()) break;
  }
  return verified;
}

Json to_json(const Verified& verified) {
  const train::RunComparison& last = verified.last;
  return {{"kills", verified.resumed_from.size()},
          {"resumed_from", verified.resumed_from},
          {"killed_runs", verified.runs},
          {"lines", last.lines},
          {"same_losses", last.same_losses},
          {"same_weights", last.same_weights},
          {"same_optimizer", last.same_optimizer},
          {"same_next_batches", last.same_next_batches},
          {"first_difference", last.first_difference}};
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
                   "Trains once whole and once killed (SIGKILL) at random moments and gone on "
                   "with, under the same options, and compares losses, weights, optimizer and the "
                   "next batches bit for bit. Each kill comes behind a new state, from which the "
                   "run goes on; a run too short for all of them is killed again from its start.");
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
  const TrainingFolder own_folder(out);
  const fs::path folder = out;
  run_whole(train_arguments(arguments, folder / "whole"));
  const WholeRun whole = whole_run(folder / "whole");
  auto killed_arguments = train_arguments(arguments, folder / "killed");
  for (std::string& one : state_arguments(config, whole, options.kills)) {
    killed_arguments.push_back(std::move(one));
  }
  Random random(derive_seed(static_cast<std::uint64_t>(config.seed), "kills", "verify-resume"));
  const Verified verified =
      verify(killed_arguments, folder, whole, shards, options.kills, random, run);
  fmt::print("{}\n", dump_json_pretty(to_json(verified)));
  if (!verified.last.same()) {
    throw Error(ErrorKind::bug,
                "verify-resume: the killed run differs: " + verified.last.first_difference);
  }
}

}  // namespace tpt::app
