#include "storage/digests.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::storage {
namespace {

constexpr std::string_view kName = "digests.json";

std::vector<std::string> file_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != kName) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Json read_list(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  const Json json = parse_json(text, file.string());
  if (text != dump_json_pretty(json)) {
    data_error("{}: damaged: not as it was written", file.string());
  }
  try {
    if (json.at("list_sha256").get<std::string>() != sha256_hex(dump_json(json.at("files")))) {
      data_error("{}: damaged: its list has another digest than it says", file.string());
    }
    return json.at("files");
  } catch (const nlohmann::json::exception& problem) {
    data_error("{}: damaged: {}", file.string(), problem.what());
  }
}

void check_file(const std::filesystem::path& path, const Json& expected) {
  std::error_code missing;
  const std::uintmax_t bytes = std::filesystem::file_size(path, missing);
  if (missing) {
    data_error("{}: missing, though {} lists it", path.string(), kName);
  }
  if (bytes != expected.at("bytes").get<std::uintmax_t>()) {
    data_error("{}: {} bytes, written with {}", path.string(), bytes, expected.at("bytes").dump());
  }
  if (sha256_of_file(path) != expected.at("sha256").get<std::string>()) {
    data_error("{}: damaged: not the bytes that were written (SHA-256)", path.string());
  }
}

}  // namespace

void write_digests(const std::filesystem::path& folder) {
  Json files = Json::object();
  for (const std::string& name : file_names(folder)) {
    const std::filesystem::path path = folder / name;
    files[name] = {{"bytes", std::filesystem::file_size(path)}, {"sha256", sha256_of_file(path)}};
  }
  const Json json = {{"files", files}, {"list_sha256", sha256_hex(dump_json(files))}};
  write_file_atomically(folder / kName, dump_json_pretty(json));
}

void check_digests(const std::filesystem::path& folder, Unlisted unlisted) {
  const std::filesystem::path list_file = folder / kName;
  if (!has_digests(folder)) {
    data_error("{}: missing", list_file.string());
  }
  const Json list = read_list(list_file);
  try {
    for (const auto& [name, expected] : list.items()) {
      check_file(folder / name, expected);
    }
  } catch (const nlohmann::json::exception& problem) {
    data_error("{}: damaged: {}", list_file.string(), problem.what());
  }
  for (const std::string& name : file_names(folder)) {
    const bool is_allowed = unlisted == Unlisted::no_weights && !name.ends_with(".safetensors");
    if (!list.contains(name) && !is_allowed) {
      data_error("{}: not in {}", (folder / name).string(), list_file.string());
    }
  }
}

bool has_digests(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kName);
}

}  // namespace tpt::storage
