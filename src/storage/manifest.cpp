#include "storage/manifest.h"

#include "base/digest.h"
#include "base/error.h"
#include "storage/atomic_file.h"

#include <algorithm>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

Json to_json(const std::vector<FileDigest>& files) {
  Json list = Json::array();
  for (const FileDigest& file : files) {
    list.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return list;
}

std::vector<FileDigest> digests_from_json(const Json& list) {
  std::vector<FileDigest> files;
  for (const Json& item : list) {
    files.push_back({.path = item.at("path").get<std::string>(),
                     .bytes = item.at("bytes").get<std::int64_t>(),
                     .sha256 = item.at("sha256").get<std::string>()});
  }
  return files;
}

FileDigest digest(const fs::path& file, std::string name) {
  return {.path = std::move(name),
          .bytes = static_cast<std::int64_t>(fs::file_size(file)),
          .sha256 = sha256_of_file(file)};
}

// The start record, without what may change between machines: where the inputs lie.
Json started_record(const std::string& step, const Json& recipe,
                    const std::vector<FileDigest>& inputs) {
  return {{"step", step}, {"recipe", recipe}, {"inputs", to_json(inputs)}};
}

void find_differences(const Json& before, const Json& now, const std::string& name,
                      std::vector<std::string>& found) {
  if (before.is_object() && now.is_object()) {
    for (const auto& [key, value] : now.items()) {
      const std::string inner = name.empty() ? key : name + "." + key;
      find_differences(before.contains(key) ? before.at(key) : Json(), value, inner, found);
    }
    for (const auto& [key, value] : before.items()) {
      if (!now.contains(key))
        found.push_back(fmt::format("{}{}{} is gone", name, name.empty() ? "" : ".", key));
    }
  } else if (before != now) {
    found.push_back(fmt::format("{}: {} there, {} now", name, dump_json(before), dump_json(now)));
  }
}

// Inputs by name and content; moving a file is no difference, its bytes are.
void find_input_differences(const Json& before, const Json& now, std::vector<std::string>& found) {
  const auto hashes = [](const Json& list) {
    std::vector<std::string> all;
    for (const Json& item : list) all.push_back(item.at("sha256").get<std::string>());
    return all;
  };
  if (hashes(before) == hashes(now)) return;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    if (before[i].at("sha256") != now[i].at("sha256")) {
      found.push_back(
          fmt::format("input {} has other content", now[i].at("path").get<std::string>()));
      return;
    }
  }
  found.push_back(fmt::format("{} input files there, {} now", before.size(), now.size()));
}

void refuse_other(const fs::path& folder, const Json& before, const Json& now) {
  std::vector<std::string> found;
  find_differences(before.at("step"), now.at("step"), "step", found);
  find_differences(before.at("recipe"), now.at("recipe"), "", found);
  find_input_differences(before.at("inputs"), now.at("inputs"), found);
  if (found.empty()) return;
  std::string differences = found[0];
  for (std::size_t i = 1; i < std::min<std::size_t>(found.size(), 4); ++i) {
    differences += "; " + found[i];
  }
  user_error(
      "{} holds a step with other options or inputs ({}): choose another --out, or remove it",
      folder.string(), differences);
}

}  // namespace

std::vector<FileDigest> digest_inputs(const std::vector<fs::path>& paths) {
  std::vector<FileDigest> digests;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) {
      if (!fs::exists(path)) io_error("{}: no such file", path.string());
      digests.push_back(digest(path, path.string()));
      continue;
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const std::string name = file.filename().string();
      if (name == "manifest.json" || name == "started.json") continue;
      digests.push_back(digest(file, file.string()));
    }
  }
  return digests;
}

void write_manifest(const fs::path& folder, Manifest manifest,
                    const std::vector<std::string>& output_names) {
  for (const std::string& name : output_names) {
    manifest.outputs.push_back(digest(folder / name, name));
  }
  const Json json = {{"step", manifest.step},
                     {"recipe", manifest.recipe},
                     {"inputs", to_json(manifest.inputs)},
                     {"outputs", to_json(manifest.outputs)},
                     {"counts", manifest.counts},
                     {"seconds", manifest.seconds}};
  write_file_atomically(folder / "manifest.json", dump_json_pretty(json));
}

std::optional<Manifest> read_manifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  if (!fs::exists(file)) return std::nullopt;
  const Json json = parse_json(read_file(file), file.string());
  try {
    return Manifest{.step = json.at("step").get<std::string>(),
                    .recipe = json.at("recipe"),
                    .inputs = digests_from_json(json.at("inputs")),
                    .outputs = digests_from_json(json.at("outputs")),
                    .counts = json.at("counts"),
                    .seconds = json.at("seconds").get<double>()};
  } catch (const Json::exception& problem) {
    data_error("{}: not a manifest: {}", file.string(), problem.what());
  }
}

bool already_finished(const fs::path& folder, const std::string& step, const Json& recipe,
                      const std::vector<FileDigest>& inputs) {
  fs::create_directories(folder);
  const Json now = started_record(step, recipe, inputs);
  const fs::path started = folder / "started.json";
  if (fs::exists(started)) {
    const Json before = parse_json(read_file(started), started.string());
    try {
      refuse_other(folder, before, now);
    } catch (const Json::exception& problem) {
      data_error("{}: not the record of a started step ({}): remove {}", started.string(),
                 problem.what(), folder.string());
    }
  } else {
    write_file_atomically(started, dump_json_pretty(now));
  }
  const auto manifest = read_manifest(folder);
  if (!manifest) return false;
  refuse_other(folder, started_record(manifest->step, manifest->recipe, manifest->inputs), now);
  return true;
}

}  // namespace tpt::storage
