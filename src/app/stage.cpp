#include "app/stage.h"

#include "base/error.h"
#include "base/log.h"
#include "storage/files.h"
#include "storage/manifest.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fnmatch.h>
#include <optional>
#include <string_view>
#include <system_error>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// Not part of the result: kept for going on after an interruption, or the record itself.
bool is_result(const fs::path& file) {
  const std::string name = file.filename().string();
  // The card tells what the run has cost too.
  constexpr std::array<std::string_view, 5> kRecords = {
      "manifest.json", "started.json", "spend.json", "spend.json.damaged", "README.md"};
  if (std::find(kRecords.begin(), kRecords.end(), name) != kRecords.end()) return false;
  return !name.starts_with("journal.sqlite") && file.extension() != ".lock" &&
         file.extension() != ".partial";
}

std::vector<std::string> result_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && is_result(entry.path())) {
      names.push_back(fs::relative(entry.path(), folder).string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void make_folder(const fs::path& folder) {
  if (folder.empty()) user_error("--out: got nothing, allowed: a folder");
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) io_error("cannot make the folder {}: {}", folder.string(), problem.message());
}

// What stands in a folder that no step has begun is somebody else's: it is left as it is.
void refuse_foreign_files(const Stage& stage) {
  if (stage.writes.empty()) return;
  std::vector<std::string> foreign;
  for (const auto& entry : fs::directory_iterator(stage.folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "started.json" || name == "manifest.json") return;
    const bool is_written = std::any_of(
        stage.writes.begin(), stage.writes.end(),
        [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
    if (is_written) foreign.push_back(name);
  }
  if (foreign.empty()) return;
  user_error(
      "{}: {} stands there, but no started.json: not what tpt wrote there; choose another --out",
      stage.folder.string(), *std::min_element(foreign.begin(), foreign.end()));
}

// The counts of the finished step; nothing where some of its rows failed and are to be asked for
// again.
std::optional<Json> finished_counts(const Stage& stage, const std::string& place) {
  Json counts = storage::read_manifest(stage.folder)->counts;
  const auto failed = counts.value("failed", std::int64_t{0});
  if (failed > 0 && stage.update == storage::Update::wanted) {
    log_info("{}: {} is finished, but for {} rows that failed", stage.step, place, failed);
    storage::reopen(stage.folder);
    return std::nullopt;
  }
  log_info("{}: {} is finished already", stage.step, place);
  if (failed > 0 && stage.update == storage::Update::possible) {
    log_info("{}: {} rows of it failed; tpt augment --update asks for them again", stage.step,
             failed);
  }
  return counts;
}

}  // namespace

Json run_stage(const Stage& stage, const std::function<Json()>& work) {
  if (storage::is_remote(stage.folder)) {
    user_error("--out {}: only tpt augment writes to S3; give a folder of this machine",
               stage.folder.string());
  }
  make_folder(stage.folder);
  refuse_foreign_files(stage);
  const auto inputs = storage::digest_inputs(stage.inputs);
  const fs::path& place = stage.place.empty() ? stage.folder : stage.place;
  if (storage::already_finished(stage.folder, stage.step, stage.recipe, inputs, stage.update,
                                place)) {
    if (auto counts = finished_counts(stage, place.string())) return *std::move(counts);
  }
  const auto started = std::chrono::steady_clock::now();
  storage::Manifest manifest{.step = stage.step, .recipe = stage.recipe, .inputs = inputs};
  manifest.counts = work();
  manifest.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const Json counts = manifest.counts;
  storage::write_manifest(stage.folder, std::move(manifest), result_files(stage.folder));
  return counts;
}

}  // namespace tpt::app
