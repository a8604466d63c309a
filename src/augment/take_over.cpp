#include "augment/take_over.h"

#include "augment/answer.h"
#include "base/error.h"
#include "base/log.h"
#include "storage/augmented_file.h"
#include "storage/journal.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace tpt::augment {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCommitEvery = 1000;

// Cut or continued: not the answer as it came.
bool is_of_a_policy(const Config& config, const Trajectory& trajectory) {
  return trajectory.finish == Finish::trimmed ||
         trajectory.thinking_tokens > config.max_thinking_tokens;
}

class Taker {
 public:
  Taker(const Config& config, const TakeOver& from, storage::Journal& journal)
      : config_(config), from_(from), journal_(journal) {}

  void take(const fs::path& part) {
    try {
      storage::AugmentedReader rows(part);
      for (AugmentedDocument row; rows.next(row);) take(std::move(row));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      log_warning("{}; what it held is asked for again", error.what());
    }
    journal_.commit();
    if (from_.on_taken) from_.on_taken(part);
  }

  std::int64_t taken() const { return taken_; }

 private:
  void take(AugmentedDocument row) {
    Trajectory& trajectory = row.trajectory;
    const std::string& id = row.document.id;
    if (trajectory.request_sha256.empty() || trajectory.finish == Finish::error) return;
    const bool is_settled = is_of_a_policy(config_, trajectory);
    if (is_settled && !from_.same_policy) return;
    if (journal_.find(id, trajectory.rollout, trajectory.request_sha256)) return;
    const Answer answer{.thinking = std::move(trajectory.text),
                        .finish = trajectory.finish,
                        .prompt_tokens = trajectory.prompt_tokens,
                        .thinking_tokens = trajectory.thinking_tokens,
                        .context_bytes = trajectory.context_bytes,
                        .seconds = 0,
                        .settled_under = is_settled ? cap_policy(config_) : ""};
    journal_.put(id, trajectory.rollout, trajectory.request_sha256, encode(answer));
    ++taken_;
    if (journal_.uncommitted() >= kCommitEvery) journal_.commit();
  }

  const Config& config_;
  const TakeOver& from_;
  storage::Journal& journal_;
  std::int64_t taken_ = 0;
};

// Of the folder itself and of its rejected/.
std::vector<fs::path> own_parts(const fs::path& folder) {
  std::vector<fs::path> parts;
  std::error_code none;
  for (const fs::path& place : {folder, folder / "rejected"}) {
    for (const auto& entry : fs::directory_iterator(place, none)) {
      const std::string name = entry.path().filename().string();
      const bool is_part = name.starts_with("part-") && name.ends_with(".parquet");
      if (is_part && entry.is_regular_file(none)) parts.push_back(entry.path());
    }
  }
  return parts;
}

}  // namespace

std::string cap_policy(const Config& config) {
  if (config.at_cap == AtCap::trim) return "trim";
  if (config.at_cap == AtCap::go_on) return fmt::format("continue:{}", config.max_continuations);
  return "";
}

std::int64_t take_over_rows(const Config& config, const TakeOver& from, const fs::path& folder,
                            const std::stop_token& stop) {
  storage::Journal journal(folder / "journal.sqlite");
  return take_over_rows(config, from, journal, stop);
}

std::int64_t take_over_rows(const Config& config, const TakeOver& from, storage::Journal& journal,
                            const std::stop_token& stop) {
  Taker taker(config, from, journal);
  for (const fs::path& part : from.parts) {
    if (stop.stop_requested()) {
      throw Interrupted("augment: stopped while it took over rows; run the same command again");
    }
    taker.take(part);
  }
  return taker.taken();
}

void take_over_own_rows(const Config& config, const fs::path& folder, storage::Journal& journal,
                        const std::stop_token& stop) {
  const std::int64_t lost = journal.lost();
  if (lost == 0 && journal.size() > 0) return;
  const std::vector<fs::path> parts = own_parts(folder);
  if (lost == 0 && parts.empty()) return;
  // Under which policy each of them was written is not known.
  const TakeOver from{.parts = parts, .same_policy = false, .on_taken = {}};
  const std::int64_t taken = take_over_rows(config, from, journal, stop);
  const std::string file = (folder / "journal.sqlite").string();
  if (lost > 0) {
    log_warning(
        "{}: {} answers that had been committed are gone; {} were taken from the rows in {} parts, "
        "the others will be asked for again",
        file, lost, taken, parts.size());
  } else if (taken > 0) {
    log_warning("{}: was not there; {} answers were taken from the rows in {} parts", file, taken,
                parts.size());
  }
}

}  // namespace tpt::augment
