#include "app/inspect_rows.h"

#include "base/error.h"
#include "storage/files.h"
#include "storage/parquet.h"

#include <algorithm>
#include <set>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// Going back a row must not read a part again.
constexpr std::size_t kWindowRows = 256;

// The folders below `root` that have Parquet files in them, relative to it; "" for itself.
std::set<std::string> folders_with_parts(const fs::path& root) {
  std::set<std::string> folders;
  for (const storage::StoredFile& file : storage::files_below(root)) {
    if (file.path.extension() != ".parquet") continue;
    folders.insert(file.path.lexically_relative(root).parent_path().string());
  }
  return folders;
}

std::vector<std::string> shards_among(const std::set<std::string>& folders) {
  std::set<std::string> found;
  for (const std::string& folder : folders) {
    const std::string first = folder.substr(0, folder.find('/'));
    if (first.starts_with("shard-") && first.find("-of-") != std::string::npos) found.insert(first);
  }
  std::vector<std::string> shards(found.begin(), found.end());
  // "shard-10-of-12" comes behind "shard-9-of-12".
  std::stable_sort(shards.begin(), shards.end(),
                   [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  return shards;
}

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return small(a) == small(b); }) != text.end();
}

}  // namespace

bool is_selected(const Selection& selection, const InspectedRow& row) {
  if (selection.which == Which::kept && row.rejected) return false;
  if (selection.which == Which::rejected && !row.rejected) return false;
  if (!selection.reason.empty() && row.reason != selection.reason) return false;
  if (!contains(row.row.document.id, selection.id)) return false;
  return selection.search.empty() || contains(row.row.document.text, selection.search) ||
         contains(row.row.trajectory.text, selection.search) ||
         contains(row.row.document.id, selection.search) || contains(row.detail, selection.search);
}

InspectedRows::InspectedRows(const fs::path& given) {
  if (storage::is_folder(given)) {
    const fs::path root = given.has_filename() ? given : given.parent_path();
    const std::set<std::string> found = folders_with_parts(root);
    std::vector<std::string> folders = shards_among(found);
    folders.insert(folders.begin(), "");
    for (const std::string& folder : folders) {
      const std::string inside = folder.empty() ? "" : folder + "/";
      const bool is_rejected = folder.empty() && root.filename() == "rejected";
      if (found.contains(folder)) add_folder(root, folder, is_rejected);
      if (found.contains(inside + "kept")) add_folder(root, inside + "kept", false);
      if (found.contains(inside + "rejected")) add_folder(root, inside + "rejected", true);
    }
  } else {
    if (!storage::is_file(given)) user_error("{}: no such folder or file", given.string());
    parts_.push_back({.path = given,
                      .shown = given.filename().string(),
                      .rejected = given.parent_path().filename() == "rejected"});
  }
  if (parts_.empty()) {
    user_error(
        "{}: no rows in it; expected what tpt augment or tpt filter wrote: part-*.parquet, "
        "kept/ and rejected/, or shard-*-of-*",
        given.string());
  }
  for (Part& part : parts_) {
    part.first = size_;
    part.rows = storage::ParquetReader(part.path).rows();
    size_ += part.rows;
  }
}

void InspectedRows::add_folder(const fs::path& root, const std::string& folder, bool rejected) {
  for (const fs::path& path : storage::parquet_parts(folder.empty() ? root : root / folder)) {
    parts_.push_back(
        {.path = path, .shown = path.lexically_relative(root).string(), .rejected = rejected});
  }
}

void InspectedRows::open(const Part& part) {
  reader_ = std::make_unique<storage::AugmentedReader>(part.path);
  open_part_ = &part;
  next_ = part.first;
  window_.clear();
}

const InspectedRow& InspectedRows::at(std::int64_t index) {
  TPT_CHECK(index >= 0 && index < size_);
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), index,
                       [](std::int64_t wanted, const Part& part) { return wanted < part.first; });
  const Part& part = *std::prev(behind);
  const std::int64_t oldest = next_ - static_cast<std::int64_t>(window_.size());
  if (open_part_ != &part || index < oldest) open(part);
  while (next_ <= index) {
    InspectedRow row{.rejected = part.rejected, .file = part.shown};
    if (!reader_->next(row.row)) {
      data_error("{}: ends before its row {}", part.path.string(), next_ - part.first + 1);
    }
    row.reason = reader_->reason();
    row.detail = reader_->detail();
    row.rejected = row.rejected || !row.reason.empty();
    row.number = ++next_ - part.first;
    window_.push_back(std::move(row));
    if (window_.size() > kWindowRows) window_.pop_front();
  }
  return window_[window_.size() - static_cast<std::size_t>(next_ - index)];
}

std::optional<std::int64_t> InspectedRows::find(const Selection& selection, std::int64_t from,
                                                bool backwards) {
  if (!backwards) {
    for (std::int64_t index = std::max<std::int64_t>(from, 0); index < size_; ++index) {
      if (is_selected(selection, at(index))) return index;
    }
    return std::nullopt;
  }
  // Forwards through blocks of a window's size, because a part is read from its beginning.
  std::int64_t end = std::min(from, size_);
  while (end > 0) {
    const std::int64_t begin =
        std::max<std::int64_t>(0, end - static_cast<std::int64_t>(kWindowRows) / 2);
    std::optional<std::int64_t> last;
    for (std::int64_t index = begin; index < end; ++index) {
      if (is_selected(selection, at(index))) last = index;
    }
    if (last) return last;
    end = begin;
  }
  return std::nullopt;
}

}  // namespace tpt::app
