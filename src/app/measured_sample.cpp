#include "app/measured_sample.h"

#include "app/stage.h"
#include "base/error.h"
#include "base/random.h"
#include "storage/augmented_file.h"
#include "storage/files.h"
#include "storage/manifest.h"
#include "storage/shard_folders.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// The folders with a manifest: the one, or its shards.
std::vector<fs::path> folders_of(const fs::path& folder) {
  if (storage::is_remote(folder)) {
    user_error("plan.measured: {}: a sample is read from a disk: copy it there", folder.string());
  }
  if (!fs::is_directory(folder)) user_error("plan.measured: {}: no such folder", folder.string());
  std::vector<fs::path> folders = storage::shard_folders(folder);
  if (folders.empty()) folders.push_back(folder);
  return folders;
}

storage::Manifest finished_manifest(const fs::path& folder) {
  auto manifest = storage::read_manifest(folder);
  if (manifest && manifest->step == "augment") return *std::move(manifest);
  if (manifest) {
    user_error("plan.measured: {} is the folder of tpt {}, allowed: one of tpt augment",
               folder.string(), manifest->step);
  }
  if (fs::exists(folder / "journal.sqlite")) {
    user_error(
        "plan.measured: {} is not finished, and the rows that are missing may be the long ones: "
        "run it to its end, or a smaller one with --limit",
        folder.string());
  }
  user_error("plan.measured: {} is no folder of tpt augment", folder.string());
}

class Documents {
 public:
  Documents(MeasuredSample& sample, std::int64_t documents_read, const pack::Composer& composer,
            pack::Format format, const filter::Filter* filter)
      : sample_(sample),
        one_in_(static_cast<std::uint64_t>(std::max<std::int64_t>(
            1, (documents_read + kMostSampleDocuments - 1) / kMostSampleDocuments))),
        composer_(composer),
        joins_chunks_(format == pack::Format::interleaved),
        filter_(filter) {}

  void read(const fs::path& folder, bool kept) {
    storage::AugmentedReader rows(folder);
    for (AugmentedDocument row; rows.next(row);) add(std::move(row), kept);
    compose();
  }
  bool took_all() const { return one_in_ == 1; }

 private:
  void add(AugmentedDocument row, bool kept) {
    const Trajectory& thinking = row.trajectory;
    sample_.answer_tokens.add(thinking.thinking_tokens);
    sample_.prompt_tokens += thinking.prompt_tokens;
    if (derive_seed(0, row.document.id, "plan sample") % one_in_ != 0) return;
    const auto [found, is_new] = places_.emplace(row.document.id, sample_.documents.size());
    if (is_new) sample_.documents.emplace_back();
    const std::size_t place = found->second;
    SampleDocument& document = sample_.documents[place];
    // The chunks of the first rollout are the document.
    if (thinking.rollout == 0) {
      document.text_bytes += static_cast<double>(row.document.text.size());
    }
    document.rows += 1;
    document.prompt_tokens += static_cast<double>(thinking.prompt_tokens);
    document.thinking_tokens += static_cast<double>(thinking.thinking_tokens);
    if (!kept || (filter_ != nullptr && !filter_->judge(row).keep)) return;
    document.kept_rows += 1;
    document.kept_tokens += static_cast<double>(thinking.thinking_tokens);
    if (!joins_chunks_ || place != composed_ ||
        (!chunks_.empty() && chunks_.back().trajectory.rollout != thinking.rollout)) {
      compose();
    }
    composed_ = place;
    chunks_.push_back(std::move(row));
  }

  void compose() {
    if (chunks_.empty()) return;
    pack::DropReason reason;
    const auto sample =
        joins_chunks_ ? composer_.compose(chunks_, reason) : composer_.compose(chunks_[0], reason);
    if (sample) {
      sample_.documents[composed_].train_tokens +=
          static_cast<double>(composer_.tokenize(*sample).ids.size());
    }
    chunks_.clear();
  }

  MeasuredSample& sample_;
  std::uint64_t one_in_;
  const pack::Composer& composer_;
  bool joins_chunks_;
  const filter::Filter* filter_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<AugmentedDocument> chunks_;  // of one sample
  std::size_t composed_ = 0;               // the document they are of
};

void add_files(const fs::path& folder, MeasuredSample& sample) {
  for (const storage::StoredFile& file : storage::files_below(folder)) {
    const std::string name = file.path.filename().string();
    const auto bytes = static_cast<double>(file.bytes);
    if (name.starts_with("part-") && name.ends_with(".parquet")) sample.rows_bytes += bytes;
    if (name.starts_with("journal.sqlite")) sample.journal_bytes += bytes;
  }
}

void add_spend(const augment::SpendRecord& record, augment::SpendRecord& all) {
  all.calls = std::max(all.calls, record.calls);
  all.seconds += record.seconds;
  all.incomplete |= record.incomplete;
  for (const auto& [name, spend] : record.endpoints) all.endpoints[name] += spend;
}

}  // namespace

MeasuredSample read_sample(const fs::path& folder, const pack::Composer& composer,
                           pack::Format format, const filter::Filter* filter) {
  MeasuredSample sample;
  std::int64_t documents_read = 0;
  std::int64_t failed_rows = 0;
  const std::vector<fs::path> folders = folders_of(folder);
  for (const fs::path& each : folders) {
    const storage::Manifest manifest = finished_manifest(each);
    documents_read += manifest.counts.value("documents", std::int64_t{0});
    failed_rows += manifest.counts.value("failed", std::int64_t{0});
    add_spend(augment::read_spend(each), sample.spend);
    add_files(each, sample);
  }
  Documents documents(sample, documents_read, composer, format, filter);
  for (const fs::path& each : folders) {
    if (fs::exists(each / "part-00000.parquet")) documents.read(each, true);
    if (fs::exists(each / "rejected" / "part-00000.parquet"))
      documents.read(each / "rejected", false);
  }
  const auto answered = static_cast<double>(sample.answer_tokens.count());
  if (documents.took_all() && documents_read > 0) {
    sample.answered_share = std::min(
        1.0, static_cast<double>(sample.documents.size()) / static_cast<double>(documents_read));
  } else if (answered > 0) {
    sample.answered_share = answered / (answered + static_cast<double>(failed_rows));
  }
  return sample;
}

Json sample_options(const fs::path& folder) {
  const storage::Manifest manifest = finished_manifest(folders_of(folder).front());
  const auto options = manifest.recipe.find("augment");
  return options == manifest.recipe.end() ? Json::object() : *options;
}

std::vector<std::string> other_options(const Json& options, const augment::Config& config) {
  const Json usual = recorded("augment", augment::Config());
  const Json given = recorded("augment", config);
  std::vector<std::string> others;
  for (const auto& [name, here] : given.items()) {
    const auto there = options.find(name);
    if (here == usual.at(name) || there == options.end() || *there == here) continue;
    others.push_back(
        fmt::format("{}: {} there, {} here", name, dump_json(*there), dump_json(here)));
  }
  return others;
}

}  // namespace tpt::app
