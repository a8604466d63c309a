#include "app/build_page.h"
#include "app/command_line.h"
#include "app/verbs.h"
#include "app/watch_flags.h"
#include "base/error.h"
#include "report/report.h"
#include "storage/atomic_file.h"
#include "storage/files.h"
#include "train/launch.h"

#include <fmt/core.h>

#include <chrono>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// run.json: what `tpt report` needs to show the run again.
struct RunRecord {
  std::string title;
  std::vector<std::string> commands;
  std::vector<std::string> flows;  // folders of the flows, relative; "." for one flow
  double seconds = 0;              // of the call that did the most work
};

fs::path record_file(const fs::path& folder) { return folder / "run.json"; }

RunRecord read_run_record(const fs::path& folder) {
  if (!fs::exists(record_file(folder))) {
    user_error("{}: no finished run here (run.json is missing)", folder.string());
  }
  const Json json =
      parse_json(storage::read_file(record_file(folder)), record_file(folder).string());
  return {.title = json.at("title").get<std::string>(),
          .commands = json.at("commands").get<std::vector<std::string>>(),
          .flows = json.at("flows").get<std::vector<std::string>>(),
          .seconds = json.at("seconds").get<double>()};
}

void write_run_record(const fs::path& folder, RunRecord record) {
  // A second call finds the steps finished and takes seconds: the first one's time is the run's.
  if (fs::exists(record_file(folder))) {
    const RunRecord before = read_run_record(folder);
    if (before.commands == record.commands) {
      record.seconds = std::max(record.seconds, before.seconds);
    }
  }
  const Json json = {{"title", record.title},
                     {"commands", record.commands},
                     {"flows", record.flows},
                     {"seconds", record.seconds}};
  storage::write_file_atomically(record_file(folder), dump_json_pretty(json));
}

// Quoted for a shell where it has to be.
std::string quoted(const std::string& word) {
  const bool plain =
      !word.empty() &&
      word.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%") ==
          std::string::npos;
  if (plain) return word;
  std::string text = "'";
  for (const char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string command_text(const std::string& recipe, const std::vector<std::string>& settings,
                         const std::string& out) {
  std::string command = fmt::format("tpt run {} --out {}", quoted(recipe), quoted(out));
  for (const std::string& setting : settings) command += " --set " + quoted(setting);
  return command;
}

// The page of a run, from its files alone.
void write_report(const fs::path& folder, const fs::path& html, const fs::path& summary) {
  const RunRecord record = read_run_record(folder);
  ShownRun shown{.title = record.title, .commands = record.commands, .seconds = record.seconds};
  for (const std::string& name : record.flows) {
    const Workspace work{name == "." ? folder : folder / name};
    const Json result = parse_json(storage::read_file(work.result()), work.result().string());
    shown.flows.push_back({.recipe = read_record(work.record()),
                           .work = work,
                           .result = flow_result_from_json(result)});
  }
  report::write(build_page(shown), html, summary);
}

}  // namespace

void run_verb(Arguments arguments, Run run) {
  std::string recipe_file;
  std::vector<std::string> settings;
  std::string out;
  AugmentOptions watch;
  CommandLine line("run",
                   "Runs a whole recipe, from corpus to report. Run it again to go on after "
                   "an interruption: finished steps are not done again.");
  line.input("RECIPE", recipe_file, "a TOML file, as those in recipes/");
  line.text("out", out, "folder for every step, report.html and summary.json", true);
  line.texts("set", settings, "section.option=value, over what the recipe says; may be repeated");
  add_watch_flags(line, watch);
  line.example("tpt run recipes/demo.toml --out build/demo");
  line.example("tpt run recipes/lab.toml --out build/lab --set experiment.seeds=1,2,3,4");
  line.example("tpt run my.toml --out runs/mine --set pack.shuffle_thinking=true");
  if (!line.parse(arguments)) return;
  train::refuse_many_processes("run");
  if (storage::is_remote(out)) {
    user_error("--out {}: only tpt augment writes to S3; give a folder of this machine", out);
  }

  const auto started = std::chrono::steady_clock::now();
  const Recipe recipe = read_recipe(recipe_file, settings);
  RunRecord record{.title = recipe.title, .commands = {command_text(recipe_file, settings, out)}};
  if (recipe.flows.empty()) {
    record.flows = {"."};
    run_flow(recipe, {out}, run, watch);
  }
  std::vector<Recipe> flows;
  for (const fs::path& flow : recipe.flows) flows.push_back(read_recipe(flow, settings));
  for (const Recipe& flow : flows) {
    record.flows.push_back(flow.file.stem().string());
    run_flow(flow, {fs::path(out) / record.flows.back()}, run, watch);
  }
  record.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  write_run_record(out, record);
  const fs::path page = fs::path(out) / "report.html";
  write_report(out, page, fs::path(out) / "summary.json");
  fmt::print("{}\n", page.string());
}

void report_verb(Arguments arguments, Run /*run*/) {
  std::string run_folder;
  std::string html;
  std::string summary;
  CommandLine line("report", "Writes the page and the summary of a finished run again.");
  line.input("RUN", run_folder, "the folder that tpt run wrote");
  line.text("html", html, "where the page goes [RUN/report.html]");
  line.text("summary", summary, "where the figures go [RUN/summary.json]");
  line.example("tpt report build/demo");
  if (!line.parse(arguments)) return;
  const fs::path folder = run_folder;
  if (html.empty()) html = (folder / "report.html").string();
  if (summary.empty()) summary = (folder / "summary.json").string();
  write_report(folder, html, summary);
  fmt::print("{}\n", html);
}

}  // namespace tpt::app
