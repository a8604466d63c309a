#include "storage/manifest.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "storage/atomic_file.h"
#include "storage/files.h"
#include "storage/remote_files.h"

#include <algorithm>
#include <future>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

Json to_json(const std::vector<FileDigest>& files) {
  Json list = Json::array();
  for (const FileDigest& file : files) {
    Json item = {{"path", file.path}, {"bytes", file.bytes}};
    if (!file.sha256.empty()) item["sha256"] = file.sha256;
    if (!file.etag.empty()) item["etag"] = file.etag;
    if (!file.version.empty()) item["version"] = file.version;
    list.push_back(std::move(item));
  }
  return list;
}

// What tells one content from another.
std::string content_of(const Json& item) {
  if (item.contains("sha256")) return item.at("sha256").get<std::string>();
  return fmt::format("{} {}", item.at("etag").get<std::string>(),
                     item.at("bytes").get<std::int64_t>());
}

std::vector<FileDigest> digests_from_json(const Json& list) {
  std::vector<FileDigest> files;
  for (const Json& item : list) {
    const bool hashed = item.contains("sha256");
    files.push_back({.path = item.at("path").get<std::string>(),
                     .bytes = item.at("bytes").get<std::int64_t>(),
                     .sha256 = hashed ? item.at("sha256").get<std::string>() : "",
                     .etag = hashed ? "" : item.at("etag").get<std::string>(),
                     .version = item.value("version", "")});
  }
  return files;
}

FileDigest digest(const fs::path& file, std::string name) {
  if (is_remote(file)) {
    RemoteContent content = remote_content(file);
    return {.path = std::move(name),
            .bytes = content.bytes,
            .etag = std::move(content.etag),
            .version = std::move(content.version)};
  }
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
  const auto contents = [](const Json& list) {
    std::vector<std::string> all;
    for (const Json& item : list) all.push_back(content_of(item));
    return all;
  };
  if (contents(before) == contents(now)) return;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    if (content_of(before[i]) != content_of(now[i])) {
      found.push_back(
          fmt::format("input {} has other content", now[i].at("path").get<std::string>()));
      return;
    }
  }
  found.push_back(fmt::format("{} input files there, {} now", before.size(), now.size()));
}

// What differs, at most the first four things; "" for nothing.
std::string differences_of(const Json& before, const Json& now) {
  std::vector<std::string> found;
  find_differences(before.at("step"), now.at("step"), "step", found);
  find_differences(before.at("recipe"), now.at("recipe"), "", found);
  find_input_differences(before.at("inputs"), now.at("inputs"), found);
  if (found.empty()) return "";
  std::string differences = found[0];
  for (std::size_t i = 1; i < std::min<std::size_t>(found.size(), 4); ++i) {
    differences += "; " + found[i];
  }
  return differences;
}

[[noreturn]] void refuse(const fs::path& shown, const std::string& differences, Update update) {
  user_error(
      "{} holds a step with other options or inputs ({}): choose another --out, {}or remove it",
      shown.string(), differences,
      update == Update::possible ? "do again what differs with --update, " : "");
}

// True where the folder belongs to other options or inputs and is to go on with these.
bool is_other(const fs::path& shown, const Json& before, const Json& now, Update update) {
  const std::string differences = differences_of(before, now);
  if (differences.empty() || update == Update::wanted) return !differences.empty();
  refuse(shown, differences, update);
}

// Objects are asked about many at a time: each costs a round trip and nothing else.
std::vector<FileDigest> digest_files(const std::vector<fs::path>& files) {
  constexpr std::size_t kAtOnce = 16;
  std::vector<FileDigest> digests(files.size());
  std::vector<std::future<FileDigest>> asked;
  for (std::size_t begin = 0; begin < files.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, files.size());
    asked.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const auto policy = is_remote(files[i]) ? std::launch::async : std::launch::deferred;
      asked.push_back(
          std::async(policy, [&file = files[i]] { return digest(file, file.string()); }));
    }
    for (std::size_t i = begin; i < end; ++i) digests[i] = asked[i - begin].get();
  }
  return digests;
}

}  // namespace

std::vector<FileDigest> digest_inputs(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    if (!is_folder(path)) {
      if (!is_file(path)) io_error("{}: no such file", path.string());
      files.push_back(path);
      continue;
    }
    for (const StoredFile& file : files_below(path)) {
      const std::string name = file.path.filename().string();
      if (name != "manifest.json" && name != "started.json") files.push_back(file.path);
    }
  }
  return digest_files(files);
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
                      const std::vector<FileDigest>& inputs, Update update, const fs::path& shown) {
  const fs::path& name = shown.empty() ? folder : shown;
  fs::create_directories(folder);
  const Json now = started_record(step, recipe, inputs);
  const fs::path started = folder / "started.json";
  bool is_new = !fs::exists(started);
  if (!is_new) {
    const Json before = parse_json(read_file(started), started.string());
    try {
      is_new = is_other(name, before, now, update);
    } catch (const Json::exception& problem) {
      data_error("{}: not the record of a started step ({}): remove {}", started.string(),
                 problem.what(), folder.string());
    }
  }
  if (is_new) {
    // A folder is never finished with a record that is not the one it was finished with.
    if (update == Update::wanted) reopen(folder);
    write_file_atomically(started, dump_json_pretty(now));
  }
  const auto manifest = read_manifest(folder);
  if (!manifest) return false;
  const Json finished = started_record(manifest->step, manifest->recipe, manifest->inputs);
  if (is_other(name, finished, now, update)) {
    reopen(folder);
    return false;
  }
  return true;
}

void record_engine(const fs::path& folder, const std::string& name, Update update,
                   const fs::path& shown) {
  const fs::path started = folder / "started.json";
  Json record = parse_json(read_file(started), started.string());
  const std::string before = record.value("engine", "");
  if (before == name) return;
  if (!before.empty()) {
    const std::string difference = fmt::format("engine: {} there, {} now", before, name);
    if (update != Update::wanted) refuse(shown.empty() ? folder : shown, difference, update);
    log_info("{}: {}; what the first one answered is asked for again", folder.string(), difference);
  }
  record["engine"] = name;
  write_file_atomically(started, dump_json_pretty(record));
}

void reopen(const fs::path& folder) {
  const fs::path manifest = folder / "manifest.json";
  if (fs::remove(manifest)) sync_folder(manifest);
}

}  // namespace tpt::storage
