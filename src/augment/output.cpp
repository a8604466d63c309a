#include "augment/output.h"

#include "base/json.h"

#include <utility>

namespace tpt::augment {

namespace {

constexpr const char* kFailures = "failed.jsonl";

}  // namespace

Output::Output(std::filesystem::path folder, std::int64_t rows_per_part)
    : folder_(std::move(folder)), rows_(folder_, rows_per_part) {}

void Output::put(AugmentedDocument row) { rows_.put(std::move(row)); }

void Output::put_failure(const std::string& id, const std::string& error) {
  if (!failures_) {
    failures_.emplace(folder_ / kFailures);
  }
  failures_->write(dump_json({{"id", id}, {"error", error}}) + "\n");
}

void Output::finish_failures() {
  if (failures_) {
    failures_->commit();
  } else {
    std::filesystem::remove(folder_ / kFailures);
    std::filesystem::remove(folder_ / (std::string(kFailures) + ".partial"));
  }
}

void Output::finish() {
  rows_.finish();
  finish_failures();
}

}  // namespace tpt::augment
