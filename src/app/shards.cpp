#include "app/shards.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/files.h"
#include "storage/remote_files.h"
#include "storage/shard_folders.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostShards = 99'999;
constexpr const char* kAllowed = "K/N with K from 0 to N-1, auto, auto/N";

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [behind, problem] = std::from_chars(text.data(), end, value);
  if (text.empty() || problem != std::errc() || behind != end || value < 0) return std::nullopt;
  return value;
}

std::optional<std::int64_t> from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const auto value = number(text);
  if (!value) user_error("--shard auto: {} is {}, expected a number", name, text);
  return value;
}

std::int64_t needed(const char* name) {
  const auto value = from_environment(name);
  if (!value) user_error("--shard auto: {} is not set", name);
  return *value;
}

corpus::Shard checked(std::int64_t index, std::int64_t count, const std::string& given) {
  if (count < 1 || count > kMostShards || index >= count) {
    user_error("--shard: got {} (shard {} of {}), allowed: {}, N up to {}", given, index, count,
               kAllowed, kMostShards);
  }
  return {index, count};
}

// Of an array MIN, MIN+STEP, ... MAX of COUNT tasks.
corpus::Shard of_slurm(std::int64_t task) {
  const std::int64_t first = needed("SLURM_ARRAY_TASK_MIN");
  const std::int64_t last = needed("SLURM_ARRAY_TASK_MAX");
  const std::int64_t count = needed("SLURM_ARRAY_TASK_COUNT");
  // A list such as 0,4,8 names no step.
  const std::int64_t step = count > 1 ? (last - first) / (count - 1) : 1;
  const bool even = count >= 1 && step >= 1 && first + step * (count - 1) == last &&
                    task >= first && task <= last && (task - first) % step == 0;
  if (!even) {
    user_error(
        "--shard auto: the array's task {} of {} from {} to {} are no even steps: give "
        "--shard auto/N, or an array such as 0-15",
        task, count, first, last);
  }
  return {(task - first) / step, count};
}

// Who started this process, and its number there.
struct Started {
  bool by_slurm = false;
  std::int64_t index = 0;
};

Started started() {
  const auto task = from_environment("SLURM_ARRAY_TASK_ID");
  const auto completion = from_environment("JOB_COMPLETION_INDEX");
  if (task && completion) {
    user_error(
        "--shard auto: both SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are set: give "
        "--shard K/N");
  }
  if (!task && !completion) {
    user_error(
        "--shard auto: neither SLURM_ARRAY_TASK_ID (a Slurm array) nor JOB_COMPLETION_INDEX "
        "(a Kubernetes indexed job) is set: give --shard K/N");
  }
  return {task.has_value(), task ? *task : *completion};
}

// Where a record already stands, that one stays.
void write_first(const fs::path& file, const std::string& bytes) {
  if (storage::is_remote(file)) {
    if (!storage::is_file(file)) storage::put_remote_bytes(bytes, file);
    return;
  }
  std::error_code problem;
  fs::create_directories(file.parent_path(), problem);
  if (problem) io_error("cannot make {}: {}", file.parent_path().string(), problem.message());
  if (fs::exists(file)) return;
  // Shards that start at the same moment each write their own and one of them gets the name.
  std::string own = file.string() + ".XXXXXX";
  const int made = mkstemp(own.data());
  if (made < 0) io_error("cannot write {}: {}", own, std::strerror(errno));
  close(made);
  storage::write_file_atomically(own, bytes);
  fs::create_hard_link(own, file, problem);
  if (problem && !fs::exists(file)) {
    // A file system without links: the rename replaces what another shard wrote just now, which is
    // the same unless the two disagree, and then one of them is refused below or at its next start.
    fs::rename(own, file, problem);
    if (problem) io_error("cannot write {}: {}", file.string(), problem.message());
  }
  fs::remove(own, problem);
}

}  // namespace

corpus::Shard shard_from(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string left = text.substr(0, slash);
  const auto index = number(left);
  const bool counted = slash != std::string::npos;
  const std::int64_t count = counted ? number(text.substr(slash + 1)).value_or(-1) : 0;
  const bool known = counted ? count >= 0 && (index || left == "auto") : left == "auto";
  if (!known) user_error("--shard: got {}, allowed: {}", text, kAllowed);
  if (index) return checked(*index, count, text);
  const Started by = started();
  if (counted) return checked(by.index, count, text);
  if (!by.by_slurm) return checked(by.index, needed("JOB_COMPLETIONS"), text);
  const corpus::Shard shard = of_slurm(by.index);
  return checked(shard.index, shard.count, text);
}

fs::path shard_folder(const fs::path& out, corpus::Shard shard, const corpus::ShardPlan& plan) {
  const fs::path file = out / "shards.json";
  Json record = corpus::to_json(plan);
  record["shards"] = shard.count;
  write_first(file, dump_json_pretty(record));
  const std::string bytes =
      storage::is_remote(file) ? storage::read_remote(file) : storage::read_file(file);
  const Json before = parse_json(bytes, file.string());
  if (before.value("shards", Json()) != shard.count) {
    user_error("{}: holds a corpus in {} shards, got --shard {}/{}: choose another --out",
               out.string(), dump_json(before.value("shards", Json())), shard.index, shard.count);
  }
  if (before != record) {
    user_error(
        "{}: its shards are of another corpus (names or sizes of files differ: {} there, {} now): "
        "choose another --out",
        out.string(), dump_json(before), dump_json(record));
  }
  return out / storage::shard_folder_name(shard.index, shard.count);
}

}  // namespace tpt::app
