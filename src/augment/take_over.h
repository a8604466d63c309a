// Rows that stand in parts, here or on another machine, for a journal that has been lost: what they
// hold was paid for.
#pragma once

#include "augment/augment.h"
#include "storage/journal.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::augment {

// What thinking at the cap comes to where that is more than the answer as it came: "trim",
// "continue:3"; else "".
std::string cap_policy(const Config& config);

struct TakeOver {
  std::vector<std::filesystem::path> parts;  // of rows, kept or rejected
  // All of the parts were made under the present cap_policy(). Else rows that it would have changed
  // are left out: what the engine had said is not told by them.
  bool same_policy = true;
  // Called once the rows of a part are in the journal for certain.
  std::function<void(const std::filesystem::path&)> on_taken;
};

// Puts the answers of rows into the journal of `folder`, where they are not there yet, by the
// identity of each row: one of another prompt, model or sampling will not be found there. Gives how
// many it put. A damaged part is warned of and left out. Throws Interrupted once asked to stop.
std::int64_t take_over_rows(const Config& config, const TakeOver& from,
                            const std::filesystem::path& folder, const std::stop_token& stop);
std::int64_t take_over_rows(const Config& config, const TakeOver& from, storage::Journal& journal,
                            const std::stop_token& stop);

// Where the journal of `folder` is empty or has lost entries: takes what the folder's own parts
// hold of them, and warns of what that is.
void take_over_own_rows(const Config& config, const std::filesystem::path& folder,
                        storage::Journal& journal, const std::stop_token& stop);

}  // namespace tpt::augment
