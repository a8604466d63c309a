#include "storage/shard_folders.h"

#include "base/error.h"
#include "storage/files.h"

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

struct Name {
  std::int64_t index = 0;
  std::int64_t count = 0;
};

std::optional<std::int64_t> number(std::string_view digits) {
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [behind, problem] = std::from_chars(digits.data(), end, value);
  if (problem != std::errc() || behind != end || digits.empty()) return std::nullopt;
  return value;
}

std::optional<Name> parse(std::string_view name) {
  constexpr std::string_view kStart = "shard-";
  constexpr std::string_view kMiddle = "-of-";
  const std::size_t middle = name.find(kMiddle);
  if (!name.starts_with(kStart) || middle == std::string_view::npos) return std::nullopt;
  const auto index = number(name.substr(kStart.size(), middle - kStart.size()));
  const auto count = number(name.substr(middle + kMiddle.size()));
  if (!index || !count || *index < 0 || *index >= *count) return std::nullopt;
  return Name{*index, *count};
}

// The shards that stand in the folder, by their names; true where one is finished.
std::map<std::string, bool> found_shards(const fs::path& folder) {
  std::map<std::string, bool> found;
  if (is_remote(folder)) {
    const std::size_t start = (folder / "").native().size();
    for (const StoredFile& file : files_below(folder)) {
      const fs::path inside = file.path.native().substr(start);
      const std::string first = inside.begin()->string();
      if (!parse(first)) continue;
      found[first] |= inside == fs::path(first) / "manifest.json";
    }
    return found;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && parse(name)) {
      found[name] = fs::exists(entry.path() / "manifest.json");
    }
  }
  return found;
}

void name_one(std::string& list, const std::string& name, std::int64_t number_before) {
  constexpr std::int64_t kNamed = 8;
  if (number_before < kNamed) list += (list.empty() ? "" : ", ") + name;
  if (number_before == kNamed) list += ", ...";
}

}  // namespace

std::string shard_folder_name(std::int64_t index, std::int64_t count) {
  return fmt::format("shard-{:05}-of-{:05}", index, count);
}

std::vector<fs::path> shard_folders(const fs::path& folder) {
  const std::map<std::string, bool> found = found_shards(folder);
  if (found.empty()) return {};
  std::set<std::int64_t> counts;
  for (const auto& [name, finished] : found) counts.insert(parse(name)->count);
  if (counts.size() > 1) {
    user_error("{}: holds shards of {} and of {}: they are not parts of one corpus",
               folder.string(), *counts.begin(), *counts.rbegin());
  }
  std::vector<fs::path> folders;
  std::string missing;
  std::string unfinished;
  std::int64_t missing_count = 0;
  std::int64_t unfinished_count = 0;
  for (std::int64_t i = 0; i < *counts.begin(); ++i) {
    const std::string name = shard_folder_name(i, *counts.begin());
    const auto shard = found.find(name);
    if (shard == found.end()) {
      name_one(missing, name, missing_count++);
    } else if (!shard->second) {
      name_one(unfinished, name, unfinished_count++);
    }
    folders.push_back(folder / name);
  }
  if (missing_count + unfinished_count > 0) {
    std::string what;
    if (missing_count > 0) what += fmt::format("{} missing ({})", missing_count, missing);
    if (unfinished_count > 0) {
      what += fmt::format("{}{} not finished ({})", what.empty() ? "" : ", ", unfinished_count,
                          unfinished);
    }
    user_error("{}: of {} shards {}: run them before their rows are read", folder.string(),
               *counts.begin(), what);
  }
  return folders;
}

}  // namespace tpt::storage
