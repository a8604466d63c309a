// What a finished step read, with which recipe, what it wrote, and how many. Written last: a folder
// without its manifest.json is unfinished. A step that finds another recipe or other inputs
// refuses, instead of mixing outputs.
#pragma once

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tpt::storage {

struct FileDigest {
  std::string path;  // as given for inputs, relative to the folder for outputs
  std::int64_t bytes = 0;
  std::string sha256;   // "" for an object on S3, which is not read for this
  std::string etag;     // of an object on S3
  std::string version;  // of an object in a bucket that keeps versions: for the record only

  bool operator==(const FileDigest&) const = default;
};

struct Manifest {
  std::string step;  // "augment"
  Json recipe;       // the resolved Config, as Fields::to_json gives it
  std::vector<FileDigest> inputs;
  std::vector<FileDigest> outputs;
  Json counts = Json::object();  // what the step counted, in its own words
  double seconds = 0;
};

// Digests of files; folders are walked in name order.
std::vector<FileDigest> digest_inputs(const std::vector<std::filesystem::path>& paths);

// Writes folder/manifest.json atomically, with digests of `output_names` (relative to the folder).
void write_manifest(const std::filesystem::path& folder, Manifest manifest,
                    const std::vector<std::string>& output_names);

// Nothing where there is none; Error(data) for a damaged one.
std::optional<Manifest> read_manifest(const std::filesystem::path& folder);

// Whether a step can go on in a folder of other options or inputs.
enum class Update {
  impossible,
  possible,  // it is refused, with a word of --update
  wanted     // the folder's record becomes the new one; there is work to do
};

// The start of a step. Records step, recipe and inputs in folder/started.json at the first call.
// True when the folder already holds the finished step with the same recipe and inputs (nothing to
// do). False when there is work to do. Error(user) when it was started or finished with others: the
// message names what differs and says to choose another
// --out or remove the folder. `shown` names the folder there where a person knows it by another
// name.
[[nodiscard]] bool already_finished(const std::filesystem::path& folder, const std::string& step,
                                    const Json& recipe, const std::vector<FileDigest>& inputs,
                                    Update update = Update::impossible,
                                    const std::filesystem::path& shown = {});

// What a step that was started learns only at its work and what decides its results all the same:
// the name of what answers. Stands in folder/started.json from then on. Error(user) as
// already_finished() where another one stands there, unless an update is wanted.
void record_engine(const std::filesystem::path& folder, const std::string& name, Update update,
                   const std::filesystem::path& shown = {});

// A finished step is to be gone on with: its folder has no manifest any more.
void reopen(const std::filesystem::path& folder);

}  // namespace tpt::storage
