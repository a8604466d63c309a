#include "train/spike_record.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "train/whole_folder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;

fs::path folder_of_spike(const fs::path& folder, std::int64_t step) {
  return folder / "spikes" / ("step-" + std::to_string(step));
}

std::optional<fs::path> newest_before(const fs::path& folder, std::int64_t step) {
  for (const fs::path& state : states_of(folder)) {
    if (step_of_state(state) < step) {
      return state;
    }
  }
  return std::nullopt;
}

// The same files under a second name: they stay when the state is removed, and cost no room.
void link_files(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    std::error_code problem;
    const fs::path place = to / entry.path().filename();
    fs::create_hard_link(entry.path(), place, problem);
    if (problem) {
      fs::copy_file(entry.path(), place);
    }
  }
}

}  // namespace

Json describe_rows(const DoneStep& step, const RowStream& rows, const pack::ShardReader& shards) {
  Json described = Json::array();
  Place place = step.place;
  for (std::int64_t i = 0; i < step.rows; ++i, ++place.row) {
    if (place.row == rows.rows_of_epoch()) {
      place = {place.epoch + 1, 0};
    }
    Json pieces = Json::array();
    for (const pack::Piece& piece : rows.pieces(place)) {
      pieces.push_back({{"document", shards.name(piece.sequence)},
                        {"sequence", piece.sequence},
                        {"offset", piece.offset},
                        {"tokens", piece.tokens}});
    }
    described.push_back({{"epoch", place.epoch}, {"row", place.row}, {"pieces", pieces}});
  }
  return described;
}

void keep_spike(const fs::path& folder, const DoneStep& step, const Json& rows) {
  const fs::path kept = folder_of_spike(folder, step.number);
  fs::create_directories(kept.parent_path());
  write_whole_folder(kept, [&](const fs::path& partial) {
    Json json = to_json(step);
    json["loss"] = fmt::format("{}", step.loss);
    json["gradient_norm"] = fmt::format("{}", step.gradient_norm);
    json["batch"] = rows;
    storage::write_file_atomically(partial / "step.json", dump_json_pretty(json));
    if (const auto state = newest_before(folder, step.number)) {
      link_files(*state, partial / state->filename());
    }
  });
}

fs::path state_before(const fs::path& folder, std::int64_t step) {
  if (const auto kept = newest_before(folder_of_spike(folder, step), step)) {
    return *kept;
  }
  if (const auto state = newest_before(folder, step)) {
    return *state;
  }
  user_error(
      "{}: holds no state before step {}: only states that keep_states and spikes keep can be gone "
      "back to",
      folder.string(), step);
}

}  // namespace tpt::train
